import NetTypes

/// The distinct sets of next hops that are desired, each resolved once: a node with 100,000 routes has a handful of
/// them.
struct NextHopSets: Sendable {
    /// Names a set in entries; small and comparable at once. Never 0, and given out again when nobody uses the set.
    typealias Handle = UInt32

    private struct Key: Hashable {
        let family: AddressFamily
        let nextHops: [DesiredNextHop]
        let isBlackhole: Bool

        func resolve(_ topology: Topology) -> Resolution {
            isBlackhole ? .blackhole : topology.resolve(nextHops, family: family)
        }
    }

    /// The kernel would not have a group for a set: until `due` its routes carry their next hops themselves.
    private struct Refusal {
        var attempts: Int
        var due: Instant
    }

    /// One with no users is free.
    private struct Slot {
        var key: Key
        var resolution: Resolution
        var users: Int
        /// Nexthop groups that follow the set; new routes use the first that fits.
        var groups: [UInt32] = []
        var refusal: Refusal?
    }

    /// More groups than this do not follow one set: routes on others are moved.
    private static let maximumGroups = 8

    private var handles: [Key: Handle] = [:]
    /// By handle - 1.
    private var slots: [Slot] = []
    private var free: [Handle] = []
    /// The set of the wish before: that of most wishes in a row.
    private var latest: (key: Key, handle: Handle)?
    private var refused: Set<Handle> = []
    /// Who is named in any of them.
    var gateways = GatewayCount()

    /// Counts a user in; every `retain` needs a `release`.
    mutating func retain(_ wish: FIBChange.Wish, _ family: AddressFamily, topology: Topology) -> Handle {
        let key = Key(family: family, nextHops: wish.isBlackhole ? [] : wish.nextHops, isBlackhole: wish.isBlackhole)
        if let latest, latest.key == key {
            slots[Int(latest.handle - 1)].users += 1
            return latest.handle
        }
        let handle = handles[key] ?? add(key, topology)
        slots[Int(handle - 1)].users += 1
        latest = (key, handle)
        return handle
    }

    private mutating func add(_ key: Key, _ topology: Topology) -> Handle {
        let slot = Slot(key: key, resolution: key.resolve(topology), users: 0)
        let handle: Handle
        if let last = free.popLast() {
            handle = last
            slots[Int(handle - 1)] = slot
        } else {
            slots.append(slot)
            handle = Handle(slots.count)
        }
        handles[key] = handle
        gateways.add(key.nextHops)
        return handle
    }

    /// Counts a user out. When that was the last one, the set is gone: returns the groups that follow none any more.
    mutating func release(_ handle: Handle) -> [UInt32]? {
        guard let slot = place(handle) else { return nil }
        slots[slot].users -= 1
        guard slots[slot].users == 0 else { return nil }
        let groups = slots[slot].groups
        handles[slots[slot].key] = nil
        gateways.remove(slots[slot].key.nextHops)
        slots[slot] = Slot(
            key: Key(family: .ipv4, nextHops: [], isBlackhole: false), resolution: .blackhole, users: 0)
        free.append(handle)
        refused.remove(handle)
        if latest?.handle == handle { latest = nil }
        return groups
    }

    /// Where a set is that somebody uses.
    private func place(_ handle: Handle) -> Int? {
        let place = Int(handle) - 1
        return slots.indices.contains(place) && slots[place].users > 0 ? place : nil
    }

    /// The wish for a prefix.
    func route(_ prefix: Prefix, _ handle: Handle) -> DesiredRoute {
        guard let slot = place(handle) else { return DesiredRoute(prefix: prefix, nextHops: []) }
        var route = DesiredRoute(prefix: prefix, nextHops: slots[slot].key.nextHops)
        route.isBlackhole = slots[slot].key.isBlackhole
        return route
    }

    func resolution(_ handle: Handle) -> Resolution {
        place(handle).map { slots[$0].resolution } ?? .unresolved("no next hop")
    }

    /// The next hops of a set that has any.
    func hops(_ handle: Handle) -> [RouteNextHop]? {
        guard case .resolved(let hops) = resolution(handle) else { return nil }
        return hops
    }

    /// Resolves all sets again and returns those that came out differently.
    mutating func update(_ topology: Topology) -> Set<Handle> {
        var changed: Set<Handle> = []
        for (place, slot) in slots.enumerated() where slot.users > 0 {
            let resolution = slot.key.resolve(topology)
            guard resolution != slot.resolution else { continue }
            slots[place].resolution = resolution
            slots[place].refusal = nil
            refused.remove(Handle(place + 1))
            changed.insert(Handle(place + 1))
        }
        return changed
    }

    /// The next hops of each set that has any.
    var resolved: some Sequence<[RouteNextHop]> {
        slots.lazy.filter { $0.users > 0 }.compactMap {
            if case .resolved(let hops) = $0.resolution { hops } else { nil }
        }
    }

    /// Whether any set leaves through the interface.
    func uses(_ interfaceIndex: UInt32) -> Bool {
        slots.contains {
            guard case .resolved(let hops) = $0.resolution else { return false }
            return hops.contains { $0.interfaceIndex == interfaceIndex }
        }
    }

    // MARK: Groups

    func groups(_ handle: Handle) -> [UInt32] { place(handle).map { slots[$0].groups } ?? [] }

    /// A group follows the set from now on; false: it has enough, or is gone.
    mutating func add(_ group: UInt32, to handle: Handle) -> Bool {
        guard let slot = place(handle), slots[slot].groups.count < Self.maximumGroups else { return false }
        slots[slot].groups.append(group)
        return true
    }

    mutating func drop(_ group: UInt32, of handle: Handle) {
        if let slot = place(handle) { slots[slot].groups.removeAll { $0 == group } }
    }

    /// Takes groups without routes from sets that have several, and returns them.
    mutating func dropSpares(_ hasRoutes: (UInt32) -> Bool) -> [UInt32] {
        var dropped: [UInt32] = []
        for (place, slot) in slots.enumerated() where slot.groups.count > 1 {
            var kept = slot.groups.filter(hasRoutes)
            if kept.isEmpty { kept = Array(slot.groups.prefix(1)) }
            dropped += slot.groups.filter { !kept.contains($0) }
            slots[place].groups = kept
        }
        return dropped
    }

    /// Whether routes of the set do without a group for now.
    func isRefused(_ handle: Handle) -> Bool { !refused.isEmpty && refused.contains(handle) }

    /// The kernel would not make or change a group: tried again after 1, 2, 4 ... 30 s.
    mutating func refuse(_ handle: Handle, at now: Instant) {
        guard let slot = place(handle) else { return }
        let attempts = (slots[slot].refusal?.attempts ?? 0) + 1
        slots[slot].refusal = Refusal(
            attempts: attempts, due: now + .seconds(min(1 << min(attempts - 1, 5), 30)))
        refused.insert(handle)
    }

    /// A group could be made: the set starts from the beginning. True: it had been refused.
    mutating func accept(_ handle: Handle) -> Bool {
        guard let slot = place(handle) else { return false }
        defer { slots[slot].refusal = nil }
        refused.remove(handle)
        return slots[slot].refusal != nil
    }

    /// When the next refused set is tried again.
    var nextRetry: Instant? { refused.compactMap { place($0).flatMap { slots[$0].refusal?.due } }.min() }

    /// Sets whose time has come.
    mutating func popDue(at now: Instant) -> [Handle] {
        if refused.isEmpty { return [] }
        let due = refused.filter { place($0).flatMap { slots[$0].refusal }.map { $0.due <= now } ?? true }
        refused.subtract(due)
        return Array(due)
    }
}
