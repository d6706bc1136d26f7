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
        /// Usable, and lost by MED to a path of the same neighbour AS, which is not the best one.
        case outranked
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
    /// The identifier that the peer gave the path, or for what a peer was told ours (RFC 7911); 0 without add-path.
    package var pathID: UInt32 = 0
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
        if case .advertised(let peer) = query.kind {
            guard let group = memberships[peer] else { return [] }
            if query.prefix?.family != .ipv6 {
                ipv4.collect(query, into: &views) { id in advertised(id, to: peer, group.ipv4, ipv4) }
            }
            if query.prefix?.family != .ipv4 {
                ipv6.collect(query, into: &views) { id in advertised(id, to: peer, group.ipv6, ipv6) }
            }
        } else {
            if query.prefix?.family != .ipv6 {
                ipv4.collect(query, into: &views) { id in ipv4.views(id, query.kind, context) }
            }
            if query.prefix?.family != .ipv4 {
                ipv6.collect(query, into: &views) { id in ipv6.views(id, query.kind, context) }
            }
        }
        views.sort { ($0.prefix, $0.pathID) < ($1.prefix, $1.pathID) }
        return views
    }

    private func advertised<Key: PrefixKey>(
        _ id: UInt32, to peer: PeerID, _ out: borrowing AdjRIBOut<Key>, _ rib: borrowing FamilyRIB<Key>
    ) -> [PathView] {
        var views: [PathView] = []
        let prefix = rib.prefixes.keys[Int(id)].prefix
        let policy = out.settings.policy
        for told in out.paths(id, toldTo: peer) {
            let decision = context.decide(policy.rules, prefix, told.attributes, from: told.source)
            guard let source = rib.source(id, told, context),
                let attributes = context.exported(told.attributes, from: told.source, policy, Key.family, by: decision)
            else { continue }
            views.append(
                PathView(
                    prefix: prefix, peer: told.source, attributes: attributes,
                    received: source.path.received, standing: source.standing, isStale: rib.isStale(source.path),
                    pathID: told.pathID))
        }
        return views
    }

    /// Counts of a peer's paths in a family.
    package func counts(_ id: PeerID, _ family: AddressFamily) -> PathCounts {
        let counts = family == .ipv4 ? ipv4.counts : ipv6.counts
        return Int(id.rawValue) < counts.count ? counts[Int(id.rawValue)] : PathCounts()
    }

    /// Prefixes known in a family, and distinct attribute sets.
    package var sizes: (ipv4: Int, ipv6: Int, attributes: Int) {
        (ipv4.prefixes.count, ipv6.prefixes.count, context.attributes.count)
    }
}

extension FamilyRIB {
    /// Gathers what `views` says of the prefixes that a question is about.
    func collect(_ query: PathQuery, into list: inout [PathView], _ views: (UInt32) -> [PathView]) {
        if let prefix = query.prefix {
            if let id = prefixes.find(Key(prefix)) { list += views(id) }
            return
        }
        for id in entries.indices where entries[id].head != 0 || entries[id].users != 0 {
            guard list.count < query.limit else { return }
            list += views(UInt32(id))
        }
    }

    /// The received paths of a prefix that a question is about.
    func views(_ id: UInt32, _ kind: PathQuery.Kind, _ context: borrowing Context) -> [PathView] {
        var views: [PathView] = []
        var cursor = entries[Int(id)].head
        while cursor != 0 {
            let index = cursor - 1
            let path = paths[Int(index)]
            cursor = path.next
            switch kind {
            case .usable where path.reject == .none: break
            case .received(let peer) where peer == path.peer: break
            case .rejected(let peer) where path.reject != .none && (peer == nil || peer == path.peer): break
            case .usable, .received, .rejected, .advertised: continue
            }
            let original = received.handle(index)
            var handle = path.attributes
            if case .received = kind { handle = original ?? handle }
            var view = PathView(
                prefix: prefixes.keys[Int(id)].prefix, peer: path.peer, attributes: context.attributes[handle: handle],
                received: path.received, standing: standing(id, index, context), isStale: isStale(path),
                pathID: pathID(index))
            view.rule = context.rule(view.prefix, path, received: original)
            views.append(view)
        }
        return views
    }

    /// The path that stands behind what a peer was told of a prefix, as it is now; nil when it is gone.
    func source(
        _ id: UInt32, _ told: ToldPath, _ context: borrowing Context
    ) -> (path: PathEntry, standing: PathView.Standing)? {
        let index = told.pathID != 0 ? told.pathID : entries[Int(id)].best
        guard index != 0, Int(index) <= paths.count, entries[Int(id)].head != 0 else { return nil }
        return (paths[Int(index - 1)], standing(id, index - 1, context))
    }

    private func standing(_ id: UInt32, _ index: UInt32, _ context: borrowing Context) -> PathView.Standing {
        let path = paths[Int(index)]
        let entry = entries[Int(id)]
        guard path.reject == .none else { return .rejected(path.reject) }
        guard entry.best != 0, entry.best != index + 1 else { return .best(entry.reason) }
        let loser = candidate(index, path, context)
        let step = Decision.step(winner: candidate(entry.best - 1, paths[Int(entry.best - 1)], context), loser: loser)
        if path.isEqual { return .multipath(step) }
        let isByAnother = step.rawValue > DecisionStep.med.rawValue && hasLowerMED(id, than: loser, context)
        return isByAnother ? .outranked : .candidate(step)
    }

    /// Whether MED took a path out of the decision before what sets the best one apart was looked at: a path of
    /// its own neighbour AS did that, and need not have won itself.
    private func hasLowerMED(_ id: UInt32, than loser: Candidate, _ context: borrowing Context) -> Bool {
        var others: [UInt32] = []
        usable(id, into: &others)
        return others.contains { index in
            let other = candidate(index, paths[Int(index)], context)
            return other.med < loser.med && Decision.step(winner: other, loser: loser) == .med
        }
    }
}
