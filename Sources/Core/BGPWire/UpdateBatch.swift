import NetTypes

/// UPDATEs of one session, in their order, on their way from the wire to the tables.
///
/// What they hold stands in a few flat lists, however many they are. A node's UPDATE announces two prefixes: blocks of
/// the heap for its parts, made by one thread and given back by another, were a third of what a node's table costs.
package struct UpdateBatch: Sendable {
    /// One thing that an UPDATE says. Those of an UPDATE follow each other: End-of-RIB, withdrawals, announcements, so
    /// that a prefix in both is announced.
    package struct Entry: Sendable {
        package enum Action: Sendable, Hashable, BitwiseCopyable {
            case announce
            case withdraw
            /// The marker of a family (RFC 4724 section 2), which has no prefixes.
            case endOfRIB(AddressFamily)
        }

        package let action: Action
        /// How many prefixes it has.
        package var count: Int { prefixes.count }
        fileprivate let prefixes: Range<Int>
        /// Where the path identifiers are, one for each prefix; nil: all are 0.
        fileprivate let pathIDs: Int?
        /// An announcement's attributes among the octets of the batch.
        package fileprivate(set) var octets = 0..<0
        fileprivate var nextHop = 0
        package fileprivate(set) var summary = PathAttributes.Summary()
    }

    /// Where an announcement's packets go.
    package struct NextHop: Sendable, BitwiseCopyable, Equatable {
        package let address: IPAddress
        /// The link-local half of a 32-octet IPv6 next hop (RFC 2545 section 3).
        package let linkLocal: IPv6Address?
    }

    package private(set) var entries: [Entry] = []
    /// Canonical attributes, see `PathAttributes`, of one announcement after the other.
    package private(set) var octets: [UInt8] = []
    /// Prefixes that are announced.
    package private(set) var announcedCount = 0
    private var prefixes: [Prefix] = []
    private var pathIDs: [UInt32] = []
    private var nextHops: [NextHop] = []
    /// Room for the attributes of the UPDATE that is read.
    var slots: [AttributeSlot] = []

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }

    /// It holds enough to be worth a turn of whoever applies it, and not to grow further.
    package var isLarge: Bool { entries.count >= 512 || prefixes.count >= 4096 }

    // MARK: reading

    /// The prefixes of an entry.
    package func prefixes(_ entry: Entry) -> ArraySlice<Prefix> { prefixes[entry.prefixes] }

    /// The path identifiers of an entry's prefixes (RFC 7911); empty when all are 0.
    package func pathIDs(_ entry: Entry) -> ArraySlice<UInt32> {
        entry.pathIDs.map { pathIDs[$0..<$0 + entry.count] } ?? []
    }

    /// The next hop of an announcement.
    package func nextHop(_ entry: Entry) -> NextHop { nextHops[entry.nextHop] }

    /// A copy of an announcement's attributes.
    package func attributes(_ entry: Entry) -> PathAttributes {
        let hop = nextHop(entry)
        return PathAttributes(
            bytes: Array(octets[entry.octets]), nextHop: hop.address, linkLocalNextHop: hop.linkLocal,
            summary: entry.summary)
    }

    // MARK: writing

    /// Adds the marker of a family.
    mutating func endOfRIB(_ family: AddressFamily) {
        entries.append(Entry(action: .endOfRIB(family), prefixes: 0..<0, pathIDs: nil))
    }

    /// Adds prefixes that are withdrawn. `fill` appends them, and their path identifiers if these are not all 0.
    mutating func withdraw(_ fill: (inout [Prefix], inout [UInt32]) -> Void) {
        if let entry = entry(.withdraw, fill) { entries.append(entry) }
    }

    /// Appends attributes in canonical form, for announcements that follow.
    mutating func add(_ write: (inout [UInt8]) -> Void) -> (octets: Range<Int>, summary: PathAttributes.Summary) {
        let start = octets.count
        write(&octets)
        let range = start..<octets.count
        return (range, PathAttributes.Summary(octets.span.bytes.extracting(range)))
    }

    /// Adds prefixes that are announced with attributes that `add` gave. `fill` appends them, and their path
    /// identifiers if these are not all 0.
    mutating func announce(
        _ attributes: (octets: Range<Int>, summary: PathAttributes.Summary), via hop: NextHop,
        _ fill: (inout [Prefix], inout [UInt32]) -> Void
    ) {
        guard var entry = entry(.announce, fill) else { return }
        // A peer has one for each family, as a rule.
        if nextHops.last != hop { nextHops.append(hop) }
        entry.nextHop = nextHops.count - 1
        entry.octets = attributes.octets
        entry.summary = attributes.summary
        announcedCount += entry.count
        entries.append(entry)
    }

    private mutating func entry(
        _ action: Entry.Action, _ fill: (inout [Prefix], inout [UInt32]) -> Void
    ) -> Entry? {
        let (start, startIDs) = (prefixes.count, pathIDs.count)
        fill(&prefixes, &pathIDs)
        guard prefixes.count > start else { return nil }
        return Entry(
            action: action, prefixes: start..<prefixes.count, pathIDs: pathIDs.count > startIDs ? startIDs : nil)
    }
}

extension UpdateBatch: ExpressibleByArrayLiteral {
    /// UPDATEs that did not come over a wire.
    package init(_ updates: [Update]) {
        for update in updates { append(update) }
    }

    package init(arrayLiteral updates: Update...) { self.init(updates) }

    /// Adds one that did not come over a wire.
    package mutating func append(_ update: Update) {
        if let family = update.endOfRIB { endOfRIB(family) }
        withdraw { prefixes, pathIDs in
            prefixes += update.withdrawn
            pathIDs += update.withdrawnIDs
        }
        for announcement in update.announced {
            let attributes = announcement.attributes
            announce(
                add { $0 += attributes.bytes },
                via: NextHop(address: attributes.nextHop, linkLocal: attributes.linkLocalNextHop)
            ) { prefixes, pathIDs in
                prefixes += announcement.prefixes
                pathIDs += announcement.pathIDs
            }
        }
    }
}

extension Update {
    /// The entries of one UPDATE, spelled out.
    init(_ batch: UpdateBatch, faults: [AttributeFault]) {
        self.init(faults: faults)
        let hasIDs = batch.entries.contains { $0.action == .withdraw && !batch.pathIDs($0).isEmpty }
        for entry in batch.entries {
            switch entry.action {
            case .endOfRIB(let family): endOfRIB = family
            case .withdraw:
                withdrawn += batch.prefixes(entry)
                let pathIDs = batch.pathIDs(entry)
                if hasIDs { withdrawnIDs += pathIDs.isEmpty ? Array(repeating: 0, count: entry.count)[...] : pathIDs }
            case .announce:
                var announcement = Announcement(
                    attributes: batch.attributes(entry), prefixes: Array(batch.prefixes(entry)))
                announcement.pathIDs = Array(batch.pathIDs(entry))
                announced.append(announcement)
            }
        }
    }
}
