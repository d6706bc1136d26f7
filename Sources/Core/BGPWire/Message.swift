import NetTypes

/// The messages of RFC 4271 section 4 and RFC 2918.
package enum Message: Sendable, Hashable {
    case open(Open)
    case update(Update)
    case notification(NotificationMessage)
    case keepalive
    case routeRefresh(RouteRefresh)
}

/// What the two OPENs agreed on and a decoder must know; never read from anywhere else.
package struct DecodeContext: Sendable, Hashable {
    /// AS numbers in AS_PATH and AGGREGATOR are four octets wide (RFC 6793): both sides announced it.
    package var fourOctetAS: Bool
    /// Families that both sides announced (RFC 4760); NLRI of another family is ignored.
    package var families: FamilySet
    /// The peer is in another AS: LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST are then discarded (RFC 7606 section 7).
    package var isExternal: Bool
    /// Octets in the longest message allowed: 4096, or 65535 with RFC 8654.
    package var maximumLength: Int
    /// ROUTE-REFRESH of a wrong length is answered as RFC 7313 section 5 says: both sides announced it.
    package var enhancedRouteRefresh: Bool
    /// Families of which the sender writes a path identifier before each prefix (RFC 7911): what the peer's capability
    /// and ours say for its direction.
    package var pathIDs: FamilySet = []
    /// Families whose prefixes may come with IPv6 next hops: the receiver has said that it takes them (RFC 8950 section
    /// 4), which is all that a sender has to know.
    package var extendedNextHop: FamilySet = []

    package init(
        fourOctetAS: Bool = true, families: FamilySet = .all, isExternal: Bool = true, maximumLength: Int = 4096,
        enhancedRouteRefresh: Bool = false
    ) {
        self.fourOctetAS = fourOctetAS
        self.families = families
        self.isExternal = isExternal
        self.maximumLength = maximumLength
        self.enhancedRouteRefresh = enhancedRouteRefresh
    }
}

/// A set of address families, all unicast.
package struct FamilySet: OptionSet, Hashable, Sendable, BitwiseCopyable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let ipv4 = Self(rawValue: 1)
    package static let ipv6 = Self(rawValue: 2)
    package static let all: Self = [.ipv4, .ipv6]

    package init(_ family: AddressFamily) { self = family == .ipv4 ? .ipv4 : .ipv6 }

    package func contains(_ family: AddressFamily) -> Bool { contains(Self(family)) }

    /// The families in the order IPv4, IPv6.
    package var families: [AddressFamily] { AddressFamily.allCases.filter(contains) }
}

/// ROUTE-REFRESH (RFC 2918); `subtype` is reserved, or RFC 7313's demarcation.
package struct RouteRefresh: Sendable, Hashable {
    /// Send your routes again.
    package static let request: UInt8 = 0
    /// BoRR: what is not announced again before `end` is gone (RFC 7313 section 3.2).
    package static let begin: UInt8 = 1
    /// EoRR.
    package static let end: UInt8 = 2

    package var afi: UInt16
    package var subtype: UInt8
    package var safi: UInt8

    package init(afi: UInt16, subtype: UInt8 = 0, safi: UInt8) {
        self.afi = afi
        self.subtype = subtype
        self.safi = safi
    }
}
