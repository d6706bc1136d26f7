import CLinux
import CNIPlugin
import Glibc
import Netlink
import PodWiring

/// The verbs of `martlet`.
package struct MartletPlugin: Plugin {
    package let about = "martlet: CNI plugin that plugs pods into their node by routed links"

    package init() {}

    /// An address from IPAM, a link, routes; or an error and nothing.
    package func add(_ request: Request) throws(PluginError) -> JSONValue {
        let config = PodConfig(request)
        try config.validate()
        let ipam = try PodIPAM(request)
        let wirer = try wiring { () throws(WiringProblem) in
            try PodWirer(config.identity, netns: request.netns ?? "")
        }
        var rollback = Rollback()
        // Registered before the call: a delegate may have allocated and still fail.
        rollback.add { undo("release the address") { () throws(PluginError) in try ipam.release() } }
        let addresses = try ipam.allocate()
        let mtu: UInt32
        if let known = config.mtu { mtu = known } else { mtu = try uplinkMTU(wirer.links) }
        let plan = try VethPlan(config, mtu: mtu, ipam: addresses)
        let ports = PodPorts(config)
        assureSourceGuard(plan)
        // Before the link: their table keeps the pod from the loopback that the link's settings would open to it.
        let areNamed = !plan.hostPorts.isEmpty
        rollback.add { undo("close the host ports") { () throws(PluginError) in try ports.close(areNamed: areNamed) } }
        try ports.open(plan, wirer.links)
        // `connect` refuses before it makes anything: if a link of this name exists, it made it.
        rollback.add { undo("remove the link") { () throws(PluginError) in try removeLink(plan.identity) } }
        try wiring { () throws(WiringProblem) in try wirer.connect(plan) }
        guard try ipam.isStillReserved() else {
            throw PluginError(.tryAgainLater, "the pod was deleted while its network was being made")
        }
        rollback.commit()
        return plan.result(request, ipam: addresses)
    }

    /// Everything that ADD made and the previous result still tells of; the first difference is the error.
    package func check(_ request: Request) throws(PluginError) {
        let links = try kernel { () throws(LibnlError) in try PodLinks() }
        let plan = try VethPlan(checking: request, PodConfig(request)) { () throws(PluginError) in try uplinkMTU(links)
        }
        let difference = try wiring { () throws(WiringProblem) in
            try links.firstDifference(plan, netns: request.netns ?? "")
        }
        if let difference { throw PluginError(.checkFailed, difference) }
        let portDifference = try PodPorts(PodConfig(request)).firstDifference(plan)
        if let portDifference { throw PluginError(.checkFailed, portDifference) }
        try PodIPAM.ifNamed(request)?.check()
    }

    /// With or without namespace and previous result, any number of times. The link goes first, so that nobody gets the
    /// address while it is still routed to this pod; the address is released whatever happens to the link.
    ///
    /// An ADD may still be at work. Either it finds its address gone and undoes itself, or its link is there by now:
    /// that is the second look, and then its address may be there again too.
    package func del(_ request: Request) throws(PluginError) {
        var failure: PluginError?
        let config = PodConfig(request)
        let deferred = Self.isDeferred(config)
        do { _ = try removeLink(config.identity, deferred: deferred) } catch { failure = error }
        let ports = PodPorts(config)
        do { try ports.close(areNamed: config.namesPorts) } catch { failure = failure ?? error }
        let ipam = try PodIPAM.ifNamed(request)
        try ipam?.release()
        if let failure { throw failure }
        let isRemoved = try removeLink(config.identity, deferred: deferred) == .removed
        try ports.close(areNamed: false)
        if isRemoved { try ipam?.release() }
    }

    /// Ready when IPAM is: without the agent's file or with a full pool it is not.
    package func status(_ request: Request) throws(PluginError) {
        try PodIPAM.ifNamed(request)?.status()
    }

    /// Removes the links of this network's attachments that are not in the list, and has IPAM release their addresses.
    /// It goes on after a failure and reports the first.
    package func gc(_ request: Request) throws(PluginError) {
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
        do { try PodPorts.collect(request, valid: valid) } catch { failure = failure ?? error }
        do { try PodIPAM.ifNamed(request)?.collect() } catch { failure = failure ?? error }
        if let failure { throw failure }
    }

    private static func isDeferred(_ config: PodConfig) -> Bool {
        switch config.deletion {
        case .sync: false
        case .deferred: true
        case .auto: agentRuns(config.stateDirectory)
        }
    }

    /// A running agent holds a lock, which the kernel takes from it when it dies in whatever way; asking costs it
    /// nothing.
    private static func agentRuns(_ directory: String) -> Bool {
        let descriptor = clinux_open("\(directory)/\(PodLink.agentLock)", O_RDONLY, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return clinux_is_locked(descriptor) == 1
    }

    private func uplinkMTU(_ links: PodLinks) throws(PluginError) -> UInt32 {
        try kernel { () throws(LibnlError) in try links.uplinkMTU() }
    }

    private func removeLink(_ identity: PodIdentity, deferred: Bool = false) throws(PluginError) -> Removal {
        let removal = try kernel { () throws(LibnlError) in try PodLinks().remove(identity, deferred: deferred) }
        if case .foreign(let link) = removal {
            PluginProcess.log("leaving \(link.name): it belongs to \(link.alias ?? "")")
        }
        return removal
    }
}
