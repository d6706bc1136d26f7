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
        /// Prefixes inside that have a usable path.
        var count = 0
        /// Announced.
        var isActive = false
    }

    var rows: [Row] = []
    /// A count came from 0 or went to 0.
    private(set) var isChanged = false

    var isEmpty: Bool { rows.isEmpty }

    /// Counts a prefix in or out of every aggregate around it.
    mutating func count(_ prefix: Prefix, by step: Int) {
        for index in rows.indices where rows[index].aggregate.prefix.isAround(prefix) {
            rows[index].count += step
            if rows[index].isActive != (rows[index].count > 0) { isChanged = true }
        }
    }

    /// Whether peers are not told a prefix because they are told an aggregate around it.
    func suppress(_ prefix: Prefix) -> Bool {
        rows.contains { $0.isActive && $0.aggregate.summaryOnly && $0.aggregate.prefix.isAround(prefix) }
    }

    /// Indices of rows that begin or cease to be announced; they count as done.
    mutating func takeChanges() -> [Int] {
        guard isChanged else { return [] }
        isChanged = false
        let changed = rows.indices.filter { rows[$0].isActive != (rows[$0].count > 0) }
        for index in changed { rows[index].isActive.toggle() }
        return changed
    }
}

extension Prefix {
    /// Whether `other` is a more specific prefix.
    fileprivate func isAround(_ other: Prefix) -> Bool { length < other.length && contains(other) }
}

extension FamilyRIB {
    /// Counts a prefix whose best path may have come or gone.
    mutating func contribute(_ id: UInt32, to aggregates: inout Aggregates) {
        guard !aggregates.isEmpty else { return }
        let isUsable = entries[Int(id)].best != 0
        guard entries[Int(id)].contributes != isUsable else { return }
        entries[Int(id)].contributes = isUsable
        aggregates.count(prefixes.keys[Int(id)].prefix, by: isUsable ? 1 : -1)
    }

    /// Counts everything anew.
    mutating func contributeAll(to aggregates: inout Aggregates) {
        for id in entries.indices {
            entries[id].contributes = false
            if entries[id].best != 0 { contribute(UInt32(id), to: &aggregates) }
        }
    }
}

extension RIBTables {
    /// What is announced while there is something more specific.
    package mutating func setAggregates(_ wanted: [Aggregate]) {
        guard wanted != context.aggregates.rows.map(\.aggregate) else { return }
        for row in context.aggregates.rows where row.isActive { withdrawOwn(row.aggregate.prefix) }
        var aggregates = Aggregates()
        aggregates.rows = wanted.map { Aggregates.Row(aggregate: $0) }
        ipv4.contributeAll(to: &aggregates)
        ipv6.contributeAll(to: &aggregates)
        settle(aggregates)
        reconsiderExport()
    }

    /// Aggregates that are announced now.
    package var activeAggregates: [Prefix] {
        context.aggregates.rows.filter(\.isActive).map(\.aggregate.prefix)
    }

    /// Whether what others announce decides on something that the node announces as its own.
    package var hasAggregates: Bool { !context.aggregates.isEmpty }

    /// Announces aggregates that have something inside from now on, and withdraws those that have not.
    mutating func settle(_ aggregates: Aggregates) {
        guard !aggregates.isEmpty || !context.aggregates.isEmpty else { return }
        context.aggregates = aggregates
        for index in context.aggregates.takeChanges() {
            let row = context.aggregates.rows[index]
            guard row.isActive else {
                withdrawOwn(row.aggregate.prefix)
                continue
            }
            var fields = AttributeFields()
            // What the more specific paths say is lost on purpose, without AS_SET (RFC 9774 section 3).
            fields.atomicAggregate = true
            fields.aggregator = Aggregator(asNumber: policy.localAS, routerID: policy.routerID)
            let nextHop = IPAddress(leftAligned: 0, family: row.aggregate.prefix.family)
            originate(row.aggregate.prefix, PathAttributes(fields, nextHop: nextHop), at: 0)
        }
    }
}
