import CNetlink
import Glibc
import NetTypes
import PodWiring

/// Why a pod could not be wired.
package enum WiringProblem: Error, Hashable, Sendable {
    case kernel(LibnlError)
    /// The pod's namespace cannot be opened or entered.
    case namespace(LibnlError)
    /// The pod has an interface of this name.
    case interfaceExists(String)
    /// The node has a link of our name that somebody else's alias is on.
    case foreignLink(String, alias: String)
    /// The address has a route already, here named by its device.
    case addressInUse(IPAddress, device: String)
}

/// Carries out a `VethPlan`: one question and three netlink batches, with a fixed number of system calls, whatever runs
/// on the node.
package struct PodWirer {
    /// The node's side.
    package let links: PodLinks
    private let host: LibnlSocket
    private let pod: LibnlSocket
    private let namespace: PodNamespace

    /// Opens both sides. The interface must not exist in the pod: an ADD that is repeated leaves the first one intact.
    /// One that a DEL has left to the agent does not count: its deletion is finished here.
    package init(_ identity: PodIdentity, netns: String) throws(WiringProblem) {
        do throws(LibnlError) {
            let namespace = try PodNamespace(path: netns)
            self.namespace = namespace
            pod = try namespace.inside { () throws(LibnlError) in try LibnlSocket() }
        } catch {
            throw .namespace(error)
        }
        let exists: Bool
        do throws(LibnlError) {
            host = try LibnlSocket()
            links = PodLinks(host)
            exists = try Self.hasInterface(identity.ifname, pod, links)
        } catch {
            throw .kernel(error)
        }
        if exists { throw .interfaceExists(identity.ifname) }
    }

    /// Whether the pod has an interface of this name that stays.
    private static func hasInterface(
        _ name: String, _ pod: LibnlSocket, _ links: PodLinks
    ) throws(LibnlError) -> Bool {
        guard let found = try pod.link(named: name) else { return false }
        if try links.finishRemoval(found) { return false }
        // The agent may have deleted the pair between the two questions: the node's end was gone, and so is this one.
        return try pod.link(named: name) != nil
    }

    /// Makes and sets up both ends. When it throws, the caller removes the host end, with which everything goes.
    package func connect(_ plan: VethPlan) throws(WiringProblem) {
        let (link, settings) = try create(plan)
        do throws(LibnlError) {
            // Before the link is up: a pod must never teach its node a default route.
            try settings.change(plan.hostName, to: plan.settingsIPv6)
            let steps = plan.hostSteps.map { $0.message(index: link.index, name: link.name) }
            let replies = try host.perform(steps + [LibnlSocket.getLink(link.index)])
            try assureMAC(replies.lazy.compactMap { LinkInfo($0) }.first ?? link)
            let ifname = plan.identity.ifname
            guard let peer = link.peerIndex else { throw LibnlError("find the peer of \(link.name)", code: ENODEV) }
            if plan.has(.ipv6) {
                try namespace.inside { () throws(LibnlError) in
                    try PodSysctl.setIPv6("disable_ipv6", of: ifname, to: 0)
                }
            }
            try pod.perform(plan.podSteps.map { $0.message(index: peer, name: ifname) })
        } catch {
            throw .kernel(error)
        }
    }

    /// One batch asks how the node routes the addresses now, makes both ends, the pod's in its namespace under its
    /// final name, and reads back what came of it. Questions in front of it would cost a round trip each, for what
    /// hardly ever happens.
    private func create(_ plan: VethPlan, again: Bool = false) throws(WiringProblem) -> (LinkInfo, LinkSettings) {
        let outcomes: [LibnlSocket.Outcome]
        do throws(LibnlError) {
            let questions = plan.addresses.map { LibnlSocket.getRoute(to: $0, match: true) }
            outcomes = try host.exchange(
                questions + [creation(plan), LibnlSocket.getLink(named: plan.hostName)])
        } catch {
            throw .kernel(error)
        }
        let (made, read) = (outcomes[plan.addresses.count], outcomes[plan.addresses.count + 1])
        let link = read.replies.lazy.compactMap { LinkInfo($0) }.first
        if made.error?.code == EEXIST, !again {
            if let link {
                try removeRemnant(link, of: plan.identity)
            } else {
                try refuseInterface(plan.identity.ifname)
            }
            return try create(plan, again: true)
        }
        if let error = made.error ?? read.error { throw .kernel(error) }
        for index in plan.addresses.indices { try refuseTaken(plan.addresses[index], outcomes[index]) }
        guard let link, let reply = read.replies.first else {
            throw .kernel(LibnlError("read back veth \(plan.hostName)", code: ENODEV))
        }
        return (link, LinkSettings(reply))
    }

    /// The creation met a name that exists, and the node has no link of ours: it is the pod's, or was the node's until
    /// the agent deleted it between two messages of one batch.
    private func refuseInterface(_ name: String) throws(WiringProblem) {
        do throws(LibnlError) {
            guard try pod.link(named: name) != nil else { return }
        } catch {
            throw .kernel(error)
        }
        throw .interfaceExists(name)
    }

    /// A host end of our name was left by a killed ADD or by a deferred DEL (its pod's end is in another namespace).
    private func removeRemnant(_ link: LinkInfo, of identity: PodIdentity) throws(WiringProblem) {
        guard identity.owns(alias: link.alias) else { throw .foreignLink(link.name, alias: link.alias ?? "") }
        do { try host.deleteLink(link) } catch { throw .kernel(error) }
    }

    /// An address that the node already routes somewhere (another pod's link, or the node itself) must not be taken
    /// over: the kernel would accept a second route of another metric.
    private func refuseTaken(_ address: IPAddress, _ outcome: LibnlSocket.Outcome) throws(WiringProblem) {
        let owner: String?
        do throws(LibnlError) {
            let route = try LibnlSocket.route(outcome)
            guard let route, route.isLocal || route.length == address.family.bitWidth else { return }
            owner = try host.link(index: route.device)?.name
        } catch {
            throw .kernel(error)
        }
        throw .addressInUse(address, device: owner ?? "(several)")
    }

    private func creation(_ plan: VethPlan) -> LibnlMessage {
        let message = LibnlMessage(
            "create veth \(plan.hostName)", type: Int(RTM_NEWLINK), flags: NLM_F_CREATE | NLM_F_EXCL,
            header: ifinfomsg())
        Self.putEnd(message, name: plan.hostName, mac: PodLink.hostMAC, mtu: plan.mtu)
        message.nest(IFLA_LINKINFO) {
            message.put(IFLA_INFO_KIND, "veth")
            message.nest(IFLA_INFO_DATA) {
                message.nest(VETH_INFO_PEER) {
                    message.append(ifinfomsg())
                    Self.putEnd(message, name: plan.identity.ifname, mac: plan.podMAC, mtu: plan.mtu)
                    message.put(IFLA_NET_NS_FD, UInt32(namespace.descriptor))
                }
            }
        }
        return message
    }

    /// One queue each way: otherwise the kernel makes one per possible CPU and waits for an RCU grace period to give
    /// them back.
    private static func putEnd(_ message: LibnlMessage, name: String, mac: MACAddress, mtu: UInt32) {
        message.put(IFLA_IFNAME, name)
        message.put(IFLA_MTU, mtu)
        message.put(IFLA_ADDRESS, mac.bytes)
        message.put(IFLA_NUM_TX_QUEUES, UInt32(1))
        message.put(IFLA_NUM_RX_QUEUES, UInt32(1))
    }

    /// The host's MAC stands in every pod's neighbour table, and was seen to be lost: kernels that ignore it at
    /// creation, and network managers that give new links one of their own. `link` is as it was read last.
    private func assureMAC(_ link: LinkInfo) throws(LibnlError) {
        var mac = link.mac
        for _ in 0..<5 {
            if mac == PodLink.hostMAC { return }
            let message = LinkStep.setLink(link.index, "set MAC of \(link.name)")
            message.put(IFLA_ADDRESS, PodLink.hostMAC.bytes)
            try host.perform([message])
            mac = try host.link(index: link.index)?.mac
        }
        throw LibnlError("keep the MAC of \(link.name)", code: EBUSY)
    }
}
