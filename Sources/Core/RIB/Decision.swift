import BGPWire
import NetTypes

/// The steps of RFC 4271 section 9.1.2.2 and RFC 4456 section 9 in order: which one made a path best, or made it lose.
package enum DecisionStep: UInt8, Sendable, Hashable, CaseIterable, BitwiseCopyable {
    case onlyPath
    case localOrigin
    case longLivedStale
    case localPref
    case asPathLength
    case origin
    case med
    case externalOverInternal
    case routerID
    case clusterListLength
    case peerAddress
    case pathID

    /// The step in the words of the CLI.
    package var description: String {
        switch self {
        case .onlyPath: "only path"
        case .localOrigin: "originated by this node"
        case .longLivedStale: "not kept from before a long outage (LLGR_STALE)"
        case .localPref: "higher LOCAL_PREF"
        case .asPathLength: "shorter AS_PATH"
        case .origin: "lower ORIGIN"
        case .med: "lower MED from the same AS"
        case .externalOverInternal: "eBGP over iBGP"
        case .routerID: "lower router ID"
        case .clusterListLength: "shorter CLUSTER_LIST"
        case .peerAddress: "lower peer address"
        case .pathID: "lower path identifier"
        }
    }
}

/// One path as the decision sees it.
struct Candidate: BitwiseCopyable {
    /// Index of the path in its table.
    let path: UInt32
    let isLocal: Bool
    let isExternal: Bool
    /// A path of last resort (RFC 9494 section 4.3).
    let isLongLivedStale: Bool
    let localPref: UInt32
    let asPathLength: UInt16
    let origin: UInt8
    let neighborAS: ASNumber
    let med: UInt32
    let routerID: UInt32
    let clusterListLength: UInt16
    let peerAddress: UInt128
    /// Of several paths of one peer (RFC 7911) one must be best: the peer's identifier has no meaning, but it stays.
    var pathID: UInt32 = 0

    init(path: UInt32, summary: PathAttributes.Summary, peer: RIBPeer, isLocal: Bool) {
        self.path = path
        self.isLocal = isLocal
        isExternal = peer.isExternal
        isLongLivedStale = summary.isLongLivedStale
        // LOCAL_PREF has no meaning between ASes (RFC 4271 5.1.5); 100 is what everybody takes for "not given".
        localPref = peer.isExternal ? 100 : summary.localPref ?? 100
        asPathLength = summary.asPathLength
        origin = summary.origin
        neighborAS = summary.neighborAS
        med = summary.med ?? 0
        routerID = (summary.originatorID ?? peer.routerID).rawValue
        clusterListLength = summary.clusterListLength
        peerAddress = peer.address.leftAligned
    }
}

/// The decision process: elimination step by step, exactly in the RFC's order, so that MED (which only compares paths
/// of one neighbour AS) gives the same answer whatever order the paths arrived in.
struct Decision {
    /// Candidates left, best first once `run` is done; the first `equalCount` are equal up to eBGP over iBGP.
    private(set) var candidates: [Candidate] = []
    /// Paths that may share traffic (ECMP): equal up to the tie-breakers.
    private(set) var equalCount = 0
    /// What made the first one best.
    private(set) var reason: DecisionStep = .onlyPath

    mutating func removeAll() { candidates.removeAll(keepingCapacity: true) }

    mutating func add(_ candidate: Candidate) { candidates.append(candidate) }

    /// Decides; afterwards `candidates[0]` is the best path.
    mutating func run() {
        reason = .onlyPath
        equalCount = candidates.count
        guard candidates.count > 1 else { return }
        keep(.localOrigin) { $0.isLocal ? 0 : 1 }
        keep(.longLivedStale) { $0.isLongLivedStale ? 1 : 0 }
        keep(.localPref) { UInt32.max - $0.localPref }
        keep(.asPathLength) { UInt32($0.asPathLength) }
        keep(.origin) { UInt32($0.origin) }
        keepLowestMED()
        keep(.externalOverInternal) { $0.isExternal ? 0 : 1 }
        equalCount = candidates.count
        guard candidates.count > 1 else { return }
        breakTies()
    }

    /// Removes all candidates whose rank is not the lowest.
    private mutating func keep(_ step: DecisionStep, rank: (Candidate) -> UInt32) {
        guard candidates.count > 1 else { return }
        var lowest = UInt32.max
        for candidate in candidates { lowest = min(lowest, rank(candidate)) }
        let before = candidates.count
        candidates.removeAll { rank($0) != lowest }
        if candidates.count < before { reason = step }
    }

    /// RFC 4271 9.1.2.2 c: a path loses to one of the same neighbour AS with a lower MED.
    private mutating func keepLowestMED() {
        guard candidates.count > 1 else { return }
        let all = candidates
        candidates.removeAll { path in all.contains { $0.neighborAS == path.neighborAS && $0.med < path.med } }
        if candidates.count < all.count { reason = .med }
    }

    /// Steps f and g with RFC 4456's: none of them takes a path out of the ECMP set.
    private mutating func breakTies() {
        candidates.sort { a, b in
            (a.routerID, a.clusterListLength, a.peerAddress, a.pathID)
                < (b.routerID, b.clusterListLength, b.peerAddress, b.pathID)
        }
        let (best, second) = (candidates[0], candidates[1])
        reason =
            best.routerID != second.routerID
            ? .routerID
            : best.clusterListLength != second.clusterListLength
                ? .clusterListLength : best.peerAddress != second.peerAddress ? .peerAddress : .pathID
    }

    /// The first step at which `loser` falls behind `winner`, for the CLI.
    static func step(winner: Candidate, loser: Candidate) -> DecisionStep {
        if winner.isLocal != loser.isLocal { return .localOrigin }
        if winner.isLongLivedStale != loser.isLongLivedStale { return .longLivedStale }
        if winner.localPref != loser.localPref { return .localPref }
        if winner.asPathLength != loser.asPathLength { return .asPathLength }
        if winner.origin != loser.origin { return .origin }
        if winner.neighborAS == loser.neighborAS, winner.med != loser.med { return .med }
        if winner.isExternal != loser.isExternal { return .externalOverInternal }
        if winner.routerID != loser.routerID { return .routerID }
        if winner.clusterListLength != loser.clusterListLength { return .clusterListLength }
        return winner.peerAddress != loser.peerAddress ? .peerAddress : .pathID
    }
}
