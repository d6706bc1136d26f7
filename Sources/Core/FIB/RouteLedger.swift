import NetTypes

/// The book of the kernel's routes: what is desired, what is installed, and what is to be done about the difference.
///
/// It touches nothing itself. Its owner tells it wishes, what the kernel has (a full reading, then every notification
/// in the kernel's order) and how operations ended, and asks it for the next operations.
package struct RouteLedger: Sendable {
    package let settings: RouteSettings
    package private(set) var counters = FIBCounters()
    /// Whether routes of an earlier run that nobody desires are removed.
    package private(set) var isConverged = false
    /// What is worth telling since the last look.
    private var notes: [Note] = []

    var topology: Topology
    var sets = NextHopSets()
    /// The kernel's nexthop objects.
    var objects: NextHopObjects
    var entries: [Prefix: Entry] = [:]
    /// Routes of ours in another table or with another metric: a former configuration's.
    var misplaced: [Prefix: [KernelRoute]] = [:]
    /// Foreign routes that hold our place.
    var foreign: [Prefix: KernelRoute] = [:]
    var queue = DirtyQueue()
    var retries = RetryCalendar()
    var contests = ContestCounter()
    /// Prefixes whose route somebody else took away, to be told when they are back.
    var healing: Set<Prefix> = []
    var reading: Reading?
    var ownRoutes = OwnRouteWatch()

    struct Entry: Sendable {
        /// The desired next hops; nil when none are.
        var hops: NextHopSets.Handle?
        var isAggregate = false
        /// Whether this run has wanted it: then it may be removed before convergence.
        var wasDesired = false
        /// What the kernel has of ours in our place.
        var installed: Installed?
        /// Told once, until it is resolved.
        var isReported = false
        /// The last full reading that saw it.
        var seen: UInt32 = 0
    }

    struct Installed: Sendable, Equatable {
        var kind: RouteKind
        /// What the route carries itself; empty when it uses a group.
        var nextHops: [RouteNextHop]
        /// The nexthop object that it uses, or 0.
        var group: UInt32 = 0

        init(_ route: KernelRoute, nextHops: [RouteNextHop]? = nil) {
            kind = route.kind
            group = route.nextHopID
            self.nextHops = group == 0 ? nextHops ?? route.nextHops : []
        }
    }

    /// A full reading of the kernel's routes that is under way.
    struct Reading: Sendable {
        var number: UInt32
        var foreign: [Prefix: KernelRoute] = [:]
        var misplaced: [Prefix: [KernelRoute]] = [:]
        /// One array for all routes with the same next hops.
        var shared: [[RouteNextHop]: [RouteNextHop]] = [:]
    }

    /// What the owner of the ledger may want to tell.
    package enum Note: Hashable, Sendable {
        case healed(Prefix)
        case conflict(Prefix, protocolID: UInt8)
        case unresolved(Prefix, String)
        /// Groups changed in place, and the routes on them with it.
        case regrouped(groups: Int, routes: Int)
    }

    package init(_ settings: RouteSettings, topology: Topology = Topology()) {
        self.settings = settings
        self.topology = topology
        objects = NextHopObjects(owner: settings.owner)
    }

    package mutating func takeNotes() -> [Note] {
        defer { notes = [] }
        return notes
    }

    mutating func note(_ note: Note) { notes.append(note) }

    // MARK: Wishes

    /// Takes over the latest wish for a prefix.
    package mutating func set(_ change: FIBChange) {
        let prefix = change.prefix
        let place = entries.index(forKey: prefix)
        var entry = place.map { entries.values[$0] } ?? Entry()
        let old = entry.hops
        entry.hops = change.route.map { sets.retain($0, topology: topology) }
        if let old { release(old) }
        guard entry.hops != old else { return }
        ownRoutes.changed(prefix)
        entry.wasDesired = entry.wasDesired || entry.hops != nil
        entry.isReported = false
        if let place { entries.values[place] = entry } else { entries[prefix] = entry }
        retries.forget(prefix)
        queue.append(prefix)
    }

    /// The node's own prefixes, which are `unreachable` as a whole.
    package mutating func setAggregates(_ prefixes: [Prefix]) {
        let wanted = Set(prefixes)
        let present = Set(entries.lazy.filter(\.value.isAggregate).map(\.key))
        for prefix in wanted.symmetricDifference(present) {
            var entry = entries[prefix] ?? Entry()
            entry.isAggregate = wanted.contains(prefix)
            entry.wasDesired = true
            touch(prefix, entry)
        }
    }

    /// From now on routes of ours that nobody desires go; returns how many there are.
    package mutating func converge() -> Int {
        guard !isConverged else { return 0 }
        isConverged = true
        objects.mayHaveGarbage = true
        let stale = entries.filter { $0.value.installed != nil && $0.value.hops == nil && !$0.value.isAggregate }.keys
        for prefix in stale { queue.append(prefix) }
        for prefix in misplaced.keys { queue.append(prefix) }
        return stale.count + misplaced.values.reduce(0) { $0 + $1.count }
    }

    /// Wants nothing any more, and removes all of ours.
    package mutating func withdrawAll() {
        isConverged = true
        for (prefix, entry) in entries {
            if let hops = entry.hops { release(hops) }
            entries[prefix]?.hops = nil
            entries[prefix]?.isAggregate = false
            queue.append(prefix)
        }
        for prefix in misplaced.keys { queue.append(prefix) }
        retries = RetryCalendar()
    }

    /// The interfaces changed: routes whose next hops are reached differently are looked at again.
    package mutating func update(_ topology: Topology) {
        let known = self.topology.ownRoutes
        self.topology = topology
        self.topology.ownRoutes = known
        ownRoutes.isDirty = true
        resolveAgain()
    }

    /// Looks at all sets of next hops again, and at the routes of those that came out differently.
    mutating func resolveAgain() {
        let changed = sets.update(topology)
        guard !changed.isEmpty else { return }
        for handle in changed { objects.dirty.formUnion(sets.groups(handle)) }
        for (prefix, entry) in entries {
            guard let hops = entry.hops, changed.contains(hops) else { continue }
            // Its group does all there is to do.
            if let group = entry.installed?.group, objects.owners[group] == hops, sets.hops(hops) != nil { continue }
            entries[prefix]?.isReported = false
            retries.forget(prefix)
            queue.append(prefix)
        }
    }

    /// Whether losing the interface can have removed routes of ours: the kernel does not tell that of IPv4.
    package func depends(on interfaceIndex: UInt32) -> Bool {
        !isConverged || sets.uses(interfaceIndex) || objects.uses(interfaceIndex)
    }

    /// A new wish is tried at once, whatever failed before.
    private mutating func touch(_ prefix: Prefix, _ entry: Entry) {
        entries[prefix] = entry
        retries.forget(prefix)
        queue.append(prefix)
    }

    mutating func count(_ change: (inout FIBCounters) -> Void) { change(&counters) }

    package mutating func countOverrun() { counters.overruns += 1 }
}
