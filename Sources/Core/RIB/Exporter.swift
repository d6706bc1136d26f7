import BGPWire
import NetTypes
import RoutePolicy

/// Export rewrites of one portion: paths that share attributes share the rewritten ones, in the form of the wire.
///
/// Portions come and go with every change, so there are no dictionaries here: to hash and to grow them was a tenth of
/// what a node's table costs.
struct Exporter: ~Copyable {
    private struct Key: Hashable {
        let attributes: UInt32
        let source: PeerID
        let decision: PolicyChain.Decision
    }

    let settings: ExportSettings
    let family: AddressFamily
    private(set) var outgoing: [PackedAttributes] = []
    /// Places by the hash of what stands there: paths that come to the same octets are told together.
    private var places = SlotIndex()
    private let seed: UInt64
    /// What was found before, by the low bits of the handle; what is not here any more is found again.
    private var known: [(key: Key, result: Int)?] = [nil]
    private var misses = 0
    private let packer: UpdatePacker

    /// Stands for "may not be told" among the places.
    private static var refused: Int { -1 }
    private static var mostKnown: Int { 4096 }

    /// `seed` keys the hash table, see `RIBTables`.
    init(_ settings: ExportSettings, _ family: AddressFamily, seed: UInt64) {
        self.settings = settings
        self.seed = seed
        self.family = family
        packer = UpdatePacker(settings.encoding)
    }

    /// The place in `outgoing` of what the peers are told of a path, or nil when they may not be told.
    mutating func export(_ prefix: Prefix, _ attributes: UInt32, from source: PeerID, _ context: borrowing Context)
        -> Int?
    {
        guard !context.aggregates.suppress(prefix) else { return nil }
        let decision = context.decide(settings.policy.rules, prefix, attributes, from: source)
        guard decision.accepts else { return nil }
        let result = place(Key(attributes: attributes, source: source, decision: decision), context)
        // Attributes too long for one message: the peers must not keep an older path instead.
        guard result != Self.refused, outgoing[result].hasRoom(for: prefix) else { return nil }
        return result
    }

    private mutating func place(_ key: Key, _ context: borrowing Context) -> Int {
        let slot = Int(key.attributes) & (known.count - 1)
        if let found = known[slot], found.key == key { return found.result }
        let result = rewrite(key, context)
        known[slot] = (key, result)
        misses += 1
        if misses > known.count, known.count < Self.mostKnown { grow() }
        return result
    }

    private mutating func grow() {
        let old = known
        known = Array(repeating: nil, count: old.count * 4)
        for entry in old {
            if let entry { known[Int(entry.key.attributes) & (known.count - 1)] = entry }
        }
    }

    private mutating func rewrite(_ key: Key, _ context: borrowing Context) -> Int {
        let told = context.exported(key.attributes, from: key.source, settings.policy, family, by: key.decision)
        guard let told else { return Self.refused }
        let hasPathIDs = settings.encoding.paths(family) != nil
        guard let packed = packer.pack(told, family: family, pathIDs: hasPathIDs) else { return Self.refused }
        let hash = packed.hash(seed: seed)
        if let place = places.find(hash, { outgoing[Int($0)] == packed }) { return Int(place) }
        places.insert(hash, UInt32(outgoing.count))
        outgoing.append(packed)
        return outgoing.count - 1
    }
}
