import NetTypes

/// A route of somebody else's that next hops beyond the connected subnets can be resolved by.
package struct GatewayRoute: Hashable, Sendable {
    package let prefix: Prefix
    /// Where its packets go; a gateway is always on a link.
    package let nextHops: [RouteNextHop]
    /// As the kernel counts: lower is preferred.
    package var metric: UInt32 = 0

    package init(prefix: Prefix, nextHops: [RouteNextHop]) { (self.prefix, self.nextHops) = (prefix, nextHops) }
}

/// The main table's unicast routes that are neither ours nor a pod's nor the default: static ones, and those of other
/// routing daemons. What our own lead to is in `OwnRoute`; a default route, which would resolve anything, does not.
struct GatewayRoutes: Sendable {
    private static let mainTable: UInt32 = 254
    /// Protocol ids whose routes say nothing new: the kernel's own are the connected subnets; 180 are pods.
    private static let ignored: Set<UInt8> = [2, 180]
    /// With more than this, the table is another routing daemon's full one: the rest is not looked at.
    private static let limit = 4096

    var reading = FullReading<[RouteKey: [KernelRoute]]>([:])

    static func concerns(_ route: KernelRoute, owner: UInt8) -> Bool {
        !route.prefix.isDefault && route.key.table == mainTable && route.protocolID != owner
            && !ignored.contains(route.protocolID) && route.kind == .unicast && !route.prefix.address.isLinkLocal
    }

    mutating func observe(_ observation: RouteObservation) {
        let route = observation.route
        var place = reading.known[route.key] ?? []
        switch observation {
        case .present(_, let isReplacing):
            // A replaced route is not named: it had the same place.
            if isReplacing { place = [] }
            if !place.contains(route) { place.append(route) }
        case .absent:
            place = place.compactMap { $0.protocolID == route.protocolID ? $0.without(route) : $0 }
        }
        guard reading.known[route.key] != nil || reading.known.count < Self.limit else { return }
        reading.known[route.key] = place.isEmpty ? nil : place
    }

    mutating func read(_ route: KernelRoute) {
        reading.read { routes in
            guard routes.count < Self.limit || routes[route.key] != nil else { return }
            routes[route.key, default: []].append(route)
        }
    }

    /// Whether a route leaves by that interface: the kernel does not tell when it takes such routes away with it.
    func depends(on index: UInt32) -> Bool {
        reading.known.values.joined().contains { $0.nextHops.contains { $0.interfaceIndex == index } }
    }

    /// Those with a usable next hop, longest prefixes first; of a prefix the one with the lowest metric.
    func usable(_ interface: (UInt32) -> Interface?) -> [GatewayRoute] {
        var best: [Prefix: GatewayRoute] = [:]
        for route in reading.known.values.joined() {
            let hops = route.nextHops.filter { interface($0.interfaceIndex)?.isUsable == true }
            if hops.isEmpty || best[route.prefix].map({ $0.metric <= route.key.metric }) == true { continue }
            var usable = GatewayRoute(prefix: route.prefix, nextHops: hops)
            usable.metric = route.key.metric
            best[route.prefix] = usable
        }
        return best.values.sorted { a, b in
            a.prefix.length == b.prefix.length ? a.prefix < b.prefix : a.prefix.length > b.prefix.length
        }
    }
}

// MARK: - As part of the topology

extension Topology {
    /// What leads to a gateway that is on no connected subnet: the longest match.
    func route(to gateway: IPAddress) -> GatewayRoute? { gatewayRoutes.first { $0.prefix.contains(gateway) } }
}
