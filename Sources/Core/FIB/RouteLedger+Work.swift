import NetTypes

extension RouteLedger {
    /// What the kernel shall have for a prefix: nil for nothing, with the reason if that is not what was wished.
    /// `group`: the one to use, if the caller knows.
    func target(
        _ prefix: Prefix, _ entry: RouteEntry, group known: UInt32? = nil
    ) -> (route: KernelRoute?, reason: String?) {
        if entry.isAggregate { return (settings.unreachable(prefix), nil) }
        guard let hops = entry.hops else { return (nil, nil) }
        switch sets.resolution(hops) {
        case .resolved(let nextHops):
            var route = settings.route(prefix, nextHops: nextHops)
            route.nextHopID = known ?? group(for: hops, nextHops, entry)
            return (route, nil)
        case .blackhole: return (settings.blackhole(prefix), nil)
        case .unresolved(let reason): return (nil, reason)
        }
    }

    func installedRoute(_ prefix: Prefix, _ entry: RouteEntry) -> KernelRoute? {
        entry.installed.map {
            let nextHops = $0.group == 0 ? lists[$0.list] : objects.content($0.group) ?? []
            var route = KernelRoute(
                key: settings.key(prefix), kind: $0.kind, protocolID: settings.owner, nextHops: nextHops)
            route.nextHopID = $0.group
            return route
        }
    }

    /// Whether there is work now.
    package var isIdle: Bool {
        queue.isEmpty && objects.dirty.isEmpty && objects.needed.isEmpty && !(isConverged && objects.mayHaveGarbage)
    }

    /// When the next failed operation is due, or nil.
    package var nextRetry: Instant? { [retries.next, sets.nextRetry].compactMap { $0 }.min() }

    /// About `limit` operations that are due, oldest wish first; each must be answered by `finish` before the next
    /// call.
    package mutating func nextOperations(limit: Int, at now: Instant) -> [RouteOperation] {
        followOwnRoutes()
        for prefix in retries.popDue(at: now) { enqueue(prefix) }
        requeueEdited()
        var plan = RoutePlan()
        var choice = GroupChoice()
        while plan.operations.count < limit, let id = queue.popFirst() {
            table[id].isQueued = false
            let (prefix, entry) = (table.prefix(id), table[id])
            if !retries.isWaiting(prefix, at: now) {
                choose(entry, &choice)
                if waitsForGroup(entry, choice.group) {
                    enqueue(id)
                    break
                }
                let before = plan.operations.count
                work(id, prefix, entry, choice.group, into: &plan)
                if plan.operations.count == before, entry.isHealing { table[id].isHealing = false }
            }
            dropIfEmpty(id, prefix)
        }
        if queue.isEmpty, leftovers.isEmpty, plan.operations.isEmpty { table.compact() }
        return plan.operations
    }

    /// The group for the last entry that was looked at: most of the next ones are alike.
    private struct GroupChoice {
        var hops: NextHopSets.Handle?
        var present: UInt32 = 0
        var group: UInt32 = 0
    }

    private func choose(_ entry: RouteEntry, _ choice: inout GroupChoice) {
        let present = entry.installed?.group ?? 0
        if choice.hops == entry.hops, choice.present == present { return }
        choice = GroupChoice(hops: entry.hops, present: present)
        guard let set = entry.hops, let hops = sets.hops(set) else { return }
        choice.group = group(for: set, hops, entry)
    }

    private mutating func work(
        _ id: RouteID, _ prefix: Prefix, _ entry: RouteEntry, _ group: UInt32, into plan: inout RoutePlan
    ) {
        let (target, reason) = target(prefix, entry, group: group)
        if let reason, !entry.isReported {
            table[id].isReported = true
            note(.unresolved(prefix, reason))
        }
        if let target, target.nextHopID != 0, let hops = entry.hops { adopt(target.nextHopID, by: hops) }
        let mine = installedRoute(prefix, entry)
        let sweep = isConverged || (entry.wasDesired && target == nil)
        let other = foreign.isEmpty ? nil : foreign[prefix]
        let elsewhere = misplaced.isEmpty ? [] : misplaced[prefix] ?? []
        guard other != nil || !elsewhere.isEmpty else { return plan.exchange(mine, for: target, sweepStale: sweep) }
        var installed = elsewhere
        if let mine { installed.append(mine) }
        if let other { installed.append(other) }
        let before = plan.conflicts.count
        plan.add(desired: target, installed: installed, owner: settings.owner, sweepStale: sweep)
        if plan.conflicts.count > before, let other, !entry.isReported {
            table[id].isReported = true
            note(.conflict(prefix, protocolID: other.protocolID))
        }
    }

    /// Takes over how an operation ended. `problem` is nil when it succeeded; returns whether everything should be read
    /// again, because the kernel does not have what the ledger believes.
    package mutating func finish(_ operation: RouteOperation, problem: RouteProblem?, at now: Instant) -> Bool {
        let prefix = operation.prefix
        if let problem, !(problem.isMissing && operation.isDelete) { return fail(operation, problem, at: now) }
        retries.forget(prefix)
        switch operation {
        case .add(let route), .replace(let route):
            let id = table.insert(prefix)
            install(route, at: id)
            if !hearsEchoes { table[id].touched = stretch }
            table[id].isReported = false
            if table[id].isHealing {
                table[id].isHealing = false
                count { $0.healed += 1 }
                note(.healed(prefix))
            }
            if case .add = operation { count { $0.installed += 1 } } else { count { $0.replaced += 1 } }
        case .delete(let route):
            forget(route)
            count { $0.removed += 1 }
        }
        return false
    }

    private mutating func fail(_ operation: RouteOperation, _ problem: RouteProblem, at now: Instant) -> Bool {
        let prefix = operation.prefix
        let id = table.find(prefix)
        count { $0.failed += 1 }
        if let id { table[id].isHealing = false }
        if problem.isMissing, case .replace = operation {
            // Taken away under our hands, and its notification is still to come: installing it afresh is next.
            if let id { install(nil, at: id) }
            enqueue(prefix)
            return true
        }
        retries.fail(prefix, problem.text, at: now)
        return problem.isOccupied
    }

    /// A route of ours is not in the kernel any more.
    mutating func forget(_ route: KernelRoute) {
        let prefix = route.prefix
        if route.key == settings.key(prefix) {
            guard let id = table.find(prefix) else { return }
            install(nil, at: id)
            guard !hearsEchoes else { return dropIfEmpty(id, prefix) }
            table[id].touched = stretch
            leftovers.append(id)
        } else {
            misplaced[prefix]?.removeAll { $0.key == route.key }
            if misplaced[prefix]?.isEmpty == true { misplaced[prefix] = nil }
        }
    }
}

/// Why the kernel refused a route, as far as it matters here.
package struct RouteProblem: Hashable, Sendable {
    /// A sentence.
    package let text: String
    /// EEXIST: some route holds the place.
    package let isOccupied: Bool
    /// ENOENT or ESRCH: there is no such route.
    package let isMissing: Bool

    package init(text: String, isOccupied: Bool = false, isMissing: Bool = false) {
        self.text = text
        self.isOccupied = isOccupied
        self.isMissing = isMissing
    }
}

extension RouteOperation {
    package var isDelete: Bool {
        if case .delete = self { true } else { false }
    }
}
