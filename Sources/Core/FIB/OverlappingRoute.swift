import NetTypes

/// A route of somebody else (by hand, of a VPN, of another daemon) that takes a part of the cluster's addresses
/// elsewhere: being more specific it goes before ours, whatever the metric.
package struct OverlappingRoute: Hashable, Sendable {
    package let route: KernelRoute
    /// The podCIDR of this node, or the cluster CIDR, that it lies inside of.
    package let inside: Prefix
}

extension TopologyBuilder {
    /// Most that are told of: who has more runs another routing daemon in the same prefixes.
    private static let overlapLimit = 64
    private static let mainTable: UInt32 = 254
    /// The plugin's.
    private static let podRoutes: UInt8 = 180

    /// Watches for routes inside these prefixes, the node's own first; true: routes have to be read again.
    package mutating func watch(_ prefixes: [Prefix]) -> Bool {
        guard watched != prefixes else { return false }
        watched = prefixes
        return true
    }

    /// Whether a route is one of these. A link or a pod of another plugin has no gateway: only what leads elsewhere, or
    /// nowhere, takes addresses away. What has exactly the prefix of a route of ours is a conflict of its own.
    func overlaps(_ route: KernelRoute, owner: UInt8) -> Bool {
        guard !watched.isEmpty, route.key.table == Self.mainTable, route.protocolID != owner,
            route.protocolID != Self.podRoutes, inside(route.prefix) != nil
        else { return false }
        return switch route.kind {
        case .unicast: route.nextHops.contains { $0.gateway != nil }
        case .unreachable, .blackhole: true
        case .other: false
        }
    }

    private func inside(_ prefix: Prefix) -> Prefix? {
        watched.first { $0.length < prefix.length && $0.contains(prefix) }
    }

    /// In the order of their prefixes.
    var overlapping: [OverlappingRoute] {
        let routes = others.all.sorted { ($0.prefix, $0.key.metric) < ($1.prefix, $1.key.metric) }
        return routes.prefix(Self.overlapLimit).compactMap { route in
            inside(route.prefix).map { OverlappingRoute(route: route, inside: $0) }
        }
    }
}
