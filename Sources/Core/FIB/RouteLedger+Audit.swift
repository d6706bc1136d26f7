import NetTypes

/// Something in the kernel that is not as it should be.
package struct FIBDifference: Hashable, Sendable {
    /// Nil where it is about a nexthop object.
    package let prefix: Prefix?
    /// What is wrong, for a person.
    package let text: String

    package init(prefix: Prefix?, text: String) { (self.prefix, self.text) = (prefix, text) }
}

extension RouteLedger {
    /// Compares what is desired with a fresh reading of the kernel, not with what the ledger believes is there.
    package func audit(routes: [KernelRoute], nextHops: [KernelNextHop]) -> [FIBDifference] {
        var fresh = NextHopObjects(owner: settings.owner)
        _ = fresh.read(nextHops)
        var ours: [Prefix: KernelRoute] = [:]
        var holders: [Prefix: UInt8] = [:]
        var found: [FIBDifference] = []
        for route in routes where concerns(route) {
            if route.protocolID != settings.owner {
                holders[route.prefix] = route.protocolID
            } else if route.key == settings.key(route.prefix) {
                ours[route.prefix] = route
            } else {
                let place = "table \(route.key.table) metric \(route.key.metric)"
                found.append(FIBDifference(prefix: route.prefix, text: "a route of a former configuration, \(place)"))
            }
        }
        for id in table.ids where !table[id].isEmpty {
            let (prefix, entry) = (table.prefix(id), table[id])
            let (target, reason) = target(prefix, entry)
            let text = difference(prefix, target, reason, ours.removeValue(forKey: prefix), holders[prefix], fresh)
            if let text { found.append(FIBDifference(prefix: prefix, text: text)) }
        }
        found += ours.keys.map { FIBDifference(prefix: $0, text: "in the kernel, and martletd does not know of it") }
        let used = Set(routes.map(\.nextHopID))
        if isConverged, isIdle {
            found += fresh.garbage { used.contains($0) }.map {
                FIBDifference(prefix: nil, text: "nexthop object \($0.id) is used by nothing")
            }
        }
        return found.sorted { ($0.prefix, $0.text) < ($1.prefix, $1.text) }
    }

    private func difference(
        _ prefix: Prefix, _ target: KernelRoute?, _ reason: String?, _ route: KernelRoute?, _ holder: UInt8?,
        _ fresh: NextHopObjects
    ) -> String? {
        guard let target else {
            if let reason { return "not installed: \(reason)" }
            return route.map { _ in isConverged ? "installed and not desired" : "stale, of an earlier run" }
        }
        guard let route else {
            if let holder { return "not installed: a route of protocol \(holder) holds the place" }
            return "not installed" + (retries.text(prefix).map { ": \($0)" } ?? "")
        }
        guard route.kind == target.kind else { return "of another kind than desired" }
        guard route.kind == .unicast else { return nil }
        let nextHops = route.nextHopID == 0 ? route.nextHops : fresh.content(route.nextHopID) ?? []
        if nextHops == target.nextHops { return nil }
        let place = route.nextHopID == 0 ? "" : " (group \(route.nextHopID))"
        return "next hops are \(Self.text(nextHops))\(place), desired \(Self.text(target.nextHops))"
    }

    private static func text(_ nextHops: [RouteNextHop]) -> String {
        guard !nextHops.isEmpty else { return "none" }
        return nextHops.map { hop in
            (hop.gateway?.description ?? "link") + (hop.weight > 1 ? " weight \(hop.weight)" : "")
        }.joined(separator: ", ")
    }
}

private func < (a: (Prefix?, String), b: (Prefix?, String)) -> Bool {
    switch (a.0, b.0) {
    case (let x?, let y?): x == y ? a.1 < b.1 : x < y
    case (nil, nil): a.1 < b.1
    case (nil, _): false
    case (_, nil): true
    }
}
