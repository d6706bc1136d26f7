import NetTypes

/// An address on an interface.
package struct InterfaceAddress: Hashable, Sendable {
    package let address: IPAddress
    /// Length of the connected subnet.
    package let prefixLength: UInt8
    /// The connected subnet: around the address itself, or around the far end of a point-to-point link.
    package let subnet: Prefix
    /// Whether the address is valid beyond the link (`RT_SCOPE_UNIVERSE`).
    package let isGlobal: Bool
    /// `IFA_F_*`, for example 0x40 while duplicate address detection runs.
    package let flags: UInt32

    package init?(
        address: IPAddress, prefixLength: UInt8, peer: IPAddress? = nil, isGlobal: Bool = true, flags: UInt32 = 0
    ) {
        guard let subnet = Prefix(peer ?? address, length: Int(prefixLength)) else { return nil }
        self.address = address
        self.prefixLength = prefixLength
        self.subnet = subnet
        self.isGlobal = isGlobal
        self.flags = flags
    }
}

/// A network interface and its addresses.
package struct Interface: Hashable, Sendable {
    package let index: UInt32
    package var name: String
    /// Switched on by the administrator.
    package var isUp: Bool
    /// Carrier: the far end is there.
    package var isRunning: Bool
    package var isLoopback: Bool
    /// Octets.
    package var mtu: UInt32
    package var macAddress: MACAddress?
    package var addresses: [InterfaceAddress]

    package init(
        index: UInt32, name: String, isUp: Bool = true, isRunning: Bool = true, isLoopback: Bool = false,
        mtu: UInt32 = 1500, macAddress: MACAddress? = nil, addresses: [InterfaceAddress] = []
    ) {
        self.index = index
        self.name = name
        self.isUp = isUp
        self.isRunning = isRunning
        self.isLoopback = isLoopback
        self.mtu = mtu
        self.macAddress = macAddress
        self.addresses = addresses
    }

    /// Whether packets can leave through it now.
    package var isUsable: Bool { isUp && isRunning }

    /// Whether it is the host end of a pod's link.
    package var isPodLink: Bool { name.hasPrefix("mlt") }
}

/// The interfaces of the node at one moment.
package struct Topology: Hashable, Sendable {
    /// By ascending index.
    package let interfaces: [Interface]
    /// Next hops of the kernel's default routes that are not ours, the preferred one of each family first.
    package var defaultGateways: [DefaultGateway] = []
    /// Routes of others that take a part of the cluster's addresses elsewhere.
    package var overlapping: [OverlappingRoute] = []
    /// Routes of others that next hops beyond the links are resolved by, longest prefixes first.
    package var gatewayRoutes: [GatewayRoute] = []
    /// Routes of ours to next hops beyond the links, longest prefixes first, by next hop.
    var ownRoutes: [IPAddress: [OwnRoute]] = [:]
    /// Next hops whose routes are about to go, because the only session that named them has ended: left out at once
    /// where others remain.
    package var leaving: Set<IPAddress> = []
    /// Next hops that do not forward, whatever the interfaces say: no route uses them (RFC 5882 section 3.2).
    package var unreachable: Set<DeadGateway> = []

    package init(interfaces: [Interface] = []) { self.interfaces = interfaces.sorted { $0.index < $1.index } }

    package func interface(named name: String) -> Interface? { interfaces.first { $0.name == name } }

    package func interface(index: UInt32) -> Interface? { interfaces.first { $0.index == index } }

    /// Every address of the node, link-local and loopback ones included.
    package var ownAddresses: Set<IPAddress> { Set(interfaces.lazy.flatMap(\.addresses).map(\.address)) }

    /// The connected subnets of all interfaces but loopback and the pods', without host prefixes, in order.
    package var linkSubnets: [Prefix] {
        let links = interfaces.lazy.filter { !$0.isLoopback && !$0.isPodLink }
        return Set(links.flatMap(\.addresses).map(\.subnet).filter { !$0.isHost }).sorted()
    }

    /// The usable interface whose connected subnet is the longest match for `gateway`; never for link-local addresses
    /// of IPv6, which are on every link.
    package func interface(reaching gateway: IPAddress) -> Interface? {
        if case .v6(let address) = gateway, address.isLinkLocal { return nil }
        var best: (interface: Interface, length: UInt8)?
        for interface in interfaces where interface.isUsable && !interface.isLoopback {
            for subnet in interface.addresses.lazy.map(\.subnet) where subnet.contains(gateway) {
                if subnet.length > best?.length ?? 0 { best = (interface, subnet.length) }
            }
        }
        return best?.interface
    }

    /// The interface, usable or not, that carries `address`.
    package func interface(owning address: IPAddress) -> Interface? {
        interfaces.first { $0.addresses.contains { $0.address == address } }
    }

    /// The lowest global IPv4 address outside loopback and pod links: the default router ID.
    package var lowestGlobalIPv4: IPv4Address? { globalIPv4.min() }

    /// The highest global IPv4 address outside loopback and pod links.
    package var highestGlobalIPv4: IPv4Address? { globalIPv4.max() }

    private var globalIPv4: [IPv4Address] {
        interfaces.lazy.filter { !$0.isLoopback && !$0.isPodLink }.flatMap(\.addresses).compactMap {
            guard $0.isGlobal, case .v4(let address) = $0.address, !$0.address.isLinkLocal else { return nil }
            return address
        }
    }

    /// The smallest MTU of the usable interfaces that are neither loopback nor a pod's: what a pod may send. Nil
    /// without one.
    package var uplinkMTU: UInt32? {
        interfaces.lazy.filter { $0.isUsable && !$0.isLoopback && !$0.isPodLink }.map(\.mtu).min()
    }
}
