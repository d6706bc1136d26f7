import BGPWire
import NetTypes
import RoutePolicy

/// The import policies of all peers, beside `RIBPeer`, which is copied too often to hold them.
struct ImportRules {
    struct Entry {
        let name: String
        let chain: PolicyChain
    }

    /// Indexed by `PeerID`; nil: no policies.
    private var entries: [Entry?] = []

    subscript(id: PeerID) -> Entry? {
        get { Int(id.rawValue) < entries.count ? entries[Int(id.rawValue)] : nil }
        set {
            guard Int(id.rawValue) < entries.count || newValue != nil else { return }
            while entries.count <= Int(id.rawValue) { entries.append(nil) }
            entries[Int(id.rawValue)] = newValue
        }
    }
}

/// What becomes of a received path.
struct Judgement: Equatable {
    var reject: RejectReason
    var decision = PolicyChain.Decision.none
    var isBlackhole = false
    /// The next hop that it was refused for.
    var unreached: IPAddress?
}

extension Context {
    /// Whether more than the built-in verdicts is to be looked at. False for nearly every path.
    func needsRules(_ attributes: PathAttributes, _ id: PeerID, _ peer: RIBPeer) -> Bool {
        importRules[id] != nil || attributes.summary.blackhole && peer.acceptsBlackhole
            || lowersPreference(attributes.summary, peer)
    }

    private func lowersPreference(_ summary: PathAttributes.Summary, _ peer: RIBPeer) -> Bool {
        summary.gracefulShutdown && peer.isExternal && peer.honorsGracefulShutdown
    }

    /// Whether traffic to the prefix of a path is to be dropped: one address inside `clusterCIDRs`, by a peer that may
    /// ask for it (RFC 7999 section 3.3).
    func isBlackhole(_ prefix: Prefix, _ summary: PathAttributes.Summary, _ id: PeerID) -> Bool {
        guard summary.blackhole, prefix.isHost, id != .local, peer(id)?.acceptsBlackhole == true else { return false }
        return policy.clusterCIDRs.contains { $0.contains(prefix) }
    }

    /// The built-in verdicts first, then the peer's policies; a rule may set a next hop, but admit nothing that they
    /// refuse.
    func judge(_ route: inout PolicyRoute, from id: PeerID, _ peer: RIBPeer) -> Judgement {
        let attributes = route.attributes
        var result = Judgement(reject: policy.originVerdict(on: attributes, from: peer))
        guard result.reject == .none else { return result }
        result.isBlackhole = isBlackhole(route.prefix, attributes.summary, id)
        result.reject = policy.verdict(on: route.prefix, from: peer)
        if result.isBlackhole, result.reject == .tooLong { result.reject = .none }
        guard result.reject == .none else { return result }
        let rules = importRules[id]
        var nextHop = attributes
        if let rules {
            result.decision = rules.chain.decide(&route)
            guard result.decision.accepts else {
                result.reject = .policy
                return result
            }
            if let actions = rules.chain.actions(result.decision), actions.nextHop != nil {
                nextHop = actions.imported(attributes, family: route.prefix.family)
            }
        }
        // Nothing is sent to the next hop of a black hole.
        guard !result.isBlackhole else { return result }
        result.reject = policy.nextHopVerdict(on: nextHop)
        if result.reject == .none, policy.leadsToItself(route.prefix, nextHop) { result.reject = .nextHopUnreachable }
        if result.reject == .nextHopUnreachable { result.unreached = nextHop.nextHop }
        return result
    }

    /// What the decision sees of a path that was judged; nil: what was received.
    func changed(
        _ attributes: PathAttributes, _ judgement: Judgement, family: AddressFamily, from id: PeerID, _ peer: RIBPeer
    ) -> PathAttributes? {
        guard judgement.reject == .none else { return nil }
        var result = attributes
        if let actions = importRules[id]?.chain.actions(judgement.decision) {
            result = actions.imported(attributes, family: family)
        }
        if judgement.isBlackhole { result = result.adding(.noAdvertise) }
        if lowersPreference(result.summary, peer), result.summary.localPref != 0 { result = result.leastPreferred }
        return result == attributes ? nil : result
    }

    /// Judges a stored path anew: the verdict, and the handle that the path has from now on.
    mutating func judge(
        _ prefix: Prefix, _ path: PathEntry, received: inout ReceivedAttributes, at index: UInt32
    ) -> (RejectReason, UInt32) {
        guard path.peer != .local, let peer = peer(path.peer) else { return (.none, path.attributes) }
        let original = received.handle(index) ?? path.attributes
        let attributes = attributes[handle: original]
        guard original != path.attributes || needsRules(attributes, path.peer, peer) else {
            let verdict = policy.verdict(on: attributes, from: peer)
            if verdict == .nextHopUnreachable { recursion.note(attributes.nextHop) }
            return (verdict != .none ? verdict : policy.verdict(on: prefix, attributes, from: peer), original)
        }
        var route = PolicyRoute(prefix, attributes, from: importRules[path.peer]?.name ?? "")
        let judgement = judge(&route, from: path.peer, peer)
        if let nextHop = judgement.unreached { recursion.note(nextHop) }
        let change = changed(attributes, judgement, family: prefix.family, from: path.peer, peer)
        let handle = change.map { self.attributes.intern($0) } ?? original
        guard handle != path.attributes else {
            if change != nil { self.attributes.release(handle) }
            return (judgement.reject, handle)
        }
        // The path's count of what was received moves to where it stands from now on.
        if received.exchange(index, change == nil ? nil : original) != nil {
            self.attributes.release(path.attributes)
        }
        return (judgement.reject, handle)
    }

