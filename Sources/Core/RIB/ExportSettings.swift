import BGPWire
import NetTypes
import RoutePolicy

/// How messages for a peer are written: what the OPENs agreed on.
package struct ExportEncoding: Sendable, Hashable {
    /// Octets in the longest message that the peer takes.
    package var maximumLength = 4096
    /// The peer reads four-octet AS numbers (RFC 6793).
    package var fourOctetAS = true
    /// What the peer is told of each prefix where it takes path identifiers (RFC 7911); nil: the best path, without.
    package var ipv4Paths: PathSelection?
    package var ipv6Paths: PathSelection?

    package init() {}

    package func paths(_ family: AddressFamily) -> PathSelection? { family == .ipv4 ? ipv4Paths : ipv6Paths }
}

/// Which paths of a prefix a peer is told by add-path (RFC 7911).
package enum PathSelection: Sendable, Hashable {
    /// Those that this node shares its traffic among: the ECMP set.
    case best
    /// Every usable one.
    case all
    /// At most so many: the ECMP set first, then by rank.
    case most(Int)
}

/// What peers must have in common to be told the same, octet for octet.
struct ExportSettings: Hashable {
    var policy: ExportPolicy
    var encoding: ExportEncoding
}

extension Context {
    /// A path as the peers of an export policy get it; nil when they may not be told.
    func exported(
        _ handle: UInt32, from source: PeerID, _ policy: ExportPolicy, _ family: AddressFamily,
        by decision: PolicyChain.Decision
    ) -> PathAttributes? {
        guard policy.mode != .none, policy.families.contains(family) else { return nil }
        let attributes = attributes[handle: handle]
        let peer = source == .local ? nil : peer(source) ?? .unknown
        return policy.exported(attributes, source: peer, family: family, by: decision)
    }
}

extension UpdatePacker {
    init(_ encoding: ExportEncoding) {
        self.init(maximumLength: encoding.maximumLength, fourOctetAS: encoding.fourOctetAS)
    }
}
