import NetTypes

/// A route of somebody else's that next hops beyond the connected subnets can be resolved by.
package struct GatewayRoute: Hashable, Sendable {
    package let prefix: Prefix
    /// Where its packets go; a gateway is always on a link.
    package let nextHops: [RouteNextHop]

    package init(prefix: Prefix, nextHops: [RouteNextHop]) { (self.prefix, self.nextHops) = (prefix, nextHops) }
}

/// The main table's unicast routes that are neither ours nor a pod's nor the default: static ones, and those of other
/// routing daemons. Our own never resolve a next hop, so a route cannot resolve the next hop that it depends on (RFC
/// 4271 section 9.1.2.1); and a default route, which would resolve anything, does not either.
struct GatewayRoutes: Sendable {
    private static let mainTable: UInt32 = 254
    /// Protocol ids whose routes say nothing new: the kernel's own are the connected subnets; 180 are pods.
    private static let ignored: Set<UInt8> = [2, 180]
    /// With more than this, the table is another routing daemon's full one: the rest is not looked at.
    private static let limit = 4096

    private var routes: [RouteKey: [KernelRoute]] = [:]
    /// What a full reading has found so far.
    private var found: [RouteKey: [KernelRoute]]?

    static func concerns(_ route: KernelRoute, owner: UInt8) -> Bool {
        !route.prefix.isDefault && route.key.table == mainTable && route.protocolID != owner
            && !ignored.contains(route.protocolID) && route.kind == .unicast && !route.prefix.address.isLinkLocal
    }

    mutating func observe(_ observation: RouteObservation) {
        let route = observation.route
        var place = routes[route.key] ?? []
        switch observation {
        case .present(_, let isReplacing):
            // A replaced route is not named: it had the same place.
            if isReplacing { place = [] }
            if !place.contains(route) { place.append(route) }
        case .absent:
            place = place.compactMap { $0.protocolID == route.protocolID ? $0.without(route) : $0 }
        }
        guard routes[route.key] != nil || routes.count < Self.limit else { return }
        routes[route.key] = place.isEmpty ? nil : place
    }

    mutating func beginReading() { found = [:] }

    mutating func read(_ route: KernelRoute) {
        guard let count = found?.count, count < Self.limit || found?[route.key] != nil else { return }
        found?[route.key, default: []].append(route)
    }

    /// True: something is different now.
    mutating func endReading() -> Bool {
        guard let found else { return false }
        self.found = nil
        defer { routes = found }
        return routes != found
    }

    mutating func abandonReading() { found = nil }

    /// Whether a route leaves by that interface: the kernel does not tell when it takes such routes away with it.
    func depends(on index: UInt32) -> Bool {
        routes.values.joined().contains { $0.nextHops.contains { $0.interfaceIndex == index } }
    }

    /// Those with a usable next hop, longest prefixes first; of a prefix the one with the lowest metric.
    func usable(_ interface: (UInt32) -> Interface?) -> [GatewayRoute] {
        var best: [Prefix: (metric: UInt32, route: GatewayRoute)] = [:]
        for route in routes.values.joined() {
            let hops = route.nextHops.filter { interface($0.interfaceIndex)?.isUsable == true }
            if hops.isEmpty || best[route.prefix].map({ $0.metric <= route.key.metric }) == true { continue }
            best[route.prefix] = (route.key.metric, GatewayRoute(prefix: route.prefix, nextHops: hops))
        }
        return best.values.map(\.route).sorted { a, b in
            a.prefix.length == b.prefix.length ? a.prefix < b.prefix : a.prefix.length > b.prefix.length
        }
    }
}

// MARK: - As part of the topology

extension Topology {
    /// What leads to a gateway that is on no connected subnet: the longest match.
    func route(to gateway: IPAddress) -> GatewayRoute? { gatewayRoutes.first { $0.prefix.contains(gateway) } }

    /// The next hops on links that stand for one beyond them; nil: no route leads there.
    func resolveBeyond(_ hop: DesiredNextHop) -> [RouteNextHop]? {
        guard hop.interface == nil, let route = route(to: hop.gateway) else { return nil }
        let found = route.nextHops.filter { near in
            let name = interface(index: near.interfaceIndex)?.name ?? ""
            return !isDead(near.gateway ?? hop.gateway, through: name) && !isDead(hop.gateway, through: name)
        }
        return found.map { near in
            // A route without a gateway says that the next hop itself is on the link.
            RouteNextHop(
                gateway: near.gateway ?? hop.gateway, interfaceIndex: near.interfaceIndex,
                weight: UInt16(clamping: Int(near.weight) * Int(hop.weight)))
        }
    }
}
