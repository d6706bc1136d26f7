import BGPWire
import NetTypes

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

/// Export rewrites of one portion: paths that share attributes share the rewritten ones, in the form of the wire.
struct Exporter: ~Copyable {
    private struct Key: Hashable {
        let attributes: UInt32
        let source: PeerID
    }

    let settings: ExportSettings
    let family: AddressFamily
    private(set) var outgoing: [PackedAttributes] = []
    private var indexes: [PathAttributes: Int] = [:]
    private var known: [Key: Int] = [:]
    private var last: (key: Key, result: Int)?
    private let packer: UpdatePacker

    /// Stands for "may not be told" among the indexes.
    private static var refused: Int { -1 }

    init(_ settings: ExportSettings, _ family: AddressFamily) {
        self.settings = settings
        self.family = family
        packer = UpdatePacker(settings.encoding)
    }

    /// The place in `outgoing` of what the peers are told of a path, or nil when they may not be told.
    mutating func export(_ prefix: Prefix, _ attributes: UInt32, from source: PeerID, _ context: borrowing Context)
        -> Int?
    {
        let key = Key(attributes: attributes, source: source)
        let result: Int
        if let last, last.key == key {
            result = last.result
        } else {
            result = known[key] ?? rewrite(attributes, from: source, context)
            known[key] = result
            last = (key, result)
        }
        // Attributes too long for one message: the peers must not keep an older path instead.
        guard result != Self.refused, outgoing[result].hasRoom(for: prefix) else { return nil }
        return result
    }

    private mutating func rewrite(_ handle: UInt32, from source: PeerID, _ context: borrowing Context) -> Int {
        guard let rewritten = context.exported(handle, from: source, settings.policy, family) else {
            return Self.refused
        }
        if let index = indexes[rewritten] { return index }
        guard let packed = packer.pack(rewritten, family: family, pathIDs: settings.encoding.paths(family) != nil)
        else { return Self.refused }
        outgoing.append(packed)
        indexes[rewritten] = outgoing.count - 1
        return outgoing.count - 1
    }
}

extension Context {
    /// A path as the peers of an export policy get it; nil when they may not be told.
    func exported(
        _ handle: UInt32, from source: PeerID, _ policy: ExportPolicy, _ family: AddressFamily
    ) -> PathAttributes? {
        guard policy.mode != .none, policy.families.contains(family) else { return nil }
        let attributes = attributes[handle: handle]
        let peer = source == .local ? nil : peer(source) ?? .unknown
        guard var rewrite = policy.rewrite(attributes.summary, source: peer, family: family),
            policy.mendNextHop(of: &rewrite, attributes, family)
        else { return nil }
        return attributes.rewritten(rewrite)
    }
}

extension UpdatePacker {
    init(_ encoding: ExportEncoding) {
        self.init(maximumLength: encoding.maximumLength, fourOctetAS: encoding.fourOctetAS)
    }
}
