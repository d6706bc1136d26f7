import NetTypes

/// A route of ours as far as it leads to a next hop: what it wants, not what came of it.
package struct OwnRoute: Hashable, Sendable {
    package let prefix: Prefix
    package let metric: UInt32
    package let nextHops: [DesiredNextHop]
    package let isBlackhole: Bool
}

/// Which next hops are on no link, and whether the routes to them have to be looked for again.
struct OwnRouteWatch: Sendable {
    var beyond = CoveredAddresses()
    var isDirty = false

    /// The wish for a prefix changed.
    mutating func changed(_ prefix: Prefix) {
        if !isDirty, !beyond.isEmpty, beyond.isAny(in: prefix) { isDirty = true }
    }
}

/// The gateways that any set of next hops names without an interface, each with how many sets do.
struct GatewayCount: Sendable {
    private(set) var counts: [IPAddress: Int] = [:]
    /// One came or went since somebody looked.
    var isDirty = false

    /// More are not resolved by routes of ours: who names so many next hops beyond the links means no good.
    private static let most = 4096

    mutating func add(_ hops: [DesiredNextHop]) {
        for hop in hops where hop.interface == nil && !hop.gateway.isLinkLocal {
            guard counts[hop.gateway] != nil || counts.count < Self.most else { continue }
            counts[hop.gateway, default: 0] += 1
            if counts[hop.gateway] == 1 { isDirty = true }
        }
    }

    mutating func remove(_ hops: [DesiredNextHop]) {
        for hop in hops where hop.interface == nil {
            guard let count = counts[hop.gateway] else { continue }
            counts[hop.gateway] = count > 1 ? count - 1 : nil
            if count == 1 { isDirty = true }
        }
    }
}

// Next hops behind routes that we have learned ourselves: of an internal peer that leaves the next hop of others
// unchanged, behind the route to that router.
extension RouteLedger {
    /// Finds the routes of ours that lead to next hops beyond the links, if anything about them may have changed.
    mutating func followOwnRoutes() {
        guard ownRoutes.isDirty || sets.gateways.isDirty else { return }
        ownRoutes.isDirty = false
        sets.gateways.isDirty = false
        ownRoutes.beyond = CoveredAddresses(sets.gateways.counts.keys.filter(topology.isBeyond))
        var found: [IPAddress: [OwnRoute]] = [:]
        for gateway in ownRoutes.beyond.addresses {
            let routes = routes(over: gateway)
            if !routes.isEmpty { found[gateway] = routes }
        }
        guard found != topology.ownRoutes else { return }
        topology.ownRoutes = found
        resolveAgain()
    }

    /// Desired routes to a gateway, longest prefixes first; the default route, which would resolve anything, is none.
    private func routes(over gateway: IPAddress) -> [OwnRoute] {
        stride(from: gateway.family.bitWidth, to: 0, by: -1).compactMap { length in
            guard let prefix = Prefix(gateway, length: length), let route = desired(prefix) else { return nil }
            return OwnRoute(
                prefix: prefix, metric: settings.key(prefix).metric, nextHops: route.nextHops,
                isBlackhole: route.isBlackhole)
        }
    }
}

// MARK: - As part of the topology

/// The routes of ours that a resolution stands on at the moment. None may stand on itself (RFC 4271 section 9.1.2.1).
struct ResolutionTrail {
    private var prefixes: [Prefix] = []
    /// Routes that may still be looked at: peers choose what they announce, and could build a maze.
    private var budget = 128
    private static let deepest = 8

    /// Whether a route may be stood on; if so, `leave` ends it.
    mutating func enter(_ route: OwnRoute) -> Bool {
        guard !route.isBlackhole, budget > 0, prefixes.count < Self.deepest, !prefixes.contains(route.prefix) else {
            return false
        }
        budget -= 1
        prefixes.append(route.prefix)
        return true
    }

    mutating func leave() { prefixes.removeLast() }
}

extension Topology {
    /// Whether no link has a subnet with that address.
    func isBeyond(_ gateway: IPAddress) -> Bool {
        !interfaces.contains { interface in
            !interface.isLoopback && interface.addresses.contains { $0.subnet.contains(gateway) }
        }
    }

    /// The next hops on links that stand for one beyond them; nil: no route leads there. What the kernel prefers
    /// counts: the longest match, then the lowest metric. A route that depends on the next hop itself is passed over,
    /// and so is one that cannot be resolved, since neither is in the kernel for that reason.
    func resolveBeyond(
        _ hop: DesiredNextHop, family: AddressFamily, _ trail: inout ResolutionTrail
    ) -> [RouteNextHop]? {
        guard hop.interface == nil else { return nil }
        let other = route(to: hop.gateway)
        for own in ownRoutes[hop.gateway] ?? [] where other.map({ own.isPreferred(to: $0) }) ?? true {
            guard trail.enter(own) else { continue }
            let resolution = resolve(own.nextHops, family: family, &trail)
            trail.leave()
            if case .resolved(let near) = resolution { return alive(near, for: hop) }
        }
        return other.map { alive($0.nextHops, for: hop) }
    }

    /// What is left of the way to a next hop where liveness detection has its say, with the shares of both.
    private func alive(_ near: [RouteNextHop], for hop: DesiredNextHop) -> [RouteNextHop] {
        near.filter { near in
            let name = interface(index: near.interfaceIndex)?.name ?? ""
            return !isDead(near.gateway ?? hop.gateway, through: name) && !isDead(hop.gateway, through: name)
        }.map { near in
            // A route without a gateway says that the next hop itself is on the link.
            RouteNextHop(
                gateway: near.gateway ?? hop.gateway, interfaceIndex: near.interfaceIndex,
                weight: UInt16(clamping: Int(near.weight) * Int(hop.weight)))
        }
    }
}

extension OwnRoute {
    /// As the kernel does it. A foreign route in exactly our place is the one that is there.
    fileprivate func isPreferred(to other: GatewayRoute) -> Bool {
        prefix.length == other.prefix.length ? metric < other.metric : prefix.length > other.prefix.length
    }
}
