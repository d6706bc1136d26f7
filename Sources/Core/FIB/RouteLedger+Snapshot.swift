import NetTypes

extension RouteLedger {
    /// Desired against installed, by ascending prefix.
    package func snapshot() -> FIBSnapshot {
        var rows: [FIBRow] = []
        rows.reserveCapacity(table.count)
        for id in table.ids where !table[id].isEmpty {
            let (prefix, entry) = (table.prefix(id), table[id])
            let desired = entry.hops.map { sets.route(prefix, $0) }
            rows.append(
                FIBRow(
                    prefix: prefix, desired: desired, isAggregate: entry.isAggregate,
                    installed: installedRoute(prefix, entry), status: status(prefix, entry)))
        }
        for route in misplaced.values.joined() {
            rows.append(
                FIBRow(prefix: route.prefix, desired: nil, isAggregate: false, installed: route, status: .stale))
        }
        rows.sort { $0.prefix < $1.prefix }
        var snapshot = FIBSnapshot(rows: rows, counters: counters, isConverged: isConverged)
        snapshot.style = style
        snapshot.groups = objects.groups.sorted { $0.key < $1.key }.map { id, group in
            FIBGroup(id: id, nextHops: group.content, routes: objects.routeCount(id))
        }
        return snapshot
    }

    /// The wish for a prefix; nil: there is none.
    func desired(_ prefix: Prefix) -> DesiredRoute? {
        table.find(prefix).flatMap { table[$0].hops }.map { sets.route(prefix, $0) }
    }

    /// Routes desired and routes installed, without the price of a snapshot.
    package var totals: (desired: Int, installed: Int) {
        table.ids.reduce(into: (desired: 0, installed: misplaced.values.joined().count)) { totals, id in
            totals.desired += table[id].hops != nil || table[id].isAggregate ? 1 : 0
            totals.installed += table[id].isInstalled ? 1 : 0
        }
    }

    private func status(_ prefix: Prefix, _ entry: RouteEntry) -> FIBStatus {
        let (target, reason) = target(prefix, entry)
        if let reason { return .unresolved(reason) }
        if let failure = retries.text(prefix) { return .failed(failure) }
        guard let target else { return entry.wasDesired ? .pending : .stale }
        if installedRoute(prefix, entry) == target { return .installed }
        if let other = foreign[prefix] { return .conflict(protocolID: other.protocolID) }
        return .pending
    }
}
