import BGPWire
import NetTypes

/// What the two OPENs agreed on; fixed for the life of a connection.
package struct Negotiated: Sendable, Hashable {
    package var peerAS: ASNumber
    package var peerRouterID: RouterID
    /// Both sides announced four-octet AS numbers (RFC 6793).
    package var fourOctetAS: Bool
    /// Families that both sides announced; never empty.
    package var families: FamilySet
    /// The smaller of both offers; zero: no hold timer and no keepalives.
    package var holdTime: Duration
    /// Longest time between our KEEPALIVEs; zero when there are none.
    package var keepaliveTime: Duration
    package var isExternal: Bool
    /// The peer can be asked to send its routes again (RFC 2918).
    package var routeRefresh: Bool
    /// The peer's graceful restart capability, nil when it sent none.
    package var peerGracefulRestart: GracefulRestart?
    package var sentCapabilities: [Capability]
    package var peerCapabilities: [Capability]
    /// Both sides take messages of up to 65535 octets, except OPEN and KEEPALIVE (RFC 8654). What we take follows from
    /// our own capability alone (section 4).
    package var extendedMessages = false
    /// How long the peer may take nothing of ours, always longer than the hold time; nil: for ever (RFC 9687).
    package var sendHoldTime: Duration?
    /// Both sides mark the begin and the end of a refresh (RFC 7313).
    package var enhancedRouteRefresh = false
    /// Families whose prefixes may have IPv6 next hops, both ways: IPv4 or none (RFC 8950).
    package var extendedNextHop: FamilySet = []
    /// What the peer says of stale routes that are kept for long; nil unless both sides know of them (RFC 9494).
    package var peerLongLived: LongLivedGracefulRestart?
    /// Families of which the peer writes path identifiers, and those of which we do (RFC 7911).
    package var pathIDsReceived: FamilySet = []
    package var pathIDsSent: FamilySet = []

    /// How UPDATEs of this session are read.
    package var decodeContext: DecodeContext {
        var context = DecodeContext(
            fourOctetAS: fourOctetAS, families: families, isExternal: isExternal,
            maximumLength: sentCapabilities.contains(.extendedMessage) ? 65535 : 4096,
            enhancedRouteRefresh: enhancedRouteRefresh)
        context.pathIDs = pathIDsReceived
        if families.contains(.ipv4), sentCapabilities.offersIPv4OverIPv6 { context.extendedNextHop = .ipv4 }
        return context
    }

    /// Octets in the longest message that the peer takes.
    package var maximumLengthSent: Int { extendedMessages ? 65535 : 4096 }

    /// Both sides announced graceful restart: a session lost without NOTIFICATION keeps its routes (RFC 4724).
    package var gracefulRestart: Bool {
        peerGracefulRestart != nil
            && sentCapabilities.contains {
                if case .gracefulRestart = $0 { true } else { false }
            }
    }

    /// Both sides set the N bit: a session lost by NOTIFICATION, other than a hard reset, or by silence keeps its
    /// routes too (RFC 8538).
    package var gracefulNotification: Bool {
        peerGracefulRestart?.notification == true
            && sentCapabilities.contains {
                if case .gracefulRestart(let ours) = $0 { ours.notification } else { false }
            }
    }
}
