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
    var table: RouteTable
    /// What installed routes carry themselves.
    var lists = NextHopLists()
    /// Routes of ours in another table or with another metric: a former configuration's.
    var misplaced: [Prefix: [KernelRoute]] = [:]
    /// Foreign routes that hold our place.
    var foreign: [Prefix: KernelRoute] = [:]
    var queue = WorkQueue()
    var retries = RetryCalendar()
    var contests = ContestCounter()
    var reading: Reading?
    /// Whether notifications of our own changes of routes are told too. Without them nobody can say whether a change of
    /// somebody else's came before or after one of ours that was not answered by `drained` yet.
    package var hearsEchoes = true
    /// Counts `drained`; never 0.
    private(set) var stretch: UInt32 = 1
    /// Entries of removed routes that are kept until `drained`: for what others did before, see `observe`.
    var leftovers: [RouteID] = []
    var ownRoutes = OwnRouteWatch()

    /// A full reading of the kernel's routes that is under way.
    struct Reading: Sendable {
        var number: UInt32
        var foreign: [Prefix: KernelRoute] = [:]
        var misplaced: [Prefix: [KernelRoute]] = [:]
    }

    /// What the owner of the ledger may want to tell.
    package enum Note: Hashable, Sendable {
        case healed(Prefix)
        case conflict(Prefix, protocolID: UInt8)
        case unresolved(Prefix, String)
        /// Groups changed in place, and the routes on them with it.
        case regrouped(groups: Int, routes: Int)
    }

    /// `seed` keys the table of prefixes: it should differ from process to process, for peers choose the prefixes.
    package init(_ settings: RouteSettings, topology: Topology = Topology(), seed: UInt64 = 0) {
        self.settings = settings
        self.topology = topology
        objects = NextHopObjects(owner: settings.owner)
        table = RouteTable(seed: seed)
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
        guard let id = change.isRemoval ? table.find(prefix) : table.insert(prefix) else { return }
        var entry = table[id]
        let old = entry.hops
        entry.hops = change.wish.map { sets.retain($0, prefix.family, topology: topology) }
        if let old { release(old) }
        guard entry.hops != old else { return }
        ownRoutes.changed(prefix)
        entry.wasDesired = entry.wasDesired || entry.hops != nil
        touch(id, prefix, entry)
    }

    /// The node's own prefixes, which are `unreachable` as a whole.
    package mutating func setAggregates(_ prefixes: [Prefix]) {
        let wanted = Set(prefixes)
        let present = Set(table.ids.filter { table[$0].isAggregate }.map { table.prefix($0) })
        for prefix in wanted.symmetricDifference(present) {
            let id = table.insert(prefix)
            var entry = table[id]
            entry.isAggregate = wanted.contains(prefix)
            entry.wasDesired = true
            touch(id, prefix, entry)
        }
    }

    /// From now on routes of ours that nobody desires go; returns how many there are.
    package mutating func converge() -> Int {
        guard !isConverged else { return 0 }
        isConverged = true
        objects.mayHaveGarbage = true
        var stale = 0
        for id in table.ids where table[id].isInstalled && table[id].hops == nil && !table[id].isAggregate {
            stale += 1
            enqueue(id)
        }
        for prefix in misplaced.keys { enqueue(prefix) }
        return stale + misplaced.values.reduce(0) { $0 + $1.count }
    }

    /// Wants nothing any more, and removes all of ours.
    package mutating func withdrawAll() {
        isConverged = true
        for id in table.ids where table[id].isKnown {
            if let hops = table[id].hops { release(hops) }
            table[id].hops = nil
            table[id].isAggregate = false
            enqueue(id)
        }
        for prefix in misplaced.keys { enqueue(prefix) }
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
        for id in table.ids {
            guard let hops = table[id].hops, changed.contains(hops) else { continue }
            // Its group does all there is to do.
            if let group = table[id].installed?.group, objects.owners[group] == hops, sets.hops(hops) != nil {
                continue
            }
            table[id].isReported = false
            retries.forget(table.prefix(id))
            enqueue(id)
        }
    }

    /// Whether losing the interface can have removed routes of ours: the kernel does not tell that of IPv4.
    package func depends(on interfaceIndex: UInt32) -> Bool {
        !isConverged || sets.uses(interfaceIndex) || objects.uses(interfaceIndex)
    }

    /// A new wish is tried at once, whatever failed before.
    private mutating func touch(_ id: RouteID, _ prefix: Prefix, _ entry: RouteEntry) {
        table[id] = entry
        table[id].isReported = false
        retries.forget(prefix)
        enqueue(id)
    }

    // MARK: Entries

    mutating func enqueue(_ id: RouteID) {
        guard !table[id].isQueued else { return }
        table[id].isQueued = true
        queue.append(id)
    }

    /// Also where the ledger has nothing of ours: a route of ours may be elsewhere.
    mutating func enqueue(_ prefix: Prefix) { enqueue(table.insert(prefix)) }

    /// Lets go of an entry that says nothing. Whoever empties one queues it.
    mutating func dropIfEmpty(_ id: RouteID, _ prefix: Prefix) {
        guard table[id].isEmpty, !table[id].isQueued else { return }
        table.remove(id)
        if misplaced[prefix] == nil { retries.forget(prefix) }
    }

    /// Every notification of what happened until now has been taken over.
    package mutating func drained() {
        stretch = stretch == .max ? 1 : stretch + 1
        for id in leftovers where table[id].isKnown { dropIfEmpty(id, table.prefix(id)) }
        leftovers.removeAll(keepingCapacity: leftovers.count < 4096)
    }

    /// Whether `drained` has something to let go of.
    package var hasLeftovers: Bool { !leftovers.isEmpty }

    mutating func count(_ change: (inout FIBCounters) -> Void) { change(&counters) }

    package mutating func countOverrun() { counters.overruns += 1 }
}
