import NetTypes

/// What the kernel says about one route.
package enum RouteObservation: Hashable, Sendable {
    /// It is there now. `isReplacing`: it took the place of another one, which the kernel does not name.
    case present(KernelRoute, isReplacing: Bool)
    case absent(KernelRoute)

    package var route: KernelRoute {
        switch self {
        case .present(let route, _), .absent(let route): route
        }
    }
}

/// Whose doing a change of routes was.
package enum RouteChangeCause: Hashable, Sendable {
    case ourselves
    /// A link or an address went away.
    case kernel
    case others
}

extension RouteLedger {
    /// Whether a route can matter: ours, or in a place of ours.
    package func concerns(_ route: KernelRoute) -> Bool {
        route.protocolID == settings.owner || route.key == settings.key(route.prefix)
    }

    // MARK: Full reading

    /// Starts a full reading; the owner tells every route, then ends it. No operations may run meanwhile.
    package mutating func beginReading() {
        reading = Reading(number: UInt32(truncatingIfNeeded: counters.readings &+ 1))
        count { $0.readings += 1 }
    }

    package mutating func read(_ route: KernelRoute) {
        guard concerns(route), reading != nil else { return }
        guard route.protocolID == settings.owner else {
            if reading?.foreign[route.prefix] == nil { reading?.foreign[route.prefix] = route }
            return
        }
        guard route.key == settings.key(route.prefix) else {
            reading?.misplaced[route.prefix, default: []].append(route)
            return
        }
        let id = table.insert(route.prefix)
        table[id].seen = reading?.number ?? 0
        if install(route, at: id) { enqueue(id) }
    }

    /// What was not read is not there.
    package mutating func endReading() {
        guard let reading else { return }
        self.reading = nil
        for id in table.ids where table[id].isInstalled && table[id].seen != reading.number {
            install(nil, at: id)
            if table[id].hops != nil || table[id].isAggregate { table[id].isHealing = true }
            enqueue(id)
        }
        for prefix in Set(foreign.keys).union(reading.foreign.keys) where foreign[prefix] != reading.foreign[prefix] {
            let id = table.insert(prefix)
            table[id].isReported = false
            retries.forget(prefix)
            enqueue(id)
        }
        if isConverged { for prefix in reading.misplaced.keys { enqueue(prefix) } }
        foreign = reading.foreign
        misplaced = reading.misplaced
        objects.mayHaveGarbage = true
    }

    /// A reading that broke off tells nothing.
    package mutating func abandonReading() { reading = nil }

    /// Routes of ours that are installed and not desired, per family: what an earlier run left.
    package func adopted(_ family: AddressFamily) -> Int {
        let placed = table.ids.lazy.filter { table[$0].isInstalled && table.prefix($0).family == family }.count
        return placed + misplaced.lazy.filter { $0.key.family == family }.reduce(0) { $0 + $1.value.count }
    }

    // MARK: Notifications

    /// Takes over a notification. Returns whether everything should be read again: the change may have come before or
    /// after one of ours that was not told.
    @discardableResult
    package mutating func observe(
        _ observation: RouteObservation, cause: RouteChangeCause, at now: Instant
    ) -> Bool {
        let route = observation.route
        guard concerns(route) else { return false }
        let id = table.find(route.prefix)
        let isDoubtful = cause != .ourselves && id.map { table[$0].touched == stretch } == true
        if route.protocolID == settings.owner {
            observeOurs(observation, id, cause: cause, at: now)
        } else {
            observeForeign(observation, id)
        }
        return isDoubtful
    }

    private mutating func observeOurs(
        _ observation: RouteObservation, _ known: RouteID?, cause: RouteChangeCause, at now: Instant
    ) {
        let prefix = observation.route.prefix
        guard observation.route.key == settings.key(prefix) else { return observeMisplaced(observation) }
        let id: RouteID
        let isNews: Bool
        switch observation {
        case .present(let route, let isReplacing):
            id = known ?? table.insert(prefix)
            isNews = install(route, at: id)
            if isReplacing { foreign[prefix] = nil }
        case .absent(let route):
            guard let known else { return }
            id = known
            isNews = install(remainder(of: prefix, table[id], without: route), at: id)
        }
        guard isNews else { return }
        if cause == .others { contest(id, prefix, at: now) }
        enqueue(id)
    }

    /// What is left when the kernel reports a removal: of IPv6 routes single next hops go, one by one.
    private func remainder(of prefix: Prefix, _ entry: RouteEntry, without gone: KernelRoute) -> KernelRoute? {
        guard prefix.family == .ipv6, gone.kind == .unicast, let installed = entry.installed,
            installed.kind == .unicast, installed.group == 0
        else { return nil }
        let left = lists[installed.list].filter { hop in
            !gone.nextHops.contains { $0.gateway == hop.gateway && $0.interfaceIndex == hop.interfaceIndex }
        }
        return left.isEmpty ? nil : settings.route(prefix, nextHops: left)
    }

    private mutating func observeMisplaced(_ observation: RouteObservation) {
        let route = observation.route
        forget(route)
        if case .present = observation { misplaced[route.prefix, default: []].append(route) }
        if isConverged { enqueue(route.prefix) }
    }

    private mutating func observeForeign(_ observation: RouteObservation, _ id: RouteID?) {
        let prefix = observation.route.prefix
        switch observation {
        case .present(let route, let isReplacing):
            foreign[prefix] = route
            if isReplacing, let id { install(nil, at: id) }
        case .absent(let route):
            guard foreign[prefix]?.protocolID == route.protocolID else { return }
            foreign[prefix] = nil
            retries.forget(prefix)
        }
        guard let id else { return }
        table[id].isReported = false
        enqueue(id)
    }

    /// Somebody took our route away or changed it: it comes back at once, unless that has become a fight.
    private mutating func contest(_ id: RouteID, _ prefix: Prefix, at now: Instant) {
        let entry = table[id]
        guard entry.hops != nil || entry.isAggregate, installedRoute(prefix, entry) != target(prefix, entry).route
        else {
            return
        }
        table[id].isHealing = true
        if let pause = contests.pause(prefix, at: now) {
            retries.fail(prefix, "another program keeps changing or removing it", after: pause, at: now)
        }
    }
}
