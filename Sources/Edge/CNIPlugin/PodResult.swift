import NetTypes
import PodWiring

// The way from results to plans and back: what IPAM gives becomes a plan, a plan that was carried out becomes the
// result of ADD, and CHECK makes the plan again out of that result.

extension VethPlan {
    /// The plan for what IPAM gave; code 7 for capabilities that make no sense.
    package init(_ config: PodConfig, mtu: UInt32, ipam: AttachmentResult) throws(PluginError) {
        self.init(
            identity: config.identity, podMAC: config.mac, mtu: mtu, addresses: ipam.addresses.map(\.address),
            routes: ipam.routes.map(LinkRoute.init))
        try add(config)
    }

    private mutating func add(_ config: PodConfig) throws(PluginError) {
        bandwidth = try config.bandwidth()
        hostPorts = HostPort.translations(try config.portMappings(), of: addresses)
    }

    /// The plan that the previous result tells of. Other plugins of the chain may have added interfaces, addresses and
    /// routes: what counts is what belongs to our interface and leads over our gateway.
    package init(
        checking request: Request, _ config: PodConfig, uplinkMTU: () throws(PluginError) -> UInt32
    ) throws(PluginError) {
        guard let previous = request.config.prevResult else {
            throw PluginError(.invalidConfig, "CHECK needs the prevResult of ADD")
        }
        let result: AttachmentResult
        do { result = try AttachmentResult(previous) } catch {
            throw PluginError(.decoding, "prevResult is not a result", details: error.reason)
        }
        let index = result.interfaces.firstIndex { $0.name == request.ifname && $0.sandbox?.isEmpty == false }
        guard let index else { throw PluginError(.checkFailed, "prevResult has no interface \(request.ifname)") }
        let interface = result.interfaces[index]
        guard let mac = interface.mac.flatMap({ MACAddress($0) }) else {
            throw PluginError(.checkFailed, "prevResult has no MAC for \(request.ifname)")
        }
        let addresses = result.addresses.filter { $0.interface == index }.map(\.address)
        guard !addresses.isEmpty else {
            throw PluginError(.checkFailed, "prevResult has no address for \(request.ifname)")
        }
        let mtu: UInt32
        if let known = interface.mtu.flatMap({ UInt32(exactly: $0) }) ?? config.mtu {
            mtu = known
        } else {
            mtu = try uplinkMTU()
        }
        let routes = result.routes.filter { $0.gateway == PodLink.gateway($0.destination.family) }
        self.init(
            identity: config.identity, podMAC: mac, mtu: mtu, addresses: addresses, routes: routes.map(LinkRoute.init))
        try add(config)
    }

    /// The result of ADD: the host end first, then the pod's.
    package func result(_ request: Request, ipam: AttachmentResult) -> JSONValue {
        var result = AttachmentResult()
        result.interfaces = [
            ResultInterface(name: hostName, mac: PodLink.hostMAC.description),
            ResultInterface(name: request.ifname, mac: podMAC.description, sandbox: request.netns, mtu: Int(mtu)),
        ]
        result.addresses = addresses.map {
            ResultAddress(address: $0, length: $0.family.bitWidth, gateway: PodLink.gateway($0.family), interface: 1)
        }
        result.routes = podRoutes.map(ResultRoute.init)
        result.dns = request.config.tree["dns"] ?? ipam.dns
        return result.json(version: request.config.version, after: request.config.prevResult)
    }
}

extension Delegate {
    /// Has IPAM give addresses; code 105 when its answer has none.
    package func allocate() throws(PluginError) -> AttachmentResult {
        guard let tree = try run(.add) else {
            throw PluginError(.delegateFailed, "IPAM plugin \"\(type)\" returned no result")
        }
        return try AttachmentResult(ipam: tree, of: type)
    }
}

extension AttachmentResult {
    /// Reads what the IPAM plugin `type` returned; code 105 when it cannot be used or has no address.
    package init(ipam tree: JSONValue, of type: String) throws(PluginError) {
        do { try self.init(tree) } catch {
            throw PluginError(
                .delegateFailed, "IPAM plugin \"\(type)\" returned an unusable result", details: error.reason)
        }
        guard !addresses.isEmpty else {
            throw PluginError(.delegateFailed, "IPAM plugin \"\(type)\" returned no address")
        }
    }
}

extension LinkRoute {
    /// A route that IPAM or an earlier result names.
    init(_ route: ResultRoute) {
        self.init(destination: route.destination, gateway: route.gateway, protocolID: PodLink.routeProtocol)
        mtu = route.mtu.flatMap { UInt32(exactly: $0) }
        advertisedMSS = route.advertisedMSS.flatMap { UInt32(exactly: $0) }
        priority = route.priority.flatMap { UInt32(exactly: $0) }
        table = route.table.flatMap { UInt32(exactly: $0) }
    }
}

extension ResultRoute {
    init(_ route: LinkRoute) {
        self.init(destination: route.destination, gateway: route.gateway)
        mtu = route.mtu.map { Int($0) }
        advertisedMSS = route.advertisedMSS.map { Int($0) }
        priority = route.priority.map { Int($0) }
        table = route.table.map { Int($0) }
    }
}
