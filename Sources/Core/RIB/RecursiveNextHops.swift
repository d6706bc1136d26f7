import BGPWire
import NetTypes

/// Next hops that are on no link and behind no route of others. A route that we learned ourselves may lead to them, as
/// it does to the routers behind an internal peer that leaves next hops unchanged (RFC 4271 sections 5.1.3, 9.1.2.1).
struct RecursiveNextHops {
    /// More are not followed: who names so many routers means no good.
    static let most = 4096

    private var known: Set<IPAddress> = []
    private var covered = CoveredAddresses()
    /// What leads to them has to be looked for again.
    var isDirty = false

    var isEmpty: Bool { known.isEmpty }
    var addresses: Set<IPAddress> { known }

    /// A path was refused for its next hop.
    mutating func note(_ nextHop: IPAddress) {
        guard known.count < Self.most, known.insert(nextHop).inserted else { return }
        isDirty = true
    }

    /// What is known of a prefix changed.
    mutating func changed(_ prefix: Prefix) {
        if !isDirty, covered.isAny(in: prefix) { isDirty = true }
    }

    /// Where each was found to lead. Full of next hops that lead nowhere, the list begins anew.
    mutating func settle(_ resolved: [IPAddress: UInt8]) {
        isDirty = false
        if known.count == Self.most { known = Set(resolved.keys) }
        covered = CoveredAddresses(known)
    }
}

extension RIBTables {
    /// After these changes: whether routes of ours lead to next hops beyond the links. Paths are judged anew when that
    /// is different from before, once what changes at the same time has changed.
    mutating func followNextHops(_ changes: [LocRIBChange]) {
        guard context.policy.requiresConnectedNextHop, !context.recursion.isEmpty else { return }
        for change in changes { context.recursion.changed(change.prefix) }
        guard context.recursion.isDirty, !ipv4.hasChanges, !ipv6.hasChanges, !ipv4.hasWork, !ipv6.hasWork else {
            return
        }
        let resolved = resolveNextHops()
        context.recursion.settle(resolved)
        var policy = context.policy
        policy.resolvedNextHops = resolved
        if policy != context.policy { self.policy = policy }
    }

    private func resolveNextHops() -> [IPAddress: UInt8] {
        var resolved: [IPAddress: UInt8] = [:]
        for nextHop in context.recursion.addresses where !context.policy.isConnected(nextHop) {
            var budget = 64
            if let length = cover(nextHop, [], &budget) { resolved[nextHop] = length }
        }
        return resolved
    }

    /// The length of the longest prefix with a path that leads to a next hop in the end. `trail`: the next hops that
    /// stand on this one; none stands on itself.
    ///
    /// Any accepted path counts, not the best alone: were it the best, a path that is accepted because of it could
    /// take its place and be refused for that, for ever.
    private func cover(_ nextHop: IPAddress, _ trail: [IPAddress], _ budget: inout Int) -> UInt8? {
        guard trail.count < 8, !trail.contains(nextHop) else { return nil }
        for length in stride(from: nextHop.family.bitWidth, to: 0, by: -1) {
            guard let prefix = Prefix(nextHop, length: length) else { continue }
            let paths =
                switch nextHop.family {
                case .ipv4: ipv4.acceptedAttributes(prefix, context)
                case .ipv6: ipv6.acceptedAttributes(prefix, context)
                }
            for attributes in paths {
                if context.policy.isConnected(attributes) { return UInt8(length) }
                budget -= 1
                guard budget > 0 else { return nil }
                if cover(attributes.nextHop, trail + [nextHop], &budget) != nil { return UInt8(length) }
            }
        }
        return nil
    }
}

extension FamilyRIB {
    /// The attributes of the paths of a prefix that traffic may take.
    fileprivate func acceptedAttributes(_ prefix: Prefix, _ context: borrowing Context) -> [PathAttributes] {
        guard let id = prefixes.find(Key(prefix)) else { return [] }
        var found: [PathAttributes] = []
        var cursor = entries[Int(id)].head
        while cursor != 0 {
            let path = paths[Int(cursor - 1)]
            cursor = path.next
            guard path.reject == .none, path.peer != .local,
                !context.isBlackhole(prefix, context.attributes.summary(path.attributes), path.peer)
            else { continue }
            found.append(context.attributes[handle: path.attributes])
        }
        return found
    }
}

extension ImportPolicy {
    /// Whether packets to a next hop leave by a link, or by a route of others.
    func isConnected(_ nextHop: IPAddress) -> Bool {
        linkSubnets.contains { $0.contains(nextHop) } || routedPrefixes.contains { $0.contains(nextHop) }
    }

    func isConnected(_ attributes: PathAttributes) -> Bool {
        attributes.linkLocalNextHop != nil || attributes.nextHop.isLinkLocal || isConnected(attributes.nextHop)
    }

    /// The verdict on a prefix with its next hop: a route that leads to its own next hop needs a longer one that does
    /// so without it (RFC 4271 section 9.1.2.1).
    func verdict(on prefix: Prefix, _ attributes: PathAttributes, from peer: RIBPeer) -> RejectReason {
        let verdict = verdict(on: prefix, from: peer)
        return verdict == .none && leadsToItself(prefix, attributes) ? .nextHopUnreachable : verdict
    }

    func leadsToItself(_ prefix: Prefix, _ attributes: PathAttributes) -> Bool {
        guard !resolvedNextHops.isEmpty, prefix.contains(attributes.nextHop), !isConnected(attributes),
            let length = resolvedNextHops[attributes.nextHop]
        else { return false }
        return length <= prefix.length
    }
}
