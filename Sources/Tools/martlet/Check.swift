import CNIPlugin
import NetTypes
import Netlink
import PodWiring

/// CHECK: everything that ADD made and the previous result still tells of; the first difference is the error.
func checkAttachment(_ request: Request) throws(PluginError) {
    let config = PodConfig(request)
    guard let previous = request.config.prevResult else {
        throw PluginError(.invalidConfig, "CHECK needs the prevResult of ADD")
    }
    let result: AttachmentResult
    do { result = try AttachmentResult(previous) } catch {
        throw PluginError(.decoding, "prevResult is not a result", details: error.reason)
    }
    let plan = try expectedPlan(request, config, result)
    let namespace: PodNamespace
    do { namespace = try PodNamespace(path: request.netns ?? "") } catch {
        throw PluginError(
            .invalidNamespace, "failed to open netns \"\(request.netns ?? "")\"", details: error.description)
    }
    let (host, pod) = try kernel { () throws(LibnlError) in
        let host = try LibnlSocket()
        let pod = try namespace.inside { () throws(LibnlError) in try LibnlSocket() }
        return (try PodObserver.host(plan, host), try PodObserver.pod(plan, pod))
    }
    if let difference = plan.firstDifference(host: host, pod: pod) { throw PluginError(.checkFailed, difference) }
    if request.config.ipam?["type"] != nil { try Delegate.ipam(request).run(.check) }
}

/// The plan that the result tells of. Other plugins of the chain may have added interfaces, addresses and routes:
/// what counts is what belongs to our interface and leads over our gateway.
private func expectedPlan(_ request: Request, _ config: PodConfig, _ result: AttachmentResult) throws(PluginError)
    -> VethPlan
{
    guard let index = result.interfaces.firstIndex(where: { $0.name == request.ifname && $0.sandbox?.isEmpty == false })
    else {
        throw PluginError(.checkFailed, "prevResult has no interface \(request.ifname)")
    }
    let interface = result.interfaces[index]
    guard let mac = interface.mac.flatMap({ MACAddress($0) }) else {
        throw PluginError(.checkFailed, "prevResult has no MAC for \(request.ifname)")
    }
    let addresses = result.addresses.filter { $0.interface == index }.map(\.address)
    guard !addresses.isEmpty else { throw PluginError(.checkFailed, "prevResult has no address for \(request.ifname)") }
    let mtu: UInt32
    if let told = interface.mtu.flatMap({ UInt32(exactly: $0) }) {
        mtu = told
    } else {
        mtu = try config.mtu(try kernel { () throws(LibnlError) in try LibnlSocket() })
    }
    let routes = result.routes.filter { $0.gateway == PodLink.gateway($0.destination.family) }
    return VethPlan(
        identity: config.identity, podMAC: mac, mtu: mtu, addresses: addresses, routes: routes.map(LinkRoute.init))
}
