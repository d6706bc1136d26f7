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

/// A changed wish for one prefix; the latest one counts. 100,000 of them may wait for the kernel, so each is small, and
/// those with the same next hops can share them.
package struct FIBChange: Hashable, Sendable {
    package let prefix: Prefix
    /// Nil removes the route.
    let wish: Wish?

    /// What is wished, without the prefix.
    struct Wish: Hashable, Sendable {
        /// As in `DesiredRoute`.
        let nextHops: [DesiredNextHop]
        let isBlackhole: Bool
    }

    /// `route` nil removes what was wished before; it has the same prefix otherwise.
    package init(prefix: Prefix, route: DesiredRoute?) {
        self.prefix = prefix
        wish = route.map { Wish(nextHops: $0.nextHops, isBlackhole: $0.isBlackhole) }
    }

    /// The wish of `other` for another prefix: both hold the same next hops in one place.
    package init(prefix: Prefix, like other: FIBChange) { (self.prefix, wish) = (prefix, other.wish) }

    /// Whether the route is to go.
    package var isRemoval: Bool { wish == nil }
}
