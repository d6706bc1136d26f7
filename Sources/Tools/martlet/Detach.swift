import CNIPlugin
import Netlink
import PodWiring

/// DEL: with or without namespace and previous result, any number of times. The link goes first, so that nobody gets
/// the address while it is still routed to this pod; the address is released whatever happens to the link.
func detach(_ request: Request) throws(PluginError) {
    let failure: PluginError?
    do {
        try removeLink(PodConfig(request).identity, try kernel { () throws(LibnlError) in try LibnlSocket() })
        failure = nil
    } catch { failure = error }
    if request.config.ipam?["type"] != nil { try Delegate.ipam(request).run(.del) }
    if let failure { throw failure }
}

/// GC: removes the links of this network's attachments that are not in the list, and has IPAM release their
/// addresses. It goes on after a failure and reports the first.
func collect(_ request: Request) throws(PluginError) {
    guard let valid = request.config.validAttachments else { return }
    let keep = Set(valid)
    let host = try kernel { () throws(LibnlError) in try LibnlSocket() }
    var failure: PluginError?
    // Whoever owns a link is written in its alias; without one it was left by a killed ADD, or an ADD is at work
    // right now.
    for link in try kernel({ () throws(LibnlError) in try host.links() }) {
        guard let identity = link.alias.flatMap({ PodIdentity(alias: $0) }), identity.network == request.config.name,
            identity.hostName == link.name,
            !keep.contains(AttachmentKey(containerID: identity.containerID, ifname: identity.ifname))
        else { continue }
        do { try kernel { () throws(LibnlError) in try host.deleteLink(link) } } catch { failure = failure ?? error }
    }
    if request.config.ipam?["type"] != nil {
        do { try Delegate.ipam(request).runIfKnown(.gc) } catch { failure = failure ?? error }
    }
    if let failure { throw failure }
}
