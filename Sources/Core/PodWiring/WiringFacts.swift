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

/// What the kernel says about one end of a pod's link.
package struct WiringFacts: Hashable, Sendable {
    package var isUp: Bool
    package var mac: MACAddress?
    package var mtu: UInt32
    package var alias: String?
    package var addresses: Set<IPAddress> = []
    /// Routes whose device is this link.
    package var routes: Set<RouteFact> = []
    /// Permanent neighbours only.
    package var neighbours: [IPAddress: MACAddress] = [:]

    package init(isUp: Bool, mac: MACAddress?, mtu: UInt32, alias: String? = nil) {
        self.isUp = isUp
        self.mac = mac
        self.mtu = mtu
        self.alias = alias
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
        if let difference = Self.difference(
            of: host, named: "host interface \(hostName)", mac: PodLink.hostMAC, mtu: nil)
        {
            return difference
        }
        for route in hostRoutes where !host.routes.contains(RouteFact(destination: route.destination, gateway: nil)) {
            return "the node has no route \(route.destination) dev \(hostName)"
        }
        for address in addresses where host.neighbours[address] != podMAC {
            return "the node has no permanent neighbour \(address) lladdr \(podMAC) dev \(hostName)"
        }
        let ifname = identity.ifname
        if let difference = Self.difference(of: pod, named: "interface \(ifname) in the pod", mac: podMAC, mtu: mtu) {
            return difference
        }
        for address in addresses where !pod.addresses.contains(address) {
            return "the pod's \(ifname) has no address \(address)"
        }
        for route in podRoutes
        where !pod.routes.contains(RouteFact(destination: route.destination, gateway: route.gateway)) {
            return "the pod has no route \(route.destination) via \(route.gateway?.description ?? "link") dev \(ifname)"
        }
        for family in AddressFamily.allCases
        where has(family) && pod.neighbours[PodLink.gateway(family)] != PodLink.hostMAC {
            return "the pod has no permanent neighbour \(PodLink.gateway(family)) lladdr \(PodLink.hostMAC)"
        }
        return nil
    }

    private static func difference(of facts: WiringFacts, named name: String, mac: MACAddress, mtu: UInt32?) -> String?
    {
        guard facts.isUp else { return "the \(name) is down" }
        guard facts.mac == mac else {
            return "the \(name) has MAC \(facts.mac?.description ?? "none") instead of \(mac)"
        }
        if let mtu, facts.mtu != mtu { return "the \(name) has MTU \(facts.mtu) instead of \(mtu)" }
        return nil
    }
}
