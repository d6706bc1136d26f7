import BGPWire
import NetTypes
import RoutePolicy

/// What one peer is told, and how it is written.
package struct ExportPolicy: Sendable, Hashable {
    package enum Mode: Sendable, Hashable {
        /// Only what the node originates: no transit.
        case localOnly
        /// Every best path: route server, reflector, ToR.
        case all
        case none
    }

    package var mode: Mode
    package var localAS: ASNumber { didSet { prepended = Self.prepended(localAS, alternative) } }
    package var isExternal: Bool
    package var families: FamilySet
    /// Our addresses on the session, sent as next hop; a family without one cannot be announced. That of IPv4 is an
    /// IPv6 address where both sides agreed on it (RFC 8950).
    package var ipv4NextHop: IPAddress?
    package var ipv6NextHop: IPAddress?
    package var ipv6LinkLocal: IPv6Address?
    package var clusterID: RouterID
    /// The peer is a route reflector client of ours.
    package var isClient: Bool
    /// The node says goodbye (RFC 8326): GRACEFUL_SHUTDOWN on every path, and LOCAL_PREF 0 to internal peers.
    package var gracefulShutdown = false
    /// The peer's own policies, which are asked about what the rules above would tell it.
    package var rules = PolicyChain()
    /// Families whose prefixes may be sent with IPv6 next hops of others (RFC 8950).
    package var extendedNextHop: FamilySet = []
    /// What we are to the peer's AS (RFC 9234).
    package var role: BGPRole?
    /// The AS that we have for this peer alone.
    package var alternative: LocalAS? { didSet { prepended = Self.prepended(localAS, alternative) } }
    /// What stands in front of the paths that an external peer is told.
    private(set) var prepended: [ASNumber]
    /// The peer knows of long-lived stale paths (RFC 9494).
    package var takesLongLivedStale = false
    /// Internal peers that do not know of them get them too, as their last resort (RFC 9494 section 4.6).
    package var sendsLongLivedStaleToAll = false
    /// The peer is an external client of this route server, and gets other clients' paths as they sent them (RFC 7947).
    package var isRouteServerClient = false

    package init(
        mode: Mode, localAS: ASNumber, isExternal: Bool, families: FamilySet, clusterID: RouterID,
        isClient: Bool = false
    ) {
        self.mode = mode
        self.localAS = localAS
        prepended = Self.prepended(localAS, nil)
        self.isExternal = isExternal
        self.families = families
        self.clusterID = clusterID
        self.isClient = isClient
    }

    package func nextHop(_ family: AddressFamily) -> IPAddress? { family == .ipv4 ? ipv4NextHop : ipv6NextHop }

    /// The attributes that the peer is told, or nil when it may not be told. `decision` is that of `rules`.
    func exported(
        _ attributes: PathAttributes, source: RIBPeer?, family: AddressFamily, by decision: PolicyChain.Decision
    ) -> PathAttributes? {
        guard decision.accepts, var rewrite = rewrite(attributes.summary, source: source, family: family) else {
            return nil
        }
        guard mendNextHop(of: &rewrite, attributes, family, isTransparent: source.map(isTransparent) == true) else {
            return nil
        }
        guard let actions = rules.actions(decision) else { return attributes.rewritten(rewrite) }
        actions.adjust(&rewrite, localAS: prepended.first ?? localAS, own: nextHop(family), family: family)
        if family == .ipv4, rewrite.nextHop?.family == .ipv6, !extendedNextHop.contains(.ipv4) {
            // The peer could not read what the rule wants.
            guard setNextHop(of: &rewrite, family) else { return nil }
        }
        // A goodbye stands above every rule (RFC 8326).
        let farewell = rewrite.gracefulShutdown
        if farewell, !isExternal { rewrite.localPref = 0 }
        rewrite.gracefulShutdown = false
        let told = actions.exported(attributes.rewritten(rewrite))
        return farewell ? told.adding(.gracefulShutdown) : told
    }

    /// How `path` must be rewritten for the peer, or nil when it may not be told.
    func rewrite(
        _ summary: PathAttributes.Summary, source: RIBPeer?, family: AddressFamily
    ) -> ExportRewrite? {
        var rewrite = ExportRewrite()
        rewrite.isExternal = isExternal
        rewrite.prepend = isExternal ? prepended : []
        rewrite.localPref = isExternal ? nil : gracefulShutdown ? 0 : summary.localPref ?? 100
        rewrite.gracefulShutdown = gracefulShutdown
        rewrite.onlyToCustomer = mark(summary)
        guard let source else {
            return setNextHop(of: &rewrite, family) ? rewrite : nil
        }
        guard mode == .all, mayLeave(summary), adjust(&rewrite, for: summary) else { return nil }
        if isTransparent(source) {
            passOn(summary, by: &rewrite)
            return rewrite
        }
        guard !summary.noAdvertise, !(summary.noExport && isExternal) else { return nil }
        if isExternal { return setNextHop(of: &rewrite, family) ? rewrite : nil }
        if !source.isExternal {
            // Between internal peers only a reflector passes paths on, and only from or to its clients (RFC 4456 6).
            guard source.isClient || isClient else { return nil }
            rewrite.reflection = .init(originatorID: summary.originatorID ?? source.routerID, clusterID: clusterID)
        }
        return rewrite
    }

    func setNextHop(of rewrite: inout ExportRewrite, _ family: AddressFamily) -> Bool {
        guard let nextHop = nextHop(family) else { return false }
        rewrite.nextHop = nextHop
        if nextHop.family == .ipv6, !nextHop.isLinkLocal { rewrite.linkLocalNextHop = ipv6LinkLocal }
        return true
    }
}
