import NetTypes

/// The router that the kernel sends everything to that has no other route.
package struct DefaultGateway: Hashable, Sendable {
    package let address: IPAddress
    /// Index of the interface it is on.
    package let interfaceIndex: UInt32

    package init(address: IPAddress, interfaceIndex: UInt32) {
        self.address = address
        self.interfaceIndex = interfaceIndex
    }
}

/// The default routes of the main table that somebody else made: who the node's router is, for peers that are its
/// default gateway. Our own are left out, or we would follow what that peer told us.
struct DefaultRoutes: Sendable {
    private static let mainTable: UInt32 = 254

    private var routes: [KernelRoute] = []
    /// What a full reading has found so far.
    private var found: [KernelRoute]?

    /// Whether a route is one of these.
    static func concerns(_ route: KernelRoute, owner: UInt8) -> Bool {
        route.prefix.isDefault && route.key.table == mainTable && route.protocolID != owner && route.kind == .unicast
    }

    mutating func observe(_ observation: RouteObservation) {
        switch observation {
        case .present(let route, let isReplacing):
            // A replaced route is not named: it had the same place.
            if isReplacing { routes.removeAll { $0.key == route.key } }
            if !routes.contains(route) { routes.append(route) }
        case .absent(let route):
            routes = routes.compactMap { known in
                let isSame = known.key == route.key && known.protocolID == route.protocolID
                return isSame ? known.without(route) : known
            }
        }
    }

    mutating func beginReading() { found = [] }

    mutating func read(_ route: KernelRoute) { found?.append(route) }

    /// True: something is different now.
    mutating func endReading() -> Bool {
        guard let found else { return false }
        self.found = nil
        defer { routes = found }
        return routes != found
    }

    mutating func abandonReading() { found = nil }

    /// Whether a route leaves by that interface: the kernel does not tell when it takes such routes away with it.
    func depends(on index: UInt32) -> Bool { routes.contains { $0.nextHops.contains { $0.interfaceIndex == index } } }

    /// The gateways behind usable interfaces: IPv4 before IPv6, lower metrics first.
    func gateways(_ interface: (UInt32) -> Interface?) -> [DefaultGateway] {
        let sorted = routes.enumerated().sorted {
            ($0.element.prefix.family.rawValue, $0.element.key.metric, $0.offset)
                < ($1.element.prefix.family.rawValue, $1.element.key.metric, $1.offset)
        }
        return sorted.flatMap(\.element.nextHops).compactMap { hop in
            guard let gateway = hop.gateway, interface(hop.interfaceIndex)?.isUsable == true else { return nil }
            return DefaultGateway(address: gateway, interfaceIndex: hop.interfaceIndex)
        }
    }
}

extension KernelRoute {
    /// What is left of a route after a removal: of several next hops of IPv6 single ones go.
    func without(_ gone: KernelRoute) -> KernelRoute? {
        guard prefix.family == .ipv6 || nextHops == gone.nextHops else { return self }
        let left = nextHops.filter { !gone.nextHops.contains($0) }
        return left.isEmpty ? nil : KernelRoute(key: key, kind: kind, protocolID: protocolID, nextHops: left)
    }
}

// MARK: - As part of the topology

extension TopologyBuilder {
    /// Takes over a notification of a route; true: it was a default route that is not ours, or one that next hops may
    /// be resolved by.
    package mutating func observe(_ observation: RouteObservation, owner: UInt8) -> Bool {
        if GatewayRoutes.concerns(observation.route, owner: owner) {
            gatewayRoutes.observe(observation)
            return true
        }
        guard DefaultRoutes.concerns(observation.route, owner: owner) else { return false }
        defaults.observe(observation)
        return true
    }

    /// Starts a full reading of routes; `read` takes each, and `endReading` says whether default routes differ.
    package mutating func beginReadingRoutes() {
        defaults.beginReading()
        gatewayRoutes.beginReading()
    }

    package mutating func read(_ route: KernelRoute, owner: UInt8) {
        if DefaultRoutes.concerns(route, owner: owner) { defaults.read(route) }
        if GatewayRoutes.concerns(route, owner: owner) { gatewayRoutes.read(route) }
    }

    package mutating func endReadingRoutes() -> Bool {
        let (first, second) = (defaults.endReading(), gatewayRoutes.endReading())
        return first || second
    }

    package mutating func abandonReadingRoutes() {
        defaults.abandonReading()
        gatewayRoutes.abandonReading()
    }

    /// Whether a route of somebody else's that we follow leaves by an interface.
    package func hasRoute(on index: UInt32) -> Bool {
        defaults.depends(on: index) || gatewayRoutes.depends(on: index)
    }

    /// Takes the default routes of an earlier builder over: links were read anew, routes were not.
    package mutating func keepRoutes(of other: TopologyBuilder) {
        (defaults, gatewayRoutes) = (other.defaults, other.gatewayRoutes)
    }
}
