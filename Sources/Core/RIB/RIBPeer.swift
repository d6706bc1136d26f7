import BGPWire
import NetTypes

/// A path's source as 16 bits; 0 is the node itself.
package struct PeerID: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The source of what the node originates.
    package static let local = Self(rawValue: 0)
}

/// What the RIB must know about a source of paths.
package struct RIBPeer: Sendable, Hashable {
    /// What is imported from a peer.
    package enum ImportMode: Sendable, Hashable {
        /// Only other nodes' podCIDRs inside clusterCIDRs.
        case safe
        /// Everything but martians: route servers and reflectors.
        case all
        case none
    }

    package var address: IPAddress
    package var asNumber: ASNumber
    package var routerID: RouterID
    package var isExternal: Bool
    package var importMode: ImportMode
    /// A route reflector client of ours (RFC 4456).
    package var isClient: Bool
    /// How often our own AS may stand in a path: 0 is the loop check of RFC 4271 9.1.2.
    package var allowOwnAS: UInt8
    /// Whether LOCAL_PREF becomes 0 on paths of an external peer with GRACEFUL_SHUTDOWN (RFC 8326 section 4.2).
    package var honorsGracefulShutdown = true
    /// Whether addresses inside `clusterCIDRs` that the peer announces with BLACKHOLE are dropped (RFC 7999).
    package var acceptsBlackhole = false
    /// What we are to the peer's AS (RFC 9234).
    package var role: BGPRole?
    /// The AS that we have for this peer alone.
    package var localAS: LocalAS?
    /// An external client of this route server (RFC 7947).
    package var isRouteServerClient = false
    /// Most paths of a family that are taken from the peer; more are not stored. nil: any number.
    package var mostPaths: UInt32?

    package init(
        address: IPAddress, asNumber: ASNumber, routerID: RouterID, isExternal: Bool, importMode: ImportMode = .safe,
        isClient: Bool = false, allowOwnAS: UInt8 = 0
    ) {
        self.address = address
        self.asNumber = asNumber
        self.routerID = routerID
        self.isExternal = isExternal
        self.importMode = importMode
        self.isClient = isClient
        self.allowOwnAS = allowOwnAS
    }
}

/// Paths held from one peer, by family.
package struct PathCounts: Sendable, Hashable {
    package var received = 0
    package var rejected = 0
    /// Paths that are the best of their prefix.
    package var best = 0
    /// Paths of a peer that restarts or sends its table again, not announced anew yet.
    package var stale = 0
    /// Announcements that were not taken, because there were as many paths as the peer may have, since it last began to
    /// send its table.
    package var blocked = 0
    package var accepted: Int { received - rejected }
    /// What counts against the peer's limit. Stale paths do not: a peer that comes back with another table has no more
    /// prefixes than before. But no more than as many again, or who begins anew for ever would have no limit.
    package var counted: Int { max(received - stale, received / 2) }

    package init() {}
}
