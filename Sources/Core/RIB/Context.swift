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

    func peer(_ id: PeerID) -> RIBPeer? {
        Int(id.rawValue) < peers.count ? peers[Int(id.rawValue)] : nil
    }

    /// The verdict on a stored path; our own paths are always good.
    func verdict(_ prefix: Prefix, _ handle: UInt32, _ id: PeerID) -> RejectReason {
        guard id != .local, let peer = peer(id) else { return .none }
        let first = policy.verdict(on: attributes[handle: handle], from: peer)
        return first != .none ? first : policy.verdict(on: prefix, from: peer)
    }

    func candidate(_ index: UInt32, _ path: PathEntry) -> Candidate {
        let peer = peer(path.peer) ?? RIBPeer.unknown
        return Candidate(
            path: index, summary: attributes.summary(path.attributes), peer: peer, isLocal: path.peer == .local)
    }
}

extension RIBPeer {
    /// Stands in for a peer that is just being removed.
    static let unknown = RIBPeer(
        address: .v4(.any), asNumber: ASNumber(rawValue: 0), routerID: RouterID(rawValue: 0), isExternal: true)
}
