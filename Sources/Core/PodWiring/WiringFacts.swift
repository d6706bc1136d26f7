import NetTypes

/// A route as the kernel shows it.
package struct RouteFact: Hashable, Sendable {
    package let destination: Prefix
    package let gateway: IPAddress?

    package init(destination: Prefix, gateway: IPAddress?) {
        self.destination = destination
        self.gateway = gateway
    }
}

/// A permanent neighbour as the kernel shows it.
package struct NeighbourFact: Hashable, Sendable {
    package let address: IPAddress
    package let mac: MACAddress

    package init(address: IPAddress, mac: MACAddress) {
        self.address = address
        self.mac = mac
    }
}

/// A token bucket as the kernel shows it.
package struct LimitFact: Hashable, Sendable {
    package let bytesPerSecond: UInt64
    /// Octets that may wait: with the rate, it tells the burst.
    package let queue: UInt32

    package init(bytesPerSecond: UInt64, queue: UInt32) {
        self.bytesPerSecond = bytesPerSecond
        self.queue = queue
    }
}

/// What the kernel says about one end of a pod's link. Lists and not sets or dictionaries: they are short, and a
/// process's first dictionary costs more than all comparisons.
package struct WiringFacts: Hashable, Sendable {
    package var isUp: Bool
    package var mac: MACAddress?
    package var mtu: UInt32
    package var alias: String?
    /// Number of the link in its namespace, and what it says of the other end's in that one's.
    package var index: Int32?
    package var peerIndex: Int32?
    package var addresses: [IPAddress] = []
    /// Routes whose device is this link.
    package var routes: [RouteFact] = []
    /// Permanent neighbours only.
    package var neighbours: [NeighbourFact] = []
    /// What the kernel told of its settings; host end only.
    package var settings: [LinkSettingValue] = []
    /// The token bucket of the link; only read where one is wanted.
    package var limit: LimitFact?

    package init(isUp: Bool, mac: MACAddress?, mtu: UInt32, alias: String? = nil) {
        self.isUp = isUp
        self.mac = mac
        self.mtu = mtu
        self.alias = alias
    }

    func has(_ neighbour: IPAddress, _ mac: MACAddress) -> Bool {
        neighbours.contains(NeighbourFact(address: neighbour, mac: mac))
    }
}

extension VethPlan {
    /// The first thing that is not as ADD left it, in words, or nil. Both ends may have more than we made.
    package func firstDifference(host: WiringFacts?, pod: WiringFacts?) -> String? {
        guard let host else { return "the host interface \(hostName) does not exist" }
        guard let pod else { return "the interface \(identity.ifname) does not exist in the pod" }
        guard identity.owns(alias: host.alias) else {
            return "the host interface \(hostName) belongs to \(host.alias ?? "")"
        }
        if let index = pod.index, index != host.peerIndex {
            return "the interface \(identity.ifname) in the pod is not the other end of \(hostName)"
        }
        return hostDifference(host) ?? podDifference(pod)
    }

    private func hostDifference(_ host: WiringFacts) -> String? {
        let name = "host interface \(hostName)"
        if let difference = Self.difference(of: host, named: name, mac: PodLink.hostMAC, mtu: mtu) { return difference }
        for wanted in hostSettings {
            guard let found = host.settings.first(where: { $0.setting == wanted.setting }), found != wanted else {
                continue
            }
            return "\(wanted.setting.name(of: hostName)) is \(found.value) instead of \(wanted.value)"
        }
        if has(.ipv6), !host.addresses.contains(PodLink.gatewayV6) {
            return "the \(name) has no address \(PodLink.gatewayV6)"
        }
        for route in hostRoutes where !host.routes.contains(RouteFact(destination: route.destination, gateway: nil)) {
            return "the node has no route \(route.destination) dev \(hostName)"
        }
        for address in addresses where !host.has(address, podMAC) {
            return "the node has no permanent neighbour \(address) lladdr \(podMAC) dev \(hostName)"
        }
        return limitDifference(host, bandwidth.ingress, named: name)
    }

    private func podDifference(_ pod: WiringFacts) -> String? {
        let ifname = identity.ifname
        let name = "interface \(ifname) in the pod"
        if let difference = Self.difference(of: pod, named: name, mac: podMAC, mtu: mtu) { return difference }
        for address in addresses where !pod.addresses.contains(address) {
            return "the pod's \(ifname) has no address \(address)"
        }
        for route in podRoutes
        where !pod.routes.contains(RouteFact(destination: route.destination, gateway: route.gateway)) {
            return "the pod has no route \(route.destination) via \(route.gateway?.description ?? "link") dev \(ifname)"
        }
        return gatewayDifference(pod, .ipv4) ?? gatewayDifference(pod, .ipv6)
            ?? limitDifference(pod, bandwidth.egress, named: name)
    }

    private func gatewayDifference(_ pod: WiringFacts, _ family: AddressFamily) -> String? {
        guard has(family), !pod.has(PodLink.gateway(family), PodLink.hostMAC) else { return nil }
        return "the pod has no permanent neighbour \(PodLink.gateway(family)) lladdr \(PodLink.hostMAC)"
    }

    private func limitDifference(_ facts: WiringFacts, _ wanted: RateLimit?, named name: String) -> String? {
        guard let wanted = wanted?.fitting(mtu: mtu) else { return nil }
        guard let found = facts.limit else { return "the \(name) has no bandwidth limit" }
        guard found.bytesPerSecond == wanted.bytesPerSecond else {
            return "the \(name) is limited to \(found.bytesPerSecond) bytes/s instead of \(wanted.bytesPerSecond)"
        }
        guard found.queue == wanted.queue else {
            return "the bandwidth limit of the \(name) has a queue of \(found.queue) bytes instead of \(wanted.queue)"
        }
        return nil
    }

    private static func difference(of facts: WiringFacts, named name: String, mac: MACAddress, mtu: UInt32) -> String? {
        guard facts.isUp else { return "the \(name) is down" }
        guard facts.mac == mac else {
            return "the \(name) has MAC \(facts.mac?.description ?? "none") instead of \(mac)"
        }
        return facts.mtu == mtu ? nil : "the \(name) has MTU \(facts.mtu) instead of \(mtu)"
    }
}
