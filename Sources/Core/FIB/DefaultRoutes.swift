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

    var reading = FullReading<[KernelRoute]>([])

    /// Whether a route is one of these.
    static func concerns(_ route: KernelRoute, owner: UInt8) -> Bool {
        route.prefix.isDefault && route.key.table == mainTable && route.protocolID != owner && route.kind == .unicast
    }

    mutating func observe(_ observation: RouteObservation) {
        switch observation {
        case .present(let route, let isReplacing):
            // A replaced route is not named: it had the same place.
            if isReplacing { reading.known.removeAll { $0.key == route.key } }
            if !reading.known.contains(route) { reading.known.append(route) }
        case .absent(let route):
            reading.known = reading.known.compactMap { known in
                let isSame = known.key == route.key && known.protocolID == route.protocolID
                return isSame ? known.without(route) : known
            }
        }
    }

    /// All of them, in no order.
    var all: [KernelRoute] { reading.known }

    mutating func read(_ route: KernelRoute) { reading.read { $0.append(route) } }

    /// Whether a route leaves by that interface: the kernel does not tell when it takes such routes away with it.
    func depends(on index: UInt32) -> Bool { all.contains { $0.nextHops.contains { $0.interfaceIndex == index } } }

    /// The gateways behind usable interfaces: IPv4 before IPv6, lower metrics first.
    func gateways(_ interface: (UInt32) -> Interface?) -> [DefaultGateway] {
        let sorted = all.enumerated().sorted {
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
    /// Takes over a notification of a route; true: it was a default route that is not ours, one that next hops may be
    /// resolved by, or one that overlaps.
    package mutating func observe(_ observation: RouteObservation, owner: UInt8) -> Bool {
        let isOverlap = overlaps(observation.route, owner: owner)
        if isOverlap { others.observe(observation) }
        if GatewayRoutes.concerns(observation.route, owner: owner) {
            gatewayRoutes.observe(observation)
            return true
        }
        guard DefaultRoutes.concerns(observation.route, owner: owner) else { return isOverlap }
        defaults.observe(observation)
        return true
    }

    /// Starts a full reading of routes; `read` takes each, and `endReading` says whether something differs.
    package mutating func beginReadingRoutes() {
        defaults.reading.begin()
        others.reading.begin()
        gatewayRoutes.reading.begin()
    }

    package mutating func read(_ route: KernelRoute, owner: UInt8) {
        if DefaultRoutes.concerns(route, owner: owner) { defaults.read(route) }
        if GatewayRoutes.concerns(route, owner: owner) { gatewayRoutes.read(route) }
        if overlaps(route, owner: owner) { others.read(route) }
    }

    package mutating func endReadingRoutes() -> Bool {
        let differences = [defaults.reading.end(), gatewayRoutes.reading.end(), others.reading.end()]
        return differences.contains(true)
    }

    package mutating func abandonReadingRoutes() {
        defaults.reading.abandon()
        others.reading.abandon()
        gatewayRoutes.reading.abandon()
    }

    /// Whether a route of somebody else's that we follow leaves by an interface.
    package func hasRoute(on index: UInt32) -> Bool {
        defaults.depends(on: index) || gatewayRoutes.depends(on: index) || others.depends(on: index)
    }

    /// Takes the default routes of an earlier builder over: links were read anew, routes were not.
    package mutating func keepRoutes(of other: TopologyBuilder) {
        (defaults, gatewayRoutes) = (other.defaults, other.gatewayRoutes)
        (others, watched) = (other.others, other.watched)
    }
}
