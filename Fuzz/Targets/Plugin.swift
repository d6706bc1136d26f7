import CNIPlugin
import IPAM
import NetTypes
import Nftables
import PodWiring

/// A plugin that judges its input as ours do and stops where the kernel would come in.
private struct Judge: Plugin {
    let about = "judge"

    func add(_ request: Request) throws(PluginError) -> JSONValue {
        let config = PodConfig(request)
        try config.validate()
        let ipam = try IPAMConfig(request)
        let address = IPAddress.v4(IPv4Address(10, 244, 1, 2))
        var result = AttachmentResult()
        result.addresses = [ResultAddress(address: address, length: 24, gateway: nil)]
        result.routes = try ipam.routes()
        let plan = try VethPlan(config, mtu: config.mtu ?? 1500, ipam: result)
        judge(plan, request)
        return plan.result(request, ipam: result)
    }

    func check(_ request: Request) throws(PluginError) {
        let plan = try VethPlan(checking: request, PodConfig(request)) { () throws(PluginError) in 1500 }
        judge(plan, request)
    }

    func del(_ request: Request) throws(PluginError) {
        let config = PodConfig(request)
        _ = (config.deletion, config.stateDirectory, config.namesPorts)
    }

    func status(_ request: Request) throws(PluginError) { _ = try IPAMConfig(request).routes() }

    func gc(_ request: Request) throws(PluginError) { _ = request.config.validAttachments }

    /// What goes into the kernel: names that fit, an alias that reads back, elements that no text of a pod's can break
    /// out of.
    private func judge(_ plan: VethPlan, _ request: Request) {
        let identity = plan.identity
        mustHold(identity.hostName.utf8.count == 14, "a host end's name of another length")
        mustHold(identity.alias.utf8.count <= 255, "an alias that the kernel refuses")
        mustHold(identity.owns(alias: identity.alias) || identity.alias.utf8.count > 251, "an alias of somebody else")
        _ = (plan.hostSteps, plan.podSteps, plan.hostSettings)
        for limit in [plan.bandwidth.ingress, plan.bandwidth.egress].compactMap({ $0 }) {
            let fitting = limit.fitting(mtu: plan.mtu)
            mustHold(fitting.burst > plan.mtu && fitting.queue >= fitting.burst, "a bucket that passes nothing")
        }
        let owner = HostPortOwner(identity)
        let script = HostPortTable.script(removing: [], adding: HostPortTable.elements(plan.hostPorts, of: owner))
        for line in script.split(separator: "\n") where line.hasPrefix("create") {
            let braces = line.utf8.filter { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") }.count
            let quotes = line.utf8.filter { $0 == UInt8(ascii: "\"") }.count
            mustHold(braces == 2 && quotes == 2 && !line.contains(";"), "an element that is more than one: \(line)")
        }
    }
}

/// A call of a plugin: the environment (assignments that end with a zero octet), an empty assignment, standard input.
/// It prints one object or nothing, and its status says which kind.
func fuzzPlugin(_ bytes: [UInt8]) {
    var end = 0
    while end + 1 < bytes.count, bytes[end] != 0 || bytes[end + 1] != 0 { end += 1 }
    let environment = Variables(Array(bytes[..<end]), separator: 0)
    let input = Array(bytes.dropFirst(end + 2))
    let output = Judge().run(
        PluginInput(environment: environment) { () throws(PluginError) in input })
    let answer = try? JSONValue(parsing: Array(output.output.utf8))
    mustHold(output.output.isEmpty || answer?.members != nil, "the output is no object: \(output.output)")
    if output.status == 0 {
        mustHold(answer?["code"] == nil || environment["CNI_COMMAND"] == "ADD", "success with an error")
    } else {
        mustHold(answer.flatMap { PluginError(json: $0) } != nil, "failure without an error: \(output.output)")
    }
    if let listing = try? JSONValue(parsing: input) { _ = HostPortTable.Contents(listing).elements.map(\.owner) }
}
