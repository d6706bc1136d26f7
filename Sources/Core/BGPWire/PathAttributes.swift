import NetTypes

/// The attributes of a path in canonical wire form, with what the decision process needs already decoded.
///
/// Canonical: sorted by type, four-octet AS numbers, lengths minimal, without NEXT_HOP, MP_REACH_NLRI and
/// MP_UNREACH_NLRI (the next hop stands beside), without what was discarded. Equal bytes and next hops therefore mean
/// equal attributes, which makes them a packing and interning key that needs no decoding.
package struct PathAttributes: Sendable {
    package let bytes: [UInt8]
    package let nextHop: IPAddress
    /// The link-local half of a 32-octet IPv6 next hop (RFC 2545 section 3).
    package let linkLocalNextHop: IPv6Address?
    package let summary: Summary

    /// What is compared between paths, decoded once.
    package struct Summary: Sendable, Hashable, BitwiseCopyable {
        /// 0 IGP, 1 EGP, 2 INCOMPLETE.
        package var origin: UInt8 = 0
        /// Hops: an AS_SET counts one, confederation segments none (RFC 4271 9.1.2.2 a, RFC 5065 section 5.3).
        package var asPathLength: UInt16 = 0
        /// The leftmost AS, or 0 for an empty path or one that begins with a set.
        package var neighborAS = ASNumber(rawValue: 0)
        /// MULTI_EXIT_DISC; nil when missing (which compares as 0).
        package var med: UInt32?
        package var localPref: UInt32?
        /// ORIGINATOR_ID (RFC 4456).
        package var originatorID: RouterID?
        package var clusterListLength: UInt16 = 0
        package var noExport = false
        package var noAdvertise = false
        /// ONLY_TO_CUSTOMER (RFC 9234 section 5).
        package var onlyToCustomer: ASNumber?
        /// LLGR_STALE: a path of last resort (RFC 9494 section 4.3).
        package var isLongLivedStale = false
        /// NO_LLGR: never to be kept for long.
        package var forbidsLongLived = false

        package init() {}
    }

    package init(bytes: [UInt8], nextHop: IPAddress, linkLocalNextHop: IPv6Address? = nil, summary: Summary) {
        self.bytes = bytes
        self.nextHop = nextHop
        self.linkLocalNextHop = linkLocalNextHop
        self.summary = summary
    }
}

extension PathAttributes: Hashable {
    package static func == (a: Self, b: Self) -> Bool {
        a.nextHop == b.nextHop && a.linkLocalNextHop == b.linkLocalNextHop && a.bytes == b.bytes
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(nextHop)
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

/// The attributes spelled out: to build a set, to change one, to show one.
package struct AttributeFields: Sendable, Hashable {
    package var origin: UInt8 = 0
    package var asPath = ASPath()
    package var med: UInt32?
    package var localPref: UInt32?
    package var atomicAggregate = false
    package var aggregator: Aggregator?
    package var communities: [UInt32] = []
    package var extendedCommunities: [UInt64] = []
    package var largeCommunities: [LargeCommunity] = []
    package var originatorID: RouterID?
    package var clusterList: [UInt32] = []
    /// ONLY_TO_CUSTOMER (RFC 9234 section 5).
    package var onlyToCustomer: ASNumber?
    /// Unknown transitive attributes, passed on with the partial bit set.
    package var unknown: [RawAttribute] = []
    /// Codes of known optional transitive attributes that came with the partial bit, which must stay (RFC 4271 section
    /// 5).
    package var partial: [UInt8] = []

    package init() {}
}

/// AS_PATH as its segments (RFC 4271 section 4.3, RFC 5065).
package struct ASPath: Sendable, Hashable {
    package struct Segment: Sendable, Hashable {
        /// 1 AS_SET, 2 AS_SEQUENCE, 3 AS_CONFED_SEQUENCE, 4 AS_CONFED_SET.
        package var kind: UInt8
        package var numbers: [ASNumber]

        package init(kind: UInt8, numbers: [ASNumber]) {
            self.kind = kind
            self.numbers = numbers
        }
    }

    package var segments: [Segment]

    package init(_ segments: [Segment] = []) { self.segments = segments }
}

/// AGGREGATOR (RFC 4271 section 5.1.7).
package struct Aggregator: Sendable, Hashable {
    package var asNumber: ASNumber
    package var routerID: RouterID

    package init(asNumber: ASNumber, routerID: RouterID) {
        self.asNumber = asNumber
        self.routerID = routerID
    }
}

/// A large community (RFC 8092).
package struct LargeCommunity: Sendable, Hashable {
    package var global: UInt32
    package var local1: UInt32
    package var local2: UInt32

    package init(global: UInt32, local1: UInt32, local2: UInt32) {
        self.global = global
        self.local1 = local1
        self.local2 = local2
    }
}

/// An attribute that Martlet does not interpret.
package struct RawAttribute: Sendable, Hashable {
    package var flags: UInt8
    package var code: UInt8
    package var value: [UInt8]

    package init(flags: UInt8, code: UInt8, value: [UInt8]) {
        self.flags = flags
        self.code = code
        self.value = value
    }
}
