import NetTypes

extension RouteLedger {
    /// What the kernel shall have for a prefix: nil for nothing, with the reason if that is not what was wished.
    func target(_ prefix: Prefix, _ entry: Entry) -> (route: KernelRoute?, reason: String?) {
        if entry.isAggregate { return (settings.unreachable(prefix), nil) }
        guard let hops = entry.hops else { return (nil, nil) }
        switch sets.resolution(hops) {
        case .resolved(let nextHops):
            var route = settings.route(prefix, nextHops: nextHops)
            route.nextHopID = group(for: hops, nextHops, entry)
            return (route, nil)
        case .blackhole: return (settings.blackhole(prefix), nil)
        case .unresolved(let reason): return (nil, reason)
        }
    }

    func installedRoute(_ prefix: Prefix, _ entry: Entry) -> KernelRoute? {
        entry.installed.map {
            let nextHops = $0.group == 0 ? $0.nextHops : objects.content($0.group) ?? []
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
        for prefix in retries.popDue(at: now) { queue.append(prefix) }
        requeueEdited()
        var plan = RoutePlan()
        while plan.operations.count < limit, let prefix = queue.popFirst() {
            guard !retries.isWaiting(prefix, at: now) else { continue }
            let entry = entries[prefix] ?? Entry()
            if waitsForGroup(entry) {
                queue.append(prefix)
                break
            }
            let before = plan.operations.count
            work(prefix, entry, into: &plan)
            if plan.operations.count == before, !healing.isEmpty { healing.remove(prefix) }
        }
        return plan.operations
    }

    private mutating func work(_ prefix: Prefix, _ entry: Entry, into plan: inout RoutePlan) {
        let (target, reason) = target(prefix, entry)
        if let reason, !entry.isReported {
            entries[prefix]?.isReported = true
            note(.unresolved(prefix, reason))
        }
        var installed = misplaced[prefix] ?? []
        if let mine = installedRoute(prefix, entry) { installed.append(mine) }
        if let other = foreign[prefix] { installed.append(other) }
        if let target, target.nextHopID != 0, let hops = entry.hops { adopt(target.nextHopID, by: hops) }
        if let target, installed.isEmpty { return plan.operations.append(.add(target)) }
        let before = plan.conflicts.count
        let sweep = isConverged || (entry.wasDesired && target == nil)
        plan.add(desired: target, installed: installed, owner: settings.owner, sweepStale: sweep)
        if plan.conflicts.count > before, let other = foreign[prefix], !entry.isReported {
            entries[prefix]?.isReported = true
            note(.conflict(prefix, protocolID: other.protocolID))
        }
        dropIfEmpty(prefix)
    }

    /// Takes over how an operation ended. `problem` is nil when it succeeded; returns whether everything should be read
    /// again, because the kernel does not have what the ledger believes.
    package mutating func finish(_ operation: RouteOperation, problem: RouteProblem?, at now: Instant) -> Bool {
        let prefix = operation.prefix
        if let problem, !(problem.isMissing && operation.isDelete) {
            count { $0.failed += 1 }
            healing.remove(prefix)
            if problem.isMissing, case .replace = operation {
                // Taken away under our hands, and its notification is still to come: installing it afresh is next.
                uninstall(prefix)
                queue.append(prefix)
                return true
            }
            retries.fail(prefix, problem.text, at: now)
            return problem.isOccupied
        }
        retries.forget(prefix)
        switch operation {
        case .add(let route), .replace(let route):
            let place = entries.index(forKey: prefix)
            var entry = place.map { entries.values[$0] } ?? Entry()
            install(Installed(route), in: &entry)
            entry.isReported = false
            if let place { entries.values[place] = entry } else { entries[prefix] = entry }
            if !healing.isEmpty, healing.remove(prefix) != nil {
                count { $0.healed += 1 }
                note(.healed(prefix))
            }
            if case .add = operation { count { $0.installed += 1 } } else { count { $0.replaced += 1 } }
        case .delete(let route):
            forget(route)
            count { $0.removed += 1 }
            dropIfEmpty(prefix)
        }
        return false
    }

    /// A route of ours is not in the kernel any more.
    mutating func forget(_ route: KernelRoute) {
        if route.key == settings.key(route.prefix) {
            uninstall(route.prefix)
        } else {
            misplaced[route.prefix]?.removeAll { $0.key == route.key }
            if misplaced[route.prefix]?.isEmpty == true { misplaced[route.prefix] = nil }
        }
    }

    mutating func dropIfEmpty(_ prefix: Prefix) {
        guard let entry = entries[prefix], entry.hops == nil, !entry.isAggregate, entry.installed == nil else { return }
        entries[prefix] = nil
        retries.forget(prefix)
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
