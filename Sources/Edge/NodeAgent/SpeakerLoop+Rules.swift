import BGPSpeaker
import BGPWire
import NetTypes
import RIB

extension SpeakerLoop {
    /// How paths are compared, and which aggregates are announced.
    func setRules(_ bgp: Configuration.BGPSettings) {
        speaker.setDecision(bgp.bestPath.options, maximumPaths: bgp.bestPath.maximumPaths)
        speaker.setAggregates(bgp.aggregates)
        wake()
    }

    /// Changes what is imported from a peer and what it is told; its session goes on.
    func updatePeer(_ id: PeerID, _ peer: SpeakerPeer) {
        speaker.updatePeer(id, peer)
        wake()
    }

    /// What would become of a path from a peer; see `RIBTables.tryImport`.
    func tryImport(_ prefix: Prefix, _ given: PathAttributes?, from id: PeerID) -> PolicyTrial? {
        speaker.tryImport(prefix, given, from: id)
    }

    /// What a peer would be told of a path; see `RIBTables.tryExport`.
    func tryExport(_ prefix: Prefix, _ given: PathAttributes?, of source: PeerID?, to id: PeerID) -> PolicyTrial? {
        speaker.tryExport(prefix, given, of: source, to: id)
    }

    /// What the node answers for as a whole: addresses without a more specific route must not go back to a ToR that
    /// sends them to us.
    func installAggregates() {
        let wanted = originated.union(speaker.activeAggregates)
        guard wanted != unreachable else { return }
        unreachable = wanted
        kernel?.post { $0.setAggregates(wanted.sorted()) }
    }
}
