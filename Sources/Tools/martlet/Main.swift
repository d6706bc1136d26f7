// The CNI plugin `martlet`: plugs a pod into its node by a routed veth. Environment and standard input say what, the
// result or the error goes to standard output. It needs neither the agent nor Kubernetes.

import CNIPlugin
import Netlink
import PodWiring

@main
enum Main {
    static func main() { PluginProcess.main(MartletPlugin()) }
}

struct MartletPlugin: Plugin {
    let about = "martlet: CNI plugin that plugs pods into their node by routed links"

    /// An address from IPAM, a link, routes; or an error and nothing.
    func add(_ request: Request) throws(PluginError) -> JSONValue {
        let config = PodConfig(request)
        try config.validate()
        let ipam = try Delegate.ipam(request)
        let wirer = try wiring { () throws(WiringProblem) in
            try PodWirer(config.identity, netns: request.netns ?? "")
        }
        var rollback = Rollback()
        // Registered before the call: a delegate may have allocated and still fail.
        rollback.add { undo("release the address") { () throws(PluginError) in try ipam.run(.del) } }
        let addresses = try ipam.allocate()
        let mtu: UInt32
        if let known = config.mtu { mtu = known } else { mtu = try uplinkMTU(wirer.links) }
        let plan = VethPlan(config, mtu: mtu, ipam: addresses)
        // `connect` refuses before it makes anything: if a link of this name exists, it made it.
        rollback.add { undo("remove the link") { () throws(PluginError) in try removeLink(plan.identity) } }
        try wiring { () throws(WiringProblem) in try wirer.connect(plan) }
        rollback.commit()
        return plan.result(request, ipam: addresses)
    }

    /// Everything that ADD made and the previous result still tells of; the first difference is the error.
    func check(_ request: Request) throws(PluginError) {
        let links = try kernel { () throws(LibnlError) in try PodLinks() }
        let plan = try VethPlan(checking: request, PodConfig(request)) { () throws(PluginError) in try uplinkMTU(links)
        }
        let difference = try wiring { () throws(WiringProblem) in
            try links.firstDifference(plan, netns: request.netns ?? "")
        }
        if let difference { throw PluginError(.checkFailed, difference) }
        if request.config.ipam?["type"] != nil { try Delegate.ipam(request).run(.check) }
    }

    /// With or without namespace and previous result, any number of times. The link goes first, so that nobody gets the
    /// address while it is still routed to this pod; the address is released whatever happens to the link.
    func del(_ request: Request) throws(PluginError) {
        var failure: PluginError?
        do { try removeLink(PodConfig(request).identity) } catch { failure = error }
        if request.config.ipam?["type"] != nil { try Delegate.ipam(request).run(.del) }
        if let failure { throw failure }
    }

    /// Ready when IPAM is: without the agent's file or with a full pool it is not.
    func status(_ request: Request) throws(PluginError) {
        if request.config.ipam?["type"] != nil { try Delegate.ipam(request).runIfKnown(.status) }
    }

    /// Removes the links of this network's attachments that are not in the list, and has IPAM release their addresses.
    /// It goes on after a failure and reports the first.
    func gc(_ request: Request) throws(PluginError) {
        guard let valid = request.config.validAttachments else { return }
        let keep = Set(valid)
        var failure: PluginError?
        do {
            try kernel { () throws(LibnlError) in
                try PodLinks().collect(network: request.config.name) {
                    keep.contains(AttachmentKey(containerID: $0.containerID, ifname: $0.ifname))
                }
            }
        } catch { failure = error }
        if request.config.ipam?["type"] != nil {
            do { try Delegate.ipam(request).runIfKnown(.gc) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }

    private func uplinkMTU(_ links: PodLinks) throws(PluginError) -> UInt32 {
        try kernel { () throws(LibnlError) in try links.uplinkMTU() }
    }

    private func removeLink(_ identity: PodIdentity) throws(PluginError) {
        let foreign = try kernel { () throws(LibnlError) in try PodLinks().remove(identity) }
        if let foreign { PluginProcess.log("leaving \(foreign.name): it belongs to \(foreign.alias ?? "")") }
    }
}

/// A step back that fails is told and does not stop the others.
func undo<T>(_ what: String, _ step: () throws(PluginError) -> T) {
    do { _ = try step() } catch { PluginProcess.log("cannot \(what): \(error)") }
}

/// Runs kernel work, with its errors as the plugin's.
func kernel<T>(_ body: () throws(LibnlError) -> T) throws(PluginError) -> T {
    do { return try body() } catch { throw PluginError(.kernel, error.operation, details: error.description) }
}

/// Runs wiring, with its errors as the plugin's.
func wiring<T>(_ body: () throws(WiringProblem) -> T) throws(PluginError) -> T {
    do { return try body() } catch {
        switch error {
        case .kernel(let error): throw PluginError(.kernel, error.operation, details: error.description)
        case .namespace(let error):
            throw PluginError(
                .invalidNamespace, "the pod's network namespace is not usable", details: error.description)
        case .interfaceExists(let name):
            throw PluginError(.interfaceExists, "container already has an interface named \"\(name)\"")
        case .foreignLink(let name, let alias):
            throw PluginError(.interfaceExists, "host interface \(name) belongs to somebody else", details: alias)
        case .addressInUse(let address, let device):
            throw PluginError(.addressInUse, "\(address) is already routed to \(device) on this node")
        }
    }
}
