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
        var hops: [RouteNextHop] = []
        if route.nextHopID == 0 {
            hops = reading?.shared[route.nextHops] ?? route.nextHops
            reading?.shared[hops] = hops
        }
        var entry = entries[route.prefix] ?? Entry()
        let found = Installed(route, nextHops: hops)
        entry.seen = reading?.number ?? 0
        let isNews = entry.installed != found
        install(found, in: &entry)
        entries[route.prefix] = entry
        if isNews { queue.append(route.prefix) }
    }

    /// What was not read is not there.
    package mutating func endReading() {
        guard let reading else { return }
        self.reading = nil
        for (prefix, entry) in entries where entry.installed != nil && entry.seen != reading.number {
            uninstall(prefix)
            if entry.hops != nil || entry.isAggregate { healing.insert(prefix) }
            queue.append(prefix)
        }
        for prefix in Set(foreign.keys).union(reading.foreign.keys) where foreign[prefix] != reading.foreign[prefix] {
            entries[prefix]?.isReported = false
            retries.forget(prefix)
            queue.append(prefix)
        }
        if isConverged { for prefix in reading.misplaced.keys { queue.append(prefix) } }
        foreign = reading.foreign
        misplaced = reading.misplaced
        objects.mayHaveGarbage = true
    }

    /// A reading that broke off tells nothing.
    package mutating func abandonReading() { reading = nil }

    /// Routes of ours that are installed and not desired, per family: what an earlier run left.
    package func adopted(_ family: AddressFamily) -> Int {
        let placed = entries.lazy.filter { $0.key.family == family && $0.value.installed != nil }.count
        return placed + misplaced.lazy.filter { $0.key.family == family }.reduce(0) { $0 + $1.value.count }
    }

    // MARK: Notifications

    /// Takes over a notification.
    package mutating func observe(_ observation: RouteObservation, cause: RouteChangeCause, at now: Instant) {
        let route = observation.route
        guard concerns(route) else { return }
        if route.protocolID == settings.owner {
            observeOurs(observation, cause: cause, at: now)
        } else {
            observeForeign(observation, at: now)
        }
    }

    private mutating func observeOurs(_ observation: RouteObservation, cause: RouteChangeCause, at now: Instant) {
        let prefix = observation.route.prefix
        guard observation.route.key == settings.key(prefix) else { return observeMisplaced(observation) }
        var entry = entries[prefix] ?? Entry()
        let before = entry.installed
        switch observation {
        case .present(let route, let isReplacing):
            install(Installed(route), in: &entry)
            if isReplacing { foreign[prefix] = nil }
        case .absent(let route):
            install(before.flatMap { $0.without(route) }, in: &entry)
        }
        guard entry.installed != before else { return }
        entries[prefix] = entry
        if cause == .others { contest(prefix, entry, at: now) }
        queue.append(prefix)
        dropIfEmpty(prefix)
    }

    private mutating func observeMisplaced(_ observation: RouteObservation) {
        let route = observation.route
        forget(route)
        if case .present = observation { misplaced[route.prefix, default: []].append(route) }
        if isConverged { queue.append(route.prefix) }
    }

    private mutating func observeForeign(_ observation: RouteObservation, at now: Instant) {
        let prefix = observation.route.prefix
        switch observation {
        case .present(let route, let isReplacing):
            foreign[prefix] = route
            if isReplacing, entries[prefix] != nil { uninstall(prefix) }
        case .absent(let route):
            guard foreign[prefix]?.protocolID == route.protocolID else { return }
            foreign[prefix] = nil
            retries.forget(prefix)
        }
        guard entries[prefix] != nil else { return }
        entries[prefix]?.isReported = false
        queue.append(prefix)
    }

    /// Somebody took our route away or changed it: it comes back at once, unless that has become a fight.
    private mutating func contest(_ prefix: Prefix, _ entry: Entry, at now: Instant) {
        guard entry.hops != nil || entry.isAggregate, installedRoute(prefix, entry) != target(prefix, entry).route
        else {
            return
        }
        healing.insert(prefix)
        if let pause = contests.pause(prefix, at: now) {
            retries.fail(prefix, "another program keeps changing or removing it", after: pause, at: now)
        }
    }
}

extension RouteLedger.Installed {
    /// What is left when the kernel reports a removal: of IPv6 routes single next hops go, one by one.
    func without(_ route: KernelRoute) -> Self? {
        guard route.prefix.family == .ipv6, kind == .unicast, route.kind == .unicast else { return nil }
        let left = nextHops.filter { hop in
            !route.nextHops.contains { $0.gateway == hop.gateway && $0.interfaceIndex == hop.interfaceIndex }
        }
        guard group == 0, !left.isEmpty else { return nil }
        var rest = self
        rest.nextHops = left
        return rest
    }
}
