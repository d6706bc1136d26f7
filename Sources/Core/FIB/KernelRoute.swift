import NetTypes

/// What the kernel does with packets for a route (`rtm_type`).
package enum RouteKind: Hashable, Sendable, BitwiseCopyable {
    case unicast
    case unreachable
    /// Drops without a word.
    case blackhole
    /// Kinds that we never install: local, throw and so on.
    case other(UInt8)
}

/// One next hop of a route in the kernel.
package struct RouteNextHop: Hashable, Sendable, Comparable, BitwiseCopyable {
    /// Nil for a route to a link.
    package let gateway: IPAddress?
    /// 0 when the kernel names none.
    package let interfaceIndex: UInt32
    /// 1...256 (`rtnh_hops` + 1).
    package let weight: UInt16

    package init(gateway: IPAddress?, interfaceIndex: UInt32, weight: UInt16 = 1) {
        self.gateway = gateway
        self.interfaceIndex = interfaceIndex
        self.weight = weight
    }

    package static func < (a: Self, b: Self) -> Bool {
        (order(a.gateway), a.interfaceIndex, a.weight) < (order(b.gateway), b.interfaceIndex, b.weight)
    }

    private static func order(_ gateway: IPAddress?) -> IPAddress { gateway ?? .v4(.any) }
}

/// Where a route stands in the kernel. Two routes with one key compete for it.
package struct RouteKey: Hashable, Sendable, BitwiseCopyable {
    package let prefix: Prefix
    package let table: UInt32
    /// Lower is preferred; the kernel turns 0 into 1024 for IPv6.
    package let metric: UInt32

    package init(prefix: Prefix, table: UInt32, metric: UInt32) {
        self.prefix = prefix
        self.table = table
        self.metric = metric
    }
}

/// A route as the kernel holds it.
package struct KernelRoute: Hashable, Sendable {
    package let key: RouteKey
    package let kind: RouteKind
    /// Who made it (`rtm_protocol`): 179 the agent, 180 the plugin, 2 the kernel, 3 `ip route` by hand.
    package let protocolID: UInt8
    /// In canonical order, so that comparing is stable; empty for `unreachable` and `blackhole`.
    package let nextHops: [RouteNextHop]
    /// The nexthop object that the route uses (`RTA_NH_ID`); 0: it carries its next hops itself.
    package var nextHopID: UInt32 = 0

    package init(key: RouteKey, kind: RouteKind, protocolID: UInt8, nextHops: [RouteNextHop]) {
        self.key = key
        self.kind = kind
        self.protocolID = protocolID
        // The kernel says "dev lo" for an IPv6 unreachable route and nothing for an IPv4 one: neither means anything.
        self.nextHops = kind != .unicast ? [] : Self.isOrdered(nextHops) ? nextHops : nextHops.sorted()
    }

    /// Most are, and then all routes with the same next hops share one array.
    private static func isOrdered(_ hops: [RouteNextHop]) -> Bool {
        hops.count < 2 || zip(hops, hops.dropFirst()).allSatisfy { !($1 < $0) }
    }

    package var prefix: Prefix { key.prefix }
}
