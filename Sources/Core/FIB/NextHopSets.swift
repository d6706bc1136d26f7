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

    private struct Slot {
        let key: Key
        var resolution: Resolution
        var users: Int
    }

    private var handles: [Key: Handle] = [:]
    private var slots: [Handle: Slot] = [:]
    private var last: Handle = 0

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
        return last
    }

    mutating func release(_ handle: Handle) {
        guard let slot = slots[handle] else { return }
        if slot.users > 1 {
            slots[handle]?.users -= 1
        } else {
            slots[handle] = nil
            handles[slot.key] = nil
        }
    }

    /// The wish for a prefix.
    func route(_ prefix: Prefix, _ handle: Handle) -> DesiredRoute {
        var route = DesiredRoute(prefix: prefix, nextHops: slots[handle]?.key.nextHops ?? [])
        route.isBlackhole = slots[handle]?.key.isBlackhole ?? false
        return route
    }

    func resolution(_ handle: Handle) -> Resolution { slots[handle]?.resolution ?? .unresolved("no next hop") }

    /// Resolves all sets again and returns those that came out differently.
    mutating func update(_ topology: Topology) -> Set<Handle> {
        var changed: Set<Handle> = []
        for (handle, slot) in slots {
            let resolution = slot.key.resolve(topology)
            if resolution != slot.resolution {
                slots[handle]?.resolution = resolution
                changed.insert(handle)
            }
        }
        return changed
    }

    /// Whether any set leaves through the interface.
    func uses(_ interfaceIndex: UInt32) -> Bool {
        slots.values.contains {
            guard case .resolved(let hops) = $0.resolution else { return false }
            return hops.contains { $0.interfaceIndex == interfaceIndex }
        }
    }
}
