import NetTypes

/// One next hop as the decision wants it: nothing in it depends on what the kernel has.
package struct DesiredNextHop: Hashable, Sendable, Comparable {
    /// The neighbour to send to; its family may differ from the prefix's (RFC 8950: IPv4 prefix, IPv6 next hop).
    package let gateway: IPAddress
    /// The interface it is reached through; needed for link-local gateways, otherwise found from the connected subnets.
    package let interface: String?
    /// Share of the flows among the next hops of a route: 1...256, cut to that.
    package let weight: UInt16

    package init(gateway: IPAddress, interface: String? = nil, weight: UInt16 = 1) {
        self.gateway = gateway
        self.interface = interface
        self.weight = min(max(weight, 1), 256)
    }

    package static func < (a: Self, b: Self) -> Bool {
        (a.gateway, a.interface ?? "", a.weight) < (b.gateway, b.interface ?? "", b.weight)
    }
}

/// What the kernel shall forward for one prefix.
package struct DesiredRoute: Hashable, Sendable {
    package let prefix: Prefix
    /// Sorted and without repetition, so that equal sets are equal values.
    package let nextHops: [DesiredNextHop]
    /// Packets are dropped without a word, whatever the next hops are (RFC 7999).
    package var isBlackhole = false

    package init(prefix: Prefix, nextHops: [DesiredNextHop]) {
        self.prefix = prefix
        self.nextHops = nextHops.count < 2 ? nextHops : Set(nextHops).sorted()
    }
}

/// A changed wish for one prefix; the latest one counts.
package struct FIBChange: Hashable, Sendable {
    package let prefix: Prefix
    /// Nil removes the route.
    package let route: DesiredRoute?

    package init(prefix: Prefix, route: DesiredRoute?) {
        self.prefix = prefix
        self.route = route
    }
}