    /// What a peer's policies decide about telling it the best path of a prefix.
    func decide(
        _ chain: PolicyChain, _ prefix: Prefix, _ handle: UInt32, from source: PeerID
    ) -> PolicyChain.Decision {
        guard !chain.isEmpty else { return .none }
        var route = PolicyRoute(prefix, attributes[handle: handle], from: name(source))
        return chain.decide(&route)
    }

    /// The rule of a policy that rejected a stored path or changed it, by name. It is looked up when somebody asks:
    /// verdicts are always those of the policies in force.
    func rule(_ prefix: Prefix, _ path: PathEntry, received: UInt32?) -> String? {
        guard path.reject == .policy || received != nil, let rules = importRules[path.peer] else { return nil }
        var route = PolicyRoute(prefix, attributes[handle: received ?? path.attributes], from: rules.name)
        let decision = rules.chain.decide(&route)
        guard path.reject == .policy || rules.chain.actions(decision) != nil else { return nil }
        return rules.chain.name(decision)
    }

    /// A peer's name as policies know it.
    func name(_ id: PeerID) -> String { id == .local ? PolicyRoute.local : names[id] ?? "" }
}

extension PathAttributes {
    /// With LOCAL_PREF 0: every other path is better (RFC 8326 section 4.2).
    fileprivate var leastPreferred: PathAttributes {
        var fields = AttributeFields(self)
        fields.localPref = 0
        var result = PathAttributes(fields, nextHop: nextHop, linkLocalNextHop: linkLocalNextHop)
        result.weight = weight
        return result
    }
}

extension RIBTables {
    /// Applies an announcement that policies or well-known communities have a word to say about.
    mutating func applyByRules(
        _ original: UInt32, _ prefixes: ArraySlice<Prefix>, _ pathIDs: ArraySlice<UInt32>, from id: PeerID,
        _ peer: RIBPeer, at seconds: UInt32
    ) {
        guard let first = prefixes.first else { return }
        let attributes = context.attributes[handle: original]
        var route = PolicyRoute(first, attributes, from: context.name(id))
        // Mostly one rule decides on all prefixes of an announcement.
        var last: (judgement: Judgement, handle: UInt32?)?
        let identifiers = pathIDs.startIndex - prefixes.startIndex
        for place in prefixes.indices {
            let prefix = prefixes[place]
            route.prefix = prefix
            let judgement = context.judge(&route, from: id, peer)
            if let nextHop = judgement.unreached { context.recursion.note(nextHop) }
            if last?.judgement != judgement {
                if let handle = last?.handle { context.attributes.release(handle) }
                let change = context.changed(attributes, judgement, family: prefix.family, from: id, peer)
                last = (judgement, change.map { context.attributes.intern($0) })
            }
            let pathID = pathIDs.isEmpty ? 0 : pathIDs[place + identifiers]
            context.attributes.retain(original)
            if let changed = last?.handle {
                context.attributes.retain(changed)
                put(prefix, pathID, from: id, changed, judgement.reject, received: original, at: seconds)
            } else {
                put(prefix, pathID, from: id, original, judgement.reject, at: seconds)
            }
        }
        if let handle = last?.handle { context.attributes.release(handle) }
    }

    /// A peer's name for policies, and its import policies. Paths that it sent are judged anew; its session is not
    /// touched.
    package mutating func setImportRules(_ chain: PolicyChain, name: String, for id: PeerID) {
        context.names[id] = name
        let old = context.importRules[id]?.chain ?? PolicyChain()
        guard chain != old else { return }
        context.importRules[id] = chain.isEmpty ? nil : ImportRules.Entry(name: name, chain: chain)
        reevaluate()
    }

    /// Changes what is known of a peer while its session lasts, and judges its paths anew.
    package mutating func updatePeer(_ id: PeerID, _ change: (inout RIBPeer) -> Void) {
        guard var peer = context.peer(id) else { return }
        let old = peer
        change(&peer)
        guard peer != old else { return }
        setPeer(id, peer)
        reevaluate()
    }

    private mutating func reevaluate() {
        ipv4.reevaluate(in: &context)
        ipv6.reevaluate(in: &context)
    }

    /// Changes what a peer is told while its session lasts: it joins the peers that are told the same.
    package mutating func changeExport(to id: PeerID, _ change: (inout ExportPolicy) -> Void) {
        guard let settings = memberships[id]?.settings else { return }
        var policy = settings.policy
        change(&policy)
        if policy != settings.policy { startExport(to: id, policy, settings.encoding) }
    }

    /// Compares everything with what the peers were told.
    mutating func reconsiderExport() {
        for group in groups.values {
            let families = group.settings.policy.families
            for id in ipv4.entries.indices where families.contains(.ipv4) && ipv4.entries[id].best != 0 {
                group.ipv4.mark(UInt32(id), in: &ipv4)
            }
            for id in ipv6.entries.indices where families.contains(.ipv6) && ipv6.entries[id].best != 0 {
                group.ipv6.mark(UInt32(id), in: &ipv6)
            }
        }
    }
}
