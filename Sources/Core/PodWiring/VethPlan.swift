import NetTypes

/// What every pod link has in common.
package enum PodLink {
    /// MAC of every host end.
    package static let hostMAC = MACAddress(rawValue: 0xeeee_eeee_eeee)
    /// The pod's IPv4 gateway. No interface has it: the permanent neighbour makes it reachable.
    package static let gateway = IPAddress.v4(IPv4Address(169, 254, 1, 1))
    /// The pod's IPv6 gateway: the host end's link-local address, fe80::ecee:eeff:feee:eeee.
    package static let gatewayV6 = IPAddress.v6(hostMAC.linkLocal)
    /// Route protocol of the plugin's routes.
    package static let routeProtocol: UInt8 = 180
    /// Link group (IFLA_GROUP) of host ends that DEL took out of service and the agent deletes: "mlt" in ASCII, so that
    /// nobody else's numbering meets it.
    package static let deletedGroup: UInt32 = 0x6d_6c74
    /// File in the state directory that a running agent holds locked: who would leave a deletion to it asks for that.
    package static let agentLock = "agent.lock"

    package static func gateway(_ family: AddressFamily) -> IPAddress { family == .ipv4 ? gateway : gatewayV6 }
}

/// A route of a link.
package struct LinkRoute: Hashable, Sendable {
    package let destination: Prefix
    /// Nil: directly on the link.
    package let gateway: IPAddress?
    package var protocolID: UInt8
    package var mtu: UInt32?
    package var advertisedMSS: UInt32?
    package var priority: UInt32?
    package var table: UInt32?

    package init(destination: Prefix, gateway: IPAddress? = nil, protocolID: UInt8) {
        self.destination = destination
        self.gateway = gateway
        self.protocolID = protocolID
    }
}

/// One kernel operation on a link that exists. An edge turns each into one netlink message.
package enum LinkStep: Hashable, Sendable {
    case alias(String)
    /// The link's IPv4 settings.
    case settingsIPv4([LinkSettingValue])
    /// A token bucket on what leaves the node's or pod's namespace by this end.
    case limit(RateLimit)
    /// No link-local address by the kernel: its duplicate address detection would keep the link silent for a second.
    case noAutomaticIPv6
    case up
    /// A host address (/32 or /128), without duplicate address detection.
    case address(IPAddress)
    /// A link-local address (/64), without duplicate address detection.
    case linkLocal(IPAddress)
    case route(LinkRoute)
    /// A permanent neighbour.
    case neighbour(IPAddress, MACAddress)
    /// ARP for this address, which is not the link's, is answered with the link's MAC.
    case answerFor(IPAddress)
}

/// All that makes a pod reachable: a pair of links whose second end is born in the pod's namespace, and steps for
/// both ends.
package struct VethPlan: Hashable, Sendable {
    package let identity: PodIdentity
    package let podMAC: MACAddress
    package let mtu: UInt32
    /// Distinct addresses of the pod.
    package let addresses: [IPAddress]
    /// What the pod reaches through the host.
    package let podRoutes: [LinkRoute]
    package var bandwidth = Bandwidth()
    /// Ports of the node that lead to the pod.
    package var hostPorts: [HostPort] = []

    /// - Parameter routes: destinations that IPAM asks for. A family of which it names none gets a default route. The
    /// gateway
    ///   is always the host end: there is nobody else on the link.
    package init(
        identity: PodIdentity, podMAC: MACAddress? = nil, mtu: UInt32, addresses: [IPAddress], routes: [LinkRoute] = []
    ) {
        self.identity = identity
        self.podMAC = podMAC ?? identity.podMAC
        self.mtu = mtu
        var distinct: [IPAddress] = []
        for address in addresses where !distinct.contains(address) { distinct.append(address) }
        self.addresses = distinct
        podRoutes =
            Self.podRoutes(.ipv4, of: addresses, asked: routes) + Self.podRoutes(.ipv6, of: addresses, asked: routes)
    }

    private static func podRoutes(
        _ family: AddressFamily, of addresses: [IPAddress], asked: [LinkRoute]
    ) -> [LinkRoute] {
        guard addresses.contains(where: { $0.family == family }) else { return [] }
        let gateway = PodLink.gateway(family)
        var result: [LinkRoute] = []
        for route in asked where route.destination.family == family {
            var ours = LinkRoute(
                destination: route.destination, gateway: gateway, protocolID: PodLink.routeProtocol)
            (ours.mtu, ours.advertisedMSS) = (route.mtu, route.advertisedMSS)
            (ours.priority, ours.table) = (route.priority, route.table)
            result.append(ours)
        }
        guard result.isEmpty else { return result }
        let all = Prefix(bits: 0, length: 0, family: family)
        return [LinkRoute(destination: all, gateway: gateway, protocolID: PodLink.routeProtocol)]
    }

    package var hostName: String { identity.hostName }

    package func has(_ family: AddressFamily) -> Bool { addresses.contains { $0.family == family } }

    /// The node's route to each of the pod's addresses.
    package var hostRoutes: [LinkRoute] {
        addresses.map { LinkRoute(destination: Prefix(host: $0), protocolID: PodLink.routeProtocol) }
    }

    /// Steps for the end in the node's namespace, in order.
    package var hostSteps: [LinkStep] {
        var steps: [LinkStep] = [.alias(identity.alias)]
        if has(.ipv6) { steps.append(.noAutomaticIPv6) }
        steps.append(.settingsIPv4(settingsIPv4))
        if let limit = bandwidth.ingress { steps.append(.limit(limit.fitting(mtu: mtu))) }
        steps.append(.up)
        if has(.ipv6) { steps.append(.linkLocal(PodLink.gatewayV6)) }
        steps += hostRoutes.map(LinkStep.route)
        steps += addresses.map { .neighbour($0, podMAC) }
        // The pod never asks: it has a permanent neighbour. A guest of it (a virtual machine on its interface) would.
        if has(.ipv4) { steps.append(.answerFor(PodLink.gateway)) }
        return steps
    }

    /// Steps for the end in the pod's namespace, in order.
    package var podSteps: [LinkStep] {
        var steps: [LinkStep] = has(.ipv6) ? [] : [.noAutomaticIPv6]
        if let limit = bandwidth.egress { steps.append(.limit(limit.fitting(mtu: mtu))) }
        steps.append(.up)
        steps += addresses.map(LinkStep.address)
        if has(.ipv4) {
            steps.append(
                .route(LinkRoute(destination: Prefix(host: PodLink.gateway), protocolID: PodLink.routeProtocol)))
        }
        // Neighbours before the routes over them, so that no packet ever waits for a resolution.
        if has(.ipv4) { steps.append(.neighbour(PodLink.gateway(.ipv4), PodLink.hostMAC)) }
        if has(.ipv6) { steps.append(.neighbour(PodLink.gateway(.ipv6), PodLink.hostMAC)) }
        return steps + podRoutes.map(LinkStep.route)
    }
}
