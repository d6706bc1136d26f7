import BGPWire
import NetTypes

/// What the tables of both families share while they work: attributes, peers, policy.
struct Context: ~Copyable {
    var attributes: AttributeStore
    var policy: ImportPolicy
    /// Indexed by `PeerID`; nil for a number not in use.
    var peers: [RIBPeer?]
    /// Most paths in an ECMP set.
    var maximumPaths: Int
    var options = DecisionOptions()
    var importRules = ImportRules()
    /// Peers as policies call them.
    var names: [PeerID: String] = [:]
    var aggregates = Aggregates()
    var recursion = RecursiveNextHops()

    func peer(_ id: PeerID) -> RIBPeer? {
        Int(id.rawValue) < peers.count ? peers[Int(id.rawValue)] : nil
    }

    func candidate(_ index: UInt32, _ path: PathEntry) -> Candidate {
        let peer = peer(path.peer) ?? RIBPeer.unknown
        return Candidate(
            path: index, summary: attributes.summary(path.attributes), peer: peer, isLocal: path.peer == .local,
            options: options)
    }
}

extension RIBPeer {
    /// Stands in for a peer that is just being removed.
    static let unknown = RIBPeer(
        address: .v4(.any), asNumber: ASNumber(rawValue: 0), routerID: RouterID(rawValue: 0), isExternal: true)
}
