import NetTypes
import RoutePolicy

extension Configuration.PeerSettings {
    /// What the session depends on: policies, and what else is applied to stored paths, are left out.
    var sessionPart: Self {
        var part = self
        part.importPolicy = .cluster
        part.exportPolicy = .own
        part.importRules = PolicyChain()
        part.exportRules = PolicyChain()
        part.honorsGracefulShutdown = true
        part.acceptsBlackhole = false
        part.allowOwnAS = 0
        part.prefixLimit = nil
        return part
    }
}

extension Agent {
    /// Takes over what a peer's stored paths are judged by, and what it is told. Its session is not touched.
    func updateRules(of peer: PeerHandle, _ new: Configuration) async {
        let part = peer.settings.sessionPart
        guard let settings = new.bgp.peers.first(where: { $0.sessionPart == part }), settings != peer.settings,
            let index = peers.firstIndex(where: { $0.id == peer.id })
        else { return }
        peers[index] = PeerHandle(settings: settings, id: peer.id, loop: peer.loop)
        await peer.loop.setPrefixLimit(settings.prefixLimit)
        await speaker?.updatePeer(peer.id, settings.speakerPeer(new.bgp))
        LogLine.rulesChanged(peer: settings.name).log(to: logger)
    }
}

extension PeerLoop {
    /// Takes effect with the next UPDATE.
    func setPrefixLimit(_ limit: Configuration.PrefixLimit?) { settings.prefixLimit = limit }
}
