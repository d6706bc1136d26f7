import BGPSession
import BGPWire
import NetTypes
import RIB
import RoutePolicy

/// What the speaker must know of a configured peer; the session machine has its own configuration.
package struct SpeakerPeer: Sendable, Hashable {
    package var name: String
    /// Unspecified where it is found out with the session (`SessionAddresses.remote`).
    package var address: IPAddress
    package var asNumber: ASNumber
    package var isExternal: Bool
    package var importMode: RIBPeer.ImportMode
    package var exportMode: ExportPolicy.Mode
    /// A route reflector client of ours (RFC 4456).
    package var isClient: Bool
    /// How often our own AS may stand in the peer's paths.
    package var allowOwnAS: UInt8
    /// The peer's policies, which are asked about what the modes above admit.
    package var importRules = PolicyChain()
    package var exportRules = PolicyChain()
    /// Whether GRACEFUL_SHUTDOWN on an external peer's paths is obeyed (RFC 8326).
    package var honorsGracefulShutdown = true
    /// Whether the peer may have addresses inside `clusterCIDRs` dropped (RFC 7999).
    package var acceptsBlackhole = false
    /// What we are to the peer's AS (RFC 9234).
    package var role: BGPRole?
    /// The AS that we have for this peer alone.
    package var localAS: LocalAS?
    /// Long-lived stale paths go to the peer even if it does not know of them (RFC 9494 section 4.6); internal peers
    /// only.
    package var sendsLongLivedStale = false
    /// What the peer is told of each prefix where path identifiers were negotiated (RFC 7911).
    package var pathSelection = PathSelection.best
    /// An external client of this route server (RFC 7947).
    package var isRouteServerClient = false
    /// Most paths of a family that are taken from the peer; nil: any number.
    package var mostPaths: UInt32?

    package init(
        name: String, address: IPAddress, asNumber: ASNumber, isExternal: Bool,
        importMode: RIBPeer.ImportMode = .safe, exportMode: ExportPolicy.Mode = .localOnly, isClient: Bool = false,
        allowOwnAS: UInt8 = 0
    ) {
        self.name = name
        self.address = address
        self.asNumber = asNumber
        self.isExternal = isExternal
        self.importMode = importMode
        self.exportMode = exportMode
        self.isClient = isClient
        self.allowOwnAS = allowOwnAS
    }
}

extension SpeakerPeer {
    /// The peer as the RIB sees it.
    func ribPeer(routerID: RouterID) -> RIBPeer {
        var source = RIBPeer(
            address: address, asNumber: asNumber, routerID: routerID, isExternal: isExternal, importMode: importMode,
            isClient: isClient, allowOwnAS: allowOwnAS)
        source.role = role
        source.localAS = localAS
        source.honorsGracefulShutdown = honorsGracefulShutdown
        source.acceptsBlackhole = acceptsBlackhole
        source.isRouteServerClient = isRouteServerClient
        source.mostPaths = mostPaths
        return source
    }
}

/// Our own addresses on the link of a session: what we announce as next hop.
package struct SessionAddresses: Sendable, Hashable {
    package var ipv4: IPAddress?
    package var ipv6: IPAddress?
    package var ipv6LinkLocal: IPv6Address?
    /// Interface of the session, for link-local next hops.
    package var interface: String?
    /// The peer's end of the session; nil: the configured address.
    package var remote: IPAddress?

    package init(
        ipv4: IPAddress? = nil, ipv6: IPAddress? = nil, ipv6LinkLocal: IPv6Address? = nil, interface: String? = nil
    ) {
        self.ipv4 = ipv4
        self.ipv6 = ipv6
        self.ipv6LinkLocal = ipv6LinkLocal
        self.interface = interface
    }
}

/// A peer's side of the RIB at one moment, for one family.
package struct FamilySummary: Sendable, Hashable {
    package let family: AddressFamily
    package let paths: PathCounts
    package let advertised: Int
    /// Prefixes that wait to be compared with what the peer was told.
    package let pending: Int
    package let endOfRIBReceived: Bool
    package let endOfRIBSent: Bool
    /// Why nothing of this family can be announced, if that is so.
    package let obstacle: String?
    /// The peer writes path identifiers, or we do (RFC 7911).
    package var receivesPathIDs = false
    package var sendsPathIDs = false
}

/// The steps of a node's goodbye to its peers (RFC 8326): they are asked to prefer others before the paths go.
package enum Farewell: Sendable, Hashable {
    /// The node serves.
    case none
    /// Everything is announced with GRACEFUL_SHUTDOWN, to internal peers with LOCAL_PREF 0.
    case announced
    /// Nothing is announced any more.
    case withdrawn
}
