import BGPSession
import BGPWire
import DispatchIO
import NetTypes

// Peers that are configured as a range of addresses: each one that calls gets a peer of its own.
extension Agent {
    /// How often it is looked whether such peers have gone.
    private static let lookTime = Duration.seconds(2)

    /// The entry whose range has an address; the most specific one of several.
    func template(of address: IPAddress) -> Configuration.PeerSettings? {
        configuration.bgp.peers.filter { $0.location.range?.contains(address) == true }
            .max { $0.location.range?.length ?? 0 < $1.location.range?.length ?? 0 }
    }

    /// Makes a peer for whoever calls from a range, and hands it the connection.
    func admit(_ fd: CInt, _ remote: SocketAddress, _ template: Configuration.PeerSettings) {
        let settings = template.instance(remote.address)
        let count = peers.count { $0.template == template } + arriving.count
        guard drainState.state == .serving else { return refuse(fd, remote, "the node is drained") }
        guard !arriving.contains(settings.name) else { return refuse(fd, remote, "it has called a moment ago") }
        guard count < Int(template.maxPeers) else {
            return refuse(fd, remote, "\(template.name) has \(template.maxPeers) peers already (maxPeers)")
        }
        arriving.insert(settings.name)
        Task { await self.welcome(fd, remote, settings, template) }
    }

    private func welcome(
        _ fd: CInt, _ remote: SocketAddress, _ settings: Configuration.PeerSettings,
        _ template: Configuration.PeerSettings
    ) async {
        defer { arriving.remove(settings.name) }
        await startPeer(settings, template: template)
        guard let peer = peers.first(where: { $0.settings.name == settings.name }) else {
            return refuse(fd, remote, "the agent stops")
        }
        // The configuration may have changed meanwhile.
        guard configuration.bgp.peers.contains(template) else {
            await stopPeer(peer, .cease(.peerDeconfigured))
            return refuse(fd, remote, "its range is not configured any more")
        }
        peer.loop.post { $0.accept(fd) }
        watchArrivals()
    }

    private func watchArrivals() {
        let timer =
            arrivalTimer
            ?? LoopTimer(queue: executor.queue) { [weak self] in
                self?.assumeIsolated { agent in _ = Task { await agent.removeDeparted() } }
            }
        arrivalTimer = timer
        timer.arm(.now + Self.lookTime, at: .now)
    }

    /// Removes the peers of ranges whose sessions are gone for long enough.
    private func removeDeparted() async {
        for peer in peers where peer.template != nil {
            guard await peer.loop.isDeparted(at: .now) else { continue }
            LogLine.peerDeparted(peer: peer.settings.name).log(to: logger)
            await stopPeer(peer, .cease(.peerDeconfigured))
            history.forget(peer.settings.name)
        }
        if peers.contains(where: { $0.template != nil }) { watchArrivals() }
    }
}

extension Configuration.PeerSettings {
    /// The settings of one peer of a range.
    func instance(_ address: IPAddress) -> Self {
        var settings = self
        settings.name = "\(name)-\(address)"
        settings.location = .address(address)
        settings.passive = true
        return settings
    }
}

extension PeerLoop {
    /// How long the session of a peer that called by itself may be gone before the peer is forgotten.
    private static let departureTime = Duration.seconds(10)

    /// Whether a peer has gone for good: there is no connection, and the time that it asked us to keep its routes for
    /// is over (RFC 4724).
    func isDeparted(at now: Instant) -> Bool {
        guard session == nil, wires.isEmpty else { return false }
        return now - idleSince >= max(Self.departureTime, patience)
    }
}
