import PodWiring

/// What became of a link that was to be removed.
package enum Removal: Hashable, Sendable {
    /// There is none.
    case nothing
    case removed
    /// It belongs to somebody else, and stays.
    case foreign(LinkInfo)
}

/// The host ends of pods' links.
package struct PodLinks {
    private let host: LibnlSocket

    /// Opens a socket in the thread's namespace.
    package init() throws(LibnlError) { host = try LibnlSocket() }

    init(_ host: LibnlSocket) { self.host = host }

    /// Removes an attachment's link, with its routes and neighbours and the pod's end. A `deferred` removal only takes
    /// the link out of service, for the agent to delete it with others.
    package func remove(_ identity: PodIdentity, deferred: Bool = false) throws(LibnlError) -> Removal {
        guard let link = try host.link(named: identity.hostName) else { return .nothing }
        guard identity.owns(alias: link.alias) else { return .foreign(link) }
        if deferred, link.isSetAside { return .nothing }
        // The agent deletes only what an alias shows to be ours; a killed ADD may have left a link without one.
        if deferred, link.alias?.isEmpty == false { try host.setAside(link) } else { try host.deleteLink(link) }
        return .removed
    }

    /// Deletes the pair of which `pod` is the end in a pod if a DEL has left that to the agent; false for any other.
    func finishRemoval(_ pod: LinkInfo) throws(LibnlError) -> Bool {
        guard let index = pod.peerIndex, let link = try host.link(index: index), link.isSetAside,
            link.peerIndex == pod.index
        else { return false }
        try host.deleteLink(link)
        return true
    }

    /// Removes the links of a network's attachments that are not valid; goes on after a failure and throws the first.
    /// Whoever owns a link is written in its alias; one without was left by a killed ADD, or an ADD is at work on it
    /// right now.
    package func collect(network: String, isValid: (PodIdentity) -> Bool) throws(LibnlError) {
        var failure: LibnlError?
        for link in try host.links() {
            guard let identity = link.alias.flatMap({ PodIdentity(alias: $0) }), identity.network == network,
                identity.hostName == link.name, !isValid(identity)
            else { continue }
            do { try host.deleteLink(link) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }

    /// Whose link a host end is, if there is one in service.
    package func identity(of hostName: String) -> PodIdentity? {
        guard let link = try? host.link(named: hostName), !link.isSetAside else { return nil }
        return link.alias.flatMap { PodIdentity(alias: $0) }
    }

    /// The uplink's MTU, or Ethernet's when there is none.
    package func uplinkMTU() throws(LibnlError) -> UInt32 { min(try host.uplinkMTU() ?? 1500, 65_535) }

    /// What is not as a plan says, in words, or nil; `netns` is the pod's.
    package func firstDifference(_ plan: VethPlan, netns: String) throws(WiringProblem) -> String? {
        let namespace: PodNamespace
        do { namespace = try PodNamespace(path: netns) } catch { throw .namespace(error) }
        do throws(LibnlError) {
            let pod = try namespace.inside { () throws(LibnlError) in try LibnlSocket() }
            let node = try PodObserver.host(plan, host)
            return plan.firstDifference(host: node, pod: try PodObserver.pod(plan, pod, peer: node?.peerIndex))
        } catch {
            throw .kernel(error)
        }
    }
}
