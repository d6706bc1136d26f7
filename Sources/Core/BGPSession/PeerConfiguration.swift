import BGPWire
import NetTypes

/// What the session machine must know of one configured neighbour.
package struct PeerConfiguration: Sendable, Hashable {
    /// Graceful restart as we offer it (RFC 4724).
    package struct GracefulRestartOptions: Sendable, Hashable {
        /// Seconds the peer may keep our routes after the TCP connection is gone, 0...4095.
        package var restartTime: UInt16

        package init(restartTime: UInt16 = 120) { self.restartTime = restartTime }
    }

    /// The operator's name for the peer, for text only.
    package var name: String
    /// Where it is; unspecified where that is found out while the agent runs. The machine itself does not use it.
    package var address: IPAddress
    /// The AS that its OPEN must name.
    package var remoteAS: ASNumber
    /// The AS that ours names.
    package var localAS: ASNumber
    package var routerID: RouterID
    /// Offered in OPEN: 0 (no keepalives at all), or 3 s to 65535 s.
    package var holdTime: Duration
    /// Longest time between KEEPALIVEs; a third of the negotiated hold time when nil or when that is shorter.
    package var keepaliveTime: Duration?
    /// How long a peer may take no octet of ours before the session is given up (RFC 9687): nil for the greater of
    /// eight minutes and twice the negotiated hold time, zero for ever. Without a hold time it is for ever.
    package var sendHoldTime: Duration?
    /// Offered by multiprotocol capabilities (RFC 4760); not empty.
    package var families: FamilySet
    /// Waits for the peer's connection and never opens one.
    package var passive: Bool
    /// Time until a connection is tried again, shortened by a random quarter (RFC 4271 section 10).
    package var connectRetryTime: Duration
    /// nil: the capability is not offered, and lost sessions never keep routes.
    package var gracefulRestart: GracefulRestartOptions?
    /// Our host name for the peer's commands to show, with or without a domain; nil: not told.
    package var hostName: String?
    /// Offers to take IPv4 prefixes with IPv6 next hops (RFC 8950); means nothing where IPv4 is not offered.
    package var extendedNextHop = false
    /// Any AS but ours is accepted; `remoteAS` then means nothing.
    package var acceptsAnyExternalAS = false
    /// The AS of the node, where `localAS` is another one that it has for this peer: no external peer is in it.
    package var nodeAS: ASNumber?
    /// What we are to the peer's AS (RFC 9234); nil: not said, and no rules. Only for external peers.
    package var role: BGPRole?
    /// A peer that does not say its role is refused (RFC 9234 section 4.2).
    package var strictRole = false
    /// How long the peer may keep our routes after the restart time, at most `LongLivedGracefulRestart`'s longest time;
    /// zero: not at all, but we keep the peer's (RFC 9494). nil: the capability is not offered. Needs
    /// `gracefulRestart`.
    package var longLivedStaleTime: Duration?
    /// Several paths of a prefix are taken from the peer (RFC 7911), and told to it, where it offers the same.
    package var takesPathIDs = false
    package var sendsPathIDs = false

    package init(
        name: String, address: IPAddress, remoteAS: ASNumber, localAS: ASNumber, routerID: RouterID,
        holdTime: Duration = .seconds(90), keepaliveTime: Duration? = nil, sendHoldTime: Duration? = nil,
        families: FamilySet = .all,
        passive: Bool = false, connectRetryTime: Duration = .seconds(5),
        gracefulRestart: GracefulRestartOptions? = GracefulRestartOptions(), hostName: String? = nil
    ) {
        self.name = name
        self.address = address
        self.remoteAS = remoteAS
        self.localAS = localAS
        self.routerID = routerID
        self.holdTime = holdTime
        self.keepaliveTime = keepaliveTime
        self.sendHoldTime = sendHoldTime
        self.families = families
        self.passive = passive
        self.connectRetryTime = connectRetryTime
        self.gracefulRestart = gracefulRestart
        self.hostName = hostName
    }

    /// The peer is in another AS: eBGP.
    package var isExternal: Bool { acceptsAnyExternalAS || remoteAS != localAS }
}

/// What OPEN says of our own restart (RFC 4724 section 4.1); set by the owner, cleared once the restart is over.
package struct RestartState: Sendable, Hashable {
    /// R bit: we have restarted and wait for End-of-RIB.
    package var restarted: Bool
    /// F bit for each family whose kernel routes survived.
    package var forwardingPreserved: FamilySet

    package init(restarted: Bool = false, forwardingPreserved: FamilySet = []) {
        self.restarted = restarted
        self.forwardingPreserved = forwardingPreserved
    }
}
