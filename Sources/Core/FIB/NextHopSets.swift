import NetTypes

/// The distinct sets of next hops that are desired, each resolved once: a node with 100,000 routes has a handful of
/// them.
struct NextHopSets: Sendable {
    /// Names a set in `Entry`s; small and comparable at once.
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

    private struct Slot {
        let key: Key
        var resolution: Resolution
        var users: Int
        /// Nexthop groups that follow the set; new routes use the first that fits.
        var groups: [UInt32] = []
        var refusal: Refusal?
    }

    /// More groups than this do not follow one set: routes on others are moved.
    private static let maximumGroups = 8

    private var handles: [Key: Handle] = [:]
    private var slots: [Handle: Slot] = [:]
    private var last: Handle = 0
    private var refused: Set<Handle> = []
    /// Who is named in any of them.
    var gateways = GatewayCount()

    /// Counts a user in; every `retain` needs a `release`.
    mutating func retain(_ route: DesiredRoute, topology: Topology) -> Handle {
        let key = Key(
            family: route.prefix.family, nextHops: route.isBlackhole ? [] : route.nextHops,
            isBlackhole: route.isBlackhole)
        if let handle = handles[key] {
            slots[handle]?.users += 1
            return handle
        }
        repeat { last &+= 1 } while slots[last] != nil
        handles[key] = last
        slots[last] = Slot(key: key, resolution: key.resolve(topology), users: 1)
        gateways.add(key.nextHops)
        return last
    }

    /// Counts a user out; returns the groups that follow no set any more.
    mutating func release(_ handle: Handle) -> [UInt32] {
        guard let slot = slots[handle] else { return [] }
        if slot.users > 1 {
            slots[handle]?.users -= 1
            return []
        }
        slots[handle] = nil
        handles[slot.key] = nil
        gateways.remove(slot.key.nextHops)
        refused.remove(handle)
        return slot.groups
    }

    /// The wish for a prefix.
    func route(_ prefix: Prefix, _ handle: Handle) -> DesiredRoute {
        var route = DesiredRoute(prefix: prefix, nextHops: slots[handle]?.key.nextHops ?? [])
        route.isBlackhole = slots[handle]?.key.isBlackhole ?? false
        return route
    }

    func resolution(_ handle: Handle) -> Resolution { slots[handle]?.resolution ?? .unresolved("no next hop") }

    /// The next hops of a set that has any.
    func hops(_ handle: Handle) -> [RouteNextHop]? {
        guard case .resolved(let hops) = resolution(handle) else { return nil }
        return hops
    }

    /// Resolves all sets again and returns those that came out differently.
    mutating func update(_ topology: Topology) -> Set<Handle> {
        var changed: Set<Handle> = []
        for (handle, slot) in slots {
            let resolution = slot.key.resolve(topology)
            if resolution != slot.resolution {
                slots[handle]?.resolution = resolution
                slots[handle]?.refusal = nil
                refused.remove(handle)
                changed.insert(handle)
            }
        }
        return changed
    }

    /// The next hops of each set that has any.
    var resolved: some Sequence<[RouteNextHop]> {
        slots.values.lazy.compactMap { if case .resolved(let hops) = $0.resolution { hops } else { nil } }
    }

    /// Whether any set leaves through the interface.
    func uses(_ interfaceIndex: UInt32) -> Bool {
        slots.values.contains {
            guard case .resolved(let hops) = $0.resolution else { return false }
            return hops.contains { $0.interfaceIndex == interfaceIndex }
        }
    }

    // MARK: Groups

    func groups(_ handle: Handle) -> [UInt32] { slots[handle]?.groups ?? [] }

    /// A group follows the set from now on; false: it has enough, or is gone.
    mutating func add(_ group: UInt32, to handle: Handle) -> Bool {
        guard let slot = slots[handle], slot.groups.count < Self.maximumGroups else { return false }
        slots[handle]?.groups.append(group)
        return true
    }

    mutating func drop(_ group: UInt32, of handle: Handle) { slots[handle]?.groups.removeAll { $0 == group } }

    /// Takes groups without routes from sets that have several, and returns them.
    mutating func dropSpares(_ hasRoutes: (UInt32) -> Bool) -> [UInt32] {
        var dropped: [UInt32] = []
        for (handle, slot) in slots where slot.groups.count > 1 {
            var kept = slot.groups.filter(hasRoutes)
            if kept.isEmpty { kept = Array(slot.groups.prefix(1)) }
            dropped += slot.groups.filter { !kept.contains($0) }
            slots[handle]?.groups = kept
        }
        return dropped
    }

    /// Whether routes of the set do without a group for now.
    func isRefused(_ handle: Handle) -> Bool { refused.contains(handle) }

    /// The kernel would not make or change a group: tried again after 1, 2, 4 ... 30 s.
    mutating func refuse(_ handle: Handle, at now: Instant) {
        guard let slot = slots[handle] else { return }
        let attempts = (slot.refusal?.attempts ?? 0) + 1
        slots[handle]?.refusal = Refusal(
            attempts: attempts, due: now + .seconds(min(1 << min(attempts - 1, 5), 30)))
        refused.insert(handle)
    }

    /// A group could be made: the set starts from the beginning. True: it had been refused.
    mutating func accept(_ handle: Handle) -> Bool {
        let was = slots[handle]?.refusal != nil
        slots[handle]?.refusal = nil
        refused.remove(handle)
        return was
    }

    /// When the next refused set is tried again.
    var nextRetry: Instant? { refused.compactMap { slots[$0]?.refusal?.due }.min() }

    /// Sets whose time has come.
    mutating func popDue(at now: Instant) -> [Handle] {
        if refused.isEmpty { return [] }
        let due = refused.filter { slots[$0]?.refusal.map { $0.due <= now } ?? true }
        refused.subtract(due)
        return Array(due)
    }
}
