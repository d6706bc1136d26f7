import BGPSpeaker
import NetTypes
import RIB

/// What the speaker knows of a destination at one moment.
struct DestinationView: Sendable {
    /// Paths of one prefix that covers the destination.
    struct Covering: Sendable {
        let prefix: Prefix
        /// Usable ones, the best first, then the rejected ones.
        let paths: [PathView]
    }

    /// The longest prefix first.
    var coverings: [Covering] = []
    /// What each peer was told of the longest usable prefix, or of an own one; several paths with add-path.
    var told: [PeerID: [PathView]] = [:]
    /// Why a peer that is up was not told of it, where a rule says so.
    var refusals: [PeerID: String] = [:]
    /// Announcements of the destination's family that were not taken from a peer, for it has as many as it may.
    var blocked: [PeerID: Int] = [:]
    /// Why a family cannot be announced to a peer.
    var obstacles: [PeerID: String] = [:]
    /// Families negotiated with peers that are up.
    var families: [PeerID: Set<AddressFamily>] = [:]
    /// The present time in the unit of a path's age.
    var now: UInt32 = 0
}

extension SpeakerLoop {
    /// Everything that covers `destination`: one look-up for each length, so the size of the tables does not matter.
    func view(of destination: Prefix, own: Prefix?, peers: [PeerID]) -> DestinationView {
        var view = DestinationView()
        view.now = speaker.seconds(.now)
        for length in stride(from: Int(destination.length), through: 0, by: -1) {
            guard let prefix = Prefix(destination.address, length: length) else { continue }
            let usable = speaker.paths(PathQuery(.usable, prefix: prefix)).sorted { $0.rank < $1.rank }
            let rejected = speaker.paths(PathQuery(.rejected(nil), prefix: prefix))
            guard !usable.isEmpty || !rejected.isEmpty else { continue }
            view.coverings.append(.init(prefix: prefix, paths: usable + rejected))
        }
        let announced = own ?? view.coverings.first { $0.paths.contains { !$0.isRejected } }?.prefix
        for peer in peers {
            let summaries = speaker.summaries(peer)
            view.families[peer] = Set(summaries.map(\.family))
            let summary = summaries.first { $0.family == destination.family }
            view.obstacles[peer] = summary?.obstacle
            view.blocked[peer] = summary?.paths.blocked
            guard let announced else { continue }
            view.told[peer] = speaker.paths(PathQuery(.advertised(peer), prefix: announced))
            guard view.told[peer]?.isEmpty != false else { continue }
            view.refusals[peer] = speaker.tryExport(announced, nil, of: nil, to: peer).flatMap(Self.refusal)
        }
        return view
    }
}

extension SpeakerLoop {
    /// What kept a path back, built-in rule or policy; nil: nothing does.
    private static func refusal(_ trial: PolicyTrial) -> String? {
        trial.refusal ?? (trial.after == nil ? "rejected by \(trial.decision)" : nil)
    }
}

extension PathView {
    var isRejected: Bool { if case .rejected = standing { true } else { false } }

    /// The order in which people read them: best, the rest of the ECMP set, the others.
    fileprivate var rank: Int {
        switch standing {
        case .best: 0
        case .multipath: 1
        case .candidate, .outranked: 2
        case .rejected: 3
        }
    }
}
