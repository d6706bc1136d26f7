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
        part.bfd = nil
        return part
    }
}

extension Agent {
    /// Takes over what a peer's stored paths are judged by, and what it is told. Its session is not touched.
    func updateRules(of peer: PeerHandle, to settings: Configuration.PeerSettings) async {
        await peer.loop.setPrefixLimit(settings.prefixLimit)
        let new = settings.speakerPeer(configuration.bgp)
        guard new != peer.settings.speakerPeer(configuration.bgp) else { return }
        await speaker?.updatePeer(peer.id, new)
        LogLine.rulesChanged(peer: settings.name).log(to: logger)
    }
}

extension PeerLoop {
    /// Takes effect with the next UPDATE.
    func setPrefixLimit(_ limit: Configuration.PrefixLimit?) { prefixLimit = limit }
}
