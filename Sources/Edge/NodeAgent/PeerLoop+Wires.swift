import BGPSession
import DispatchIO
import Glibc
import NetTypes

extension PeerLoop {
    private struct ConnectFailure: Error {
        let reason: String
    }

    /// Begins to open TCP to the peer.
    func connect(_ id: ConnectionID) {
        logAdvice()
        do throws(ConnectFailure) {
            addWire(id, fd: try openSocket(), connecting: true)
        } catch {
            // Told in a turn of its own: the machine has not finished the step that asked for the connection.
            let reason = error.reason
            post { $0.perform($0.machine.connectFailed(id, reason: reason, at: .now)) }
        }
    }

    /// A socket that connects, with the peer's password and options from the first packet on.
    private func openSocket() throws(ConnectFailure) -> CInt {
        let secret = try secret()
        guard let target else { throw ConnectFailure(reason: place.waiting ?? "the peer's address is not known") }
        let remote = SocketAddress(target.address, port: settings.port, scope: target.scope)
        let local = settings.localAddress.map { SocketAddress($0, port: 0, scope: $0.needsScope ? target.scope : 0) }
        do throws(SystemError) {
            return try TCPSocket.connect(to: remote, from: local, options: settings.options, secret: secret)
        } catch {
            throw ConnectFailure(reason: "\(error.call): \(error.reason.lowercased())")
        }
    }

    /// The peer's secret as it is in its file now; nil where it has none. Without the file there is no connection.
    private func secret() throws(ConnectFailure) -> TCPSecret? {
        guard let source = settings.secret else { return nil }
        do throws(TCPKey.Problem) {
            let secret = try TCPSecret(source)
            if wires.isEmpty { keysInUse = secret.identifiers }
            return secret
        } catch {
            throw ConnectFailure(reason: "\(source.file) \(error)")
        }
    }

    /// Gives an accepted connection what the peer's connections must have; closes it where that fails. The listener's
    /// key is not enough: the peer may have called before there was one.
    func secure(_ fd: CInt) -> Bool {
        let reason: String
        do throws(ConnectFailure) {
            let secret = try secret()
            do throws(SystemError) {
                try TCPSocket.apply(settings.options, to: fd)
                if let secret, let address = target?.address { try secret.set(on: fd, for: address) }
                return true
            } catch {
                reason = error.description
            }
        } catch {
            reason = error.reason
        }
        LogLine.refused(address: target?.description ?? name, reason).log(to: logger)
        close(fd)
        return false
    }

    /// The password file has changed: live connections go on with the new one.
    func changeKey() {
        let old = keysInUse
        guard let address = target?.address, let secret = try? secret() else { return }
        keysInUse = secret.identifiers
        for wire in wires.values {
            do throws(SystemError) {
                try wire.connection.setSecret(secret, for: address, replacing: old)
            } catch {
                LogLine.setting("the TCP keys of \(name)", failed: error.description).log(to: logger)
            }
        }
    }

    /// In a session the hold timers decide, and say why: the kernel, which would take a peer that reads slowly for a
    /// dead one, comes last.
    func useSendHoldTime(_ time: Duration?, of id: ConnectionID) {
        try? wires[id]?.connection.setUserTimeout(time.map { $0 + .seconds(10) })
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
            rested: { [weak self] in
                self?.assumeIsolated { $0.deliverBatch() }
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
