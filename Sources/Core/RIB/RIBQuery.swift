import BGPWire
import NetTypes

/// One path as the CLI shows it.
package struct PathView: Sendable, Hashable {
    /// Where a path stands in the decision.
    package enum Standing: Sendable, Hashable {
        case best(DecisionStep)
        /// Shares traffic with the best path (ECMP); the tie-breaker that ranks it behind.
        case multipath(DecisionStep)
        /// Usable, and lost at this step.
        case candidate(DecisionStep)
        case rejected(RejectReason)
    }

    package let prefix: Prefix
    package let peer: PeerID
    package let attributes: PathAttributes
    /// Seconds since the speaker's start when the path came in.
    package let received: UInt32
    package let standing: Standing
    /// The peer restarts and has not announced the path again yet.
    package let isStale: Bool
    /// The rule of a policy that decided on the path or changed it, by name.
    package var rule: String?
}

/// Which paths a question is about.
package struct PathQuery: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// Every usable path.
        case usable
        /// All that a peer sent, rejected ones too.
        case received(PeerID)
        /// Rejected paths, of one peer or of all.
        case rejected(PeerID?)
        /// What a peer was told.
        case advertised(PeerID)
    }

    package var kind: Kind
    /// Only this prefix; nil: all.
    package var prefix: Prefix?
    /// Most rows in an answer.
    package var limit: Int

    package init(_ kind: Kind, prefix: Prefix? = nil, limit: Int = 1_000_000) {
        self.kind = kind
        self.prefix = prefix
        self.limit = limit
    }
}

extension RIBTables {
    /// The paths that a question is about, in order of prefixes.
    package func paths(_ query: PathQuery) -> [PathView] {
        var views: [PathView] = []
        if query.prefix?.family != .ipv6 {
            ipv4.collect(query, context, out: advertisedTo(query)?.ipv4Handles(), into: &views)
        }
        if query.prefix?.family != .ipv4 {
            ipv6.collect(query, context, out: advertisedTo(query)?.ipv6Handles(), into: &views)
        }
        views.sort { $0.prefix < $1.prefix }
        return views
    }

    private func advertisedTo(_ query: PathQuery) -> PeerOut? {
        guard case .advertised(let peer) = query.kind else { return nil }
        return outs[peer]
    }

    /// Counts of a peer's paths in a family.
    package func counts(_ id: PeerID, _ family: AddressFamily) -> PathCounts {
        let counts = family == .ipv4 ? ipv4.counts : ipv6.counts
        return Int(id.rawValue) < counts.count ? counts[Int(id.rawValue)] : PathCounts()
    }

    /// Prefixes announced to a peer in a family.
    package func advertisedCount(_ id: PeerID, _ family: AddressFamily) -> Int {
        guard let out = outs[id] else { return 0 }
        return family == .ipv4 ? out.ipv4.count : out.ipv6.count
    }

    /// Prefixes known in a family, and distinct attribute sets.
    package var sizes: (ipv4: Int, ipv6: Int, attributes: Int) {
        (ipv4.prefixes.count, ipv6.prefixes.count, context.attributes.count)
    }
}

extension RIBTables.PeerOut {
    func ipv4Handles() -> (UInt32) -> UInt32? { { [self] in ipv4.handle($0) } }
    func ipv6Handles() -> (UInt32) -> UInt32? { { [self] in ipv6.handle($0) } }
}

extension FamilyRIB {
    func collect(
        _ query: PathQuery, _ context: borrowing Context, out: ((UInt32) -> UInt32?)?, into views: inout [PathView]
    ) {
        if let prefix = query.prefix {
            if let id = prefixes.find(Key(prefix)) { collect(id, query, context, out: out, into: &views) }
            return
        }
        for id in entries.indices where entries[id].head != 0 || entries[id].users != 0 {
            guard views.count < query.limit else { return }
            collect(UInt32(id), query, context, out: out, into: &views)
        }
    }

    private func collect(
        _ id: UInt32, _ query: PathQuery, _ context: borrowing Context, out: ((UInt32) -> UInt32?)?,
        into views: inout [PathView]
    ) {
        if case .advertised = query.kind {
            guard let handle = out?(id), let best = best(id) else { return }
            views.append(view(id, best, attributes: context.attributes[handle: handle], .best(entries[Int(id)].reason)))
            return
        }
        var cursor = entries[Int(id)].head
        while cursor != 0 {
            let path = paths[Int(cursor - 1)]
            defer { cursor = path.next }
            switch query.kind {
            case .usable where path.reject == .none: break
            case .received(let peer) where peer == path.peer: break
            case .rejected(let peer) where path.reject != .none && (peer == nil || peer == path.peer): break
            case .usable, .received, .rejected, .advertised: continue
            }
            var handle = path.attributes
            if case .received = query.kind { handle = received.handle(cursor - 1) ?? handle }
            var row = view(id, path, attributes: context.attributes[handle: handle], standing(id, path, context))
            row.rule = context.rule(row.prefix, path, received: received.handle(cursor - 1))
            views.append(row)
        }
    }

    private func view(_ id: UInt32, _ path: PathEntry, attributes: PathAttributes, _ standing: PathView.Standing)
        -> PathView
    {
        PathView(
            prefix: prefixes.keys[Int(id)].prefix, peer: path.peer, attributes: attributes, received: path.received,
            standing: standing, isStale: path.isStale)
    }

    private func standing(_ id: UInt32, _ path: PathEntry, _ context: borrowing Context) -> PathView.Standing {
        guard path.reject == .none else { return .rejected(path.reject) }
        guard let best = best(id), best.peer != path.peer else { return .best(entries[Int(id)].reason) }
        let step = Decision.step(winner: context.candidate(0, best), loser: context.candidate(0, path))
        return path.isEqual ? .multipath(step) : .candidate(step)
    }
}
