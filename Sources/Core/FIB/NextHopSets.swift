import NetTypes

/// The distinct sets of next hops that are desired, each resolved once: a node with 100,000 routes has a handful of
/// them.
struct NextHopSets: Sendable {
    /// Names a set in `Entry`s; small and comparable at once.
    typealias Handle = UInt32

    private struct Key: Hashable {
        let family: AddressFamily
        let nextHops: [DesiredNextHop]
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
    mutating func retain(_ nextHops: [DesiredNextHop], family: AddressFamily, topology: Topology) -> Handle {
        let key = Key(family: family, nextHops: nextHops)
        if let handle = handles[key] {
            slots[handle]?.users += 1
            return handle
        }
        repeat { last &+= 1 } while slots[last] != nil
        handles[key] = last
        slots[last] = Slot(key: key, resolution: topology.resolve(nextHops, family: family), users: 1)
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

    func nextHops(_ handle: Handle) -> [DesiredNextHop] { slots[handle]?.key.nextHops ?? [] }

    func resolution(_ handle: Handle) -> Resolution { slots[handle]?.resolution ?? .unresolved("no next hop") }

    /// Resolves all sets again and returns those that came out differently.
    mutating func update(_ topology: Topology) -> Set<Handle> {
        var changed: Set<Handle> = []
        for (handle, slot) in slots {
            let resolution = topology.resolve(slot.key.nextHops, family: slot.key.family)
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
