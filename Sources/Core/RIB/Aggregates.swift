import BGPWire
import NetTypes

/// A prefix that we announce while there is a more specific one.
package struct Aggregate: Sendable, Hashable {
    package var prefix: Prefix
    /// Peers are not told the more specific ones.
    package var summaryOnly: Bool

    package init(prefix: Prefix, summaryOnly: Bool = false) {
        self.prefix = prefix
        self.summaryOnly = summaryOnly
    }
}

/// The aggregates, and how many prefixes each of them has inside (RFC 4271 section 9.2.2.2).
struct Aggregates {
    struct Row {
        let aggregate: Aggregate
        /// Prefixes inside that have a usable path, by the ORIGIN of the best one: IGP, EGP, INCOMPLETE.
        var counts = SIMD4<Int>()
        /// The ORIGIN that it is announced with; nil: it is not.
        var told: UInt8?

        init(_ aggregate: Aggregate) { self.aggregate = aggregate }

        /// The ORIGIN to announce it with: the worst of those inside. nil: there is nothing inside.
        var wanted: UInt8? { (0..<3).last { counts[$0] > 0 }.map { UInt8($0) } }
        var isActive: Bool { told != nil }
    }

    var rows: [Row] = []
    /// Something is to be announced, withdrawn, or announced with another ORIGIN.
    private(set) var isChanged = false

    var isEmpty: Bool { rows.isEmpty }

    /// Counts a prefix out of every aggregate around it and in again: each with the ORIGIN that its best path had, and
    /// has; nil: no path.
    mutating func count(_ prefix: Prefix, from old: UInt8?, to new: UInt8?) {
        for index in rows.indices where rows[index].aggregate.prefix.isAround(prefix) {
            if let old { rows[index].counts[Int(old)] -= 1 }
            if let new { rows[index].counts[Int(new)] += 1 }
            if rows[index].told != rows[index].wanted { isChanged = true }
        }
    }

    /// Whether peers are not told a prefix because they are told an aggregate around it.
    func suppress(_ prefix: Prefix) -> Bool {
        rows.contains { $0.isActive && $0.aggregate.summaryOnly && $0.aggregate.prefix.isAround(prefix) }
    }

    /// Indices of rows that are not as they were told; they count as done.
    mutating func takeChanges() -> [Int] {
        guard isChanged else { return [] }
        isChanged = false
        let changed = rows.indices.filter { rows[$0].told != rows[$0].wanted }
        for index in changed { rows[index].told = rows[index].wanted }
        return changed
    }
}

extension Prefix {
    /// Whether `other` is a more specific prefix.
    fileprivate func isAround(_ other: Prefix) -> Bool { length < other.length && contains(other) }
}

extension FamilyRIB {
    /// Counts a prefix whose best path may have come or gone.
    mutating func contribute(_ id: UInt32, to aggregates: inout Aggregates, _ context: borrowing Context) {
        guard !aggregates.isEmpty else { return }
        // More than INCOMPLETE no path has that was taken.
        let origin = best(id).map { min(context.attributes.summary($0.attributes).origin, 2) }
        let old = entries[Int(id)].contributed
        let new = origin.map { $0 + 1 } ?? 0
        guard old != new else { return }
        entries[Int(id)].contributed = new
        aggregates.count(prefixes.keys[Int(id)].prefix, from: old == 0 ? nil : old - 1, to: origin)
    }

    /// Counts everything anew.
    mutating func contributeAll(to aggregates: inout Aggregates, _ context: borrowing Context) {
        for id in entries.indices {
            entries[id].contributed = 0
            if entries[id].best != 0 { contribute(UInt32(id), to: &aggregates, context) }
        }
    }
}

extension RIBTables {
    /// What is announced while there is something more specific.
    package mutating func setAggregates(_ wanted: [Aggregate]) {
        guard wanted != context.aggregates.rows.map(\.aggregate) else { return }
        for row in context.aggregates.rows where row.isActive { withdrawOwn(row.aggregate.prefix) }
        var aggregates = Aggregates()
        aggregates.rows = wanted.map { Aggregates.Row($0) }
        ipv4.contributeAll(to: &aggregates, context)
        ipv6.contributeAll(to: &aggregates, context)
        settle(aggregates)
        reconsiderExport()
    }

    /// Aggregates that are announced now.
    package var activeAggregates: [Prefix] {
        context.aggregates.rows.filter(\.isActive).map(\.aggregate.prefix)
    }

    /// Whether what others announce decides on something that the node announces as its own.
    package var hasAggregates: Bool { !context.aggregates.isEmpty }

    /// Announces aggregates that have something inside from now on, or something of another ORIGIN, and withdraws those
    /// that have not.
    mutating func settle(_ aggregates: Aggregates) {
        guard !aggregates.isEmpty || !context.aggregates.isEmpty else { return }
        context.aggregates = aggregates
        for index in context.aggregates.takeChanges() {
            let row = context.aggregates.rows[index]
            guard let origin = row.told else {
                withdrawOwn(row.aggregate.prefix)
                continue
            }
            var fields = AttributeFields()
            // INCOMPLETE if any of them is, else EGP if any is (RFC 4271 section 9.2.2.2).
            fields.origin = origin
            // What the more specific paths say is lost on purpose, without AS_SET (RFC 9774 section 3).
            fields.atomicAggregate = true
            fields.aggregator = Aggregator(asNumber: policy.localAS, routerID: policy.routerID)
            let nextHop = IPAddress(leftAligned: 0, family: row.aggregate.prefix.family)
            originate(row.aggregate.prefix, PathAttributes(fields, nextHop: nextHop), at: 0)
        }
    }
}
