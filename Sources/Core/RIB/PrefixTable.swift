/// Prefixes as dense 32-bit identifiers: a slot array with linear probing over an array of keys.
///
/// Other tables (paths, what was announced to a peer) are plain arrays indexed by the identifier. Identifiers of
/// removed prefixes are given out again, so whoever keeps one must be counted (`FamilyRIB` does).
struct PrefixTable<Key: PrefixKey>: ~Copyable {
    private(set) var keys: [Key] = []
    private var slots: [UInt32]
    private var free: [UInt32] = []
    private var used = 0
    private let seed: UInt64

    /// `seed` should differ from process to process.
    init(seed: UInt64) {
        self.seed = seed
        slots = Array(repeating: 0, count: 16)
    }

    /// Prefixes in the table.
    var count: Int { used }

    /// Identifiers ever given out: the length that parallel arrays need.
    var capacity: Int { keys.count }

    func find(_ key: Key) -> UInt32? {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: key.hash(seed: seed)) & mask
        while slots[slot] != 0 {
            let id = slots[slot] - 1
            if keys[Int(id)] == key { return id }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// The identifier of `key`, and whether it was given just now.
    mutating func insert(_ key: Key) -> (id: UInt32, isNew: Bool) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: key.hash(seed: seed)) & mask
        while slots[slot] != 0 {
            let id = slots[slot] - 1
            if keys[Int(id)] == key { return (id, false) }
            slot = (slot + 1) & mask
        }
        let id: UInt32
        if let last = free.popLast() {
            id = last
            keys[Int(id)] = key
        } else {
            id = UInt32(keys.count)
            keys.append(key)
        }
        slots[slot] = id + 1
        used += 1
        if used * 3 > slots.count * 2 { grow() }
        return (id, true)
    }

    /// Removes `id`; the entries behind it move up, so no tombstones gather.
    mutating func remove(_ id: UInt32) {
        let mask = slots.count - 1
        var hole = Int(truncatingIfNeeded: keys[Int(id)].hash(seed: seed)) & mask
        while slots[hole] != id + 1 {
            if slots[hole] == 0 { return }
            hole = (hole + 1) & mask
        }
        var next = (hole + 1) & mask
        while slots[next] != 0 {
            let home = Int(truncatingIfNeeded: keys[Int(slots[next] - 1)].hash(seed: seed)) & mask
            if (next - home) & mask >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = 0
        free.append(id)
        used -= 1
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: 0, count: old.count * 2)
        let mask = slots.count - 1
        for entry in old where entry != 0 {
            var slot = Int(truncatingIfNeeded: keys[Int(entry - 1)].hash(seed: seed)) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = entry
        }
    }
}
