import CNIPlugin
import NetTypes
import Netlink
import PodWiring

/// ADD: an address from IPAM, a link, routes; or an error and nothing.
struct Attach {
    private let request: Request
    private let config: PodConfig

    init(_ request: Request) {
        self.request = request
        config = PodConfig(request)
    }

    func run() throws(PluginError) -> JSONValue {
        try config.validate()
        let ipam = try Delegate.ipam(request)
        let namespace = try openNamespace()
        let pod = try inNamespace(namespace)
        let host = try kernel { () throws(LibnlError) in try LibnlSocket() }
        try removeRemnant(host)

        var rollback = Rollback()
        // Registered before the call: a delegate may have allocated and still fail.
        rollback.add { undo("release the address") { () throws(PluginError) in try ipam.run(.del) } }
        let addresses = try allocate(ipam)
        let plan = VethPlan(
            identity: config.identity, podMAC: config.mac, mtu: try config.mtu(host),
            addresses: addresses.addresses.map(\.address), routes: addresses.routes.map(LinkRoute.init))
        // `connect` refuses before it makes anything; a link of this name exists only if it made one.
        rollback.add { undo("remove the link") { () throws(PluginError) in try removeLink(plan.identity, host) } }
        do { try PodWirer(host: host, pod: pod, namespace: namespace).connect(plan) } catch { throw PluginError(error) }
        rollback.commit()
        return result(plan, addresses).json(version: request.config.version, after: request.config.prevResult)
    }

    private func openNamespace() throws(PluginError) -> PodNamespace {
        do { return try PodNamespace(path: request.netns ?? "") } catch {
            throw PluginError(
                .invalidNamespace, "failed to open netns \"\(request.netns ?? "")\"", details: error.description)
        }
    }

    /// A socket in the pod's namespace, in which the interface must not exist yet: an ADD that is repeated leaves the
    /// first intact.
    private func inNamespace(_ namespace: PodNamespace) throws(PluginError) -> LibnlSocket {
        let pod: LibnlSocket
        do { pod = try namespace.inside { () throws(LibnlError) in try LibnlSocket() } } catch {
            throw PluginError(
                .invalidNamespace, "failed to enter netns \"\(request.netns ?? "")\"", details: error.description)
        }
        guard try kernel({ () throws(LibnlError) in try pod.link(named: request.ifname) }) == nil else {
            throw PluginError(.interfaceExists, "container already has an interface named \"\(request.ifname)\"")
        }
        return pod
    }

    /// A host end of our name whose pod end is not there was left by a killed ADD (in another namespace).
    private func removeRemnant(_ host: LibnlSocket) throws(PluginError) {
        guard let link = try kernel({ () throws(LibnlError) in try host.link(named: config.identity.hostName) }) else {
            return
        }
        guard config.identity.owns(alias: link.alias) else {
            throw PluginError(
                .interfaceExists, "host interface \(link.name) belongs to somebody else", details: link.alias ?? "")
        }
        PluginProcess.log("removing \(link.name), left by an earlier ADD")
        try kernel { () throws(LibnlError) in try host.deleteLink(link) }
    }

    private func allocate(_ ipam: Delegate) throws(PluginError) -> AttachmentResult {
        guard let tree = try ipam.run(.add) else {
            throw PluginError(.delegateFailed, "IPAM plugin \"\(ipam.type)\" returned no result")
        }
        let result: AttachmentResult
        do { result = try AttachmentResult(tree) } catch {
            throw PluginError(
                .delegateFailed, "IPAM plugin \"\(ipam.type)\" returned an unusable result", details: error.reason)
        }
        guard !result.addresses.isEmpty else {
            throw PluginError(.delegateFailed, "IPAM plugin \"\(ipam.type)\" returned no address")
        }
        return result
    }

    private func result(_ plan: VethPlan, _ ipam: AttachmentResult) -> AttachmentResult {
        var result = AttachmentResult()
        result.interfaces = [
            ResultInterface(name: plan.hostName, mac: PodLink.hostMAC.description),
            ResultInterface(
                name: request.ifname, mac: plan.podMAC.description, sandbox: request.netns, mtu: Int(plan.mtu)),
        ]
        result.addresses = plan.addresses.map {
            ResultAddress(
                address: $0, length: $0.family.bitWidth, gateway: PodLink.gateway($0.family), interface: 1)
        }
        result.routes = plan.podRoutes.map(ResultRoute.init)
        result.dns = request.config.tree["dns"] ?? ipam.dns
        return result
    }
}

/// A step back that fails is told and does not stop the others.
func undo<T>(_ what: String, _ step: () throws(PluginError) -> T) {
    do { _ = try step() } catch { PluginProcess.log("cannot \(what): \(error)") }
}

/// Removes an attachment's link if it is there and is its own.
func removeLink(_ identity: PodIdentity, _ host: LibnlSocket) throws(PluginError) {
    try kernel { () throws(LibnlError) in
        guard let link = try host.link(named: identity.hostName) else { return }
        guard identity.owns(alias: link.alias) else {
            PluginProcess.log("leaving \(link.name): it belongs to \(link.alias ?? "")")
            return
        }
        try host.deleteLink(link)
    }
}

extension LinkRoute {
    /// A route that IPAM or an earlier result names; its gateway is read, the plan decides whether it counts.
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
