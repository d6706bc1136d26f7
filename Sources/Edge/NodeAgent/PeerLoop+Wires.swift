import BGPSession
import DispatchIO
import NetTypes

extension PeerLoop {
    /// Begins to open TCP to the peer.
    func connect(_ id: ConnectionID) {
        let remote = SocketAddress(settings.configuration.address, port: settings.port)
        let local = settings.localAddress.map { SocketAddress($0, port: 0) }
        do throws(SystemError) {
            let fd = try TCPSocket.connect(to: remote, from: local)
            addWire(id, fd: fd, connecting: true)
        } catch {
            // Told in a turn of its own: the machine has not finished the step that asked for the connection.
            let reason = "\(error.call): \(error.reason.lowercased())"
            post { $0.perform($0.machine.connectFailed(id, reason: reason, at: .now)) }
        }
    }

    /// Puts a descriptor under the loop's sources.
    func addWire(_ id: ConnectionID, fd: CInt, connecting: Bool) {
        let handlers = TCPConnection.Handlers(
            connected: { [weak self] in
                self?.assumeIsolated { $0.perform($0.machine.connected(id, at: .now)) }
            },
            received: { [weak self] bytes in
                // The buffer is lent for this call, and the call stays on this queue.
                nonisolated(unsafe) let bytes = bytes
                self?.assumeIsolated { $0.received(bytes, on: id) }
            },
            closed: { [weak self] reason in
                self?.assumeIsolated { $0.closed(id, reason) }
            },
            drained: { [weak self] in
                self?.assumeIsolated { $0.drained(id) }
            })
        wires[id] = Wire(TCPConnection(fd: fd, connecting: connecting, queue: executor.queue, handlers: handlers))
    }

    private func closed(_ id: ConnectionID, _ reason: String) {
        guard wires.removeValue(forKey: id) != nil else { return }
        perform(machine.closed(id, reason: reason.lowercased(), at: .now))
    }
}
