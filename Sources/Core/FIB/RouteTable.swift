import NetTypes

/// Names an entry of the table: an index, with the family in the lowest bit. It is given out again when the entry is
/// removed, so only entries that are queued, or what does not outlive a call, may hold one.
typealias RouteID = UInt32

/// Every prefix that the ledger knows of, with what it knows: two flat arrays a family, and nothing on the heap for a
/// single route. 100,000 IPv4 routes are 5 MB.
struct RouteTable: Sendable {
    /// Slots below this are not worth a compaction.
    static let roomForFree = 4096

    private struct Half<Key: PrefixKey>: Sendable {
        var prefixes: PrefixTable<Key>
        var entries: [RouteEntry] = []

        init(seed: UInt64) { prefixes = PrefixTable(seed: seed) }

        mutating func insert(_ prefix: Prefix) -> UInt32 {
            let (index, isNew) = prefixes.insert(Key(prefix))
            guard isNew else { return index }
            var entry = RouteEntry()
            entry.isKnown = true
            if Int(index) == entries.count { entries.append(entry) } else { entries[Int(index)] = entry }
            return index
        }

        mutating func remove(_ index: UInt32) {
            entries[Int(index)] = RouteEntry()
            prefixes.remove(index)
        }

        /// The same in as little room as it takes, under other numbers.
        mutating func compact() {
            guard entries.count > RouteTable.roomForFree, prefixes.count < entries.count / 4 else { return }
            var smaller = Half(seed: prefixes.seed)
            for (index, entry) in entries.enumerated() where entry.isKnown {
                _ = smaller.prefixes.insert(prefixes.keys[index])
                smaller.entries.append(entry)
            }
            self = smaller
        }
    }

    private var ipv4: Half<IPv4Key>
    private var ipv6: Half<IPv6Key>

    /// `seed` should differ from process to process.
    init(seed: UInt64) {
        ipv4 = Half(seed: seed)
        ipv6 = Half(seed: seed)
    }

    /// Entries in the table.
    var count: Int { ipv4.prefixes.count + ipv6.prefixes.count }

    /// Entries that there is room for.
    var capacity: Int { ipv4.entries.count + ipv6.entries.count }

    func find(_ prefix: Prefix) -> RouteID? {
        switch prefix.family {
        case .ipv4: ipv4.prefixes.find(IPv4Key(prefix)).map { $0 << 1 }
        case .ipv6: ipv6.prefixes.find(IPv6Key(prefix)).map { $0 << 1 | 1 }
        }
    }

    /// The entry of a prefix, an empty one if there was none.
    mutating func insert(_ prefix: Prefix) -> RouteID {
        switch prefix.family {
        case .ipv4: ipv4.insert(prefix) << 1
        case .ipv6: ipv6.insert(prefix) << 1 | 1
        }
    }

    mutating func remove(_ id: RouteID) {
        if id & 1 == 0 { ipv4.remove(id >> 1) } else { ipv6.remove(id >> 1) }
    }

    func prefix(_ id: RouteID) -> Prefix {
        id & 1 == 0 ? ipv4.prefixes.keys[Int(id >> 1)].prefix : ipv6.prefixes.keys[Int(id >> 1)].prefix
    }

    subscript(id: RouteID) -> RouteEntry {
        get { id & 1 == 0 ? ipv4.entries[Int(id >> 1)] : ipv6.entries[Int(id >> 1)] }
        set { if id & 1 == 0 { ipv4.entries[Int(id >> 1)] = newValue } else { ipv6.entries[Int(id >> 1)] = newValue } }
    }

    /// The numbers of all entries at this moment. Entries may come and go while they are gone through: one that came
    /// is passed over, or seen if it has the number of one that went.
    var ids: RouteIDs { RouteIDs(ends: (RouteID(ipv4.entries.count), RouteID(ipv6.entries.count))) }

    /// Lets go of room after most entries are gone. All numbers change: nobody may hold one.
    mutating func compact() {
        ipv4.compact()
        ipv6.compact()
    }
}

/// Numbers of a table, IPv4 before IPv6; some may be of no entry (`isKnown`).
struct RouteIDs: Sequence, IteratorProtocol {
    fileprivate let ends: (ipv4: RouteID, ipv6: RouteID)
    private var place = (ipv4: RouteID(0), ipv6: RouteID(0))

    fileprivate init(ends: (RouteID, RouteID)) { self.ends = ends }

    mutating func next() -> RouteID? {
        if place.ipv4 < ends.ipv4 {
            defer { place.ipv4 += 1 }
            return place.ipv4 << 1
        }
        guard place.ipv6 < ends.ipv6 else { return nil }
        defer { place.ipv6 += 1 }
        return place.ipv6 << 1 | 1
    }
}
