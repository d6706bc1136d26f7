/// The identifiers of a table by the hash of what they stand for: open addressing with linear probing.
///
/// A slot holds identifier and hash, so that passing over others, removing and growing look at no key: each key is a
/// miss of the caches.
package struct SlotIndex: Sendable {
    /// Hash in the upper half, identifier + 1 in the lower one; 0 is free.
    private var slots: [UInt64] = Array(repeating: 0, count: 16)
    /// Identifiers in it.
    package private(set) var count = 0

    package init() {}

    /// The identifier with this hash that `isMatch` says is the one.
    @inline(__always)
    package func find(_ hash: UInt32, _ isMatch: (UInt32) -> Bool) -> UInt32? {
        let mask = slots.count - 1
        var slot = Int(hash) & mask
        while slots[slot] != 0 {
            let entry = slots[slot]
            let id = UInt32(truncatingIfNeeded: entry) &- 1
            if Self.hash(entry) == hash, isMatch(id) { return id }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Some bits of the place of a hash.
    @inline(__always)
    package func warm(_ hash: UInt32) -> UInt32 { UInt32(truncatingIfNeeded: slots[Int(hash) & (slots.count - 1)]) }

    /// Puts in an identifier that is not there.
    @inline(__always)
    package mutating func insert(_ hash: UInt32, _ id: UInt32) {
        Self.place(UInt64(hash) << 32 | UInt64(id + 1), in: &slots)
        count += 1
        if count * 3 > slots.count * 2 { grow() }
    }

    /// Takes out an identifier; the entries behind it move up, so no tombstones gather.
    @inline(__always)
    package mutating func remove(_ hash: UInt32, _ id: UInt32) {
        let mask = slots.count - 1
        let entry = UInt64(hash) << 32 | UInt64(id + 1)
        var hole = Int(hash) & mask
        while slots[hole] != entry {
            if slots[hole] == 0 { return }
            hole = (hole + 1) & mask
        }
        var next = (hole + 1) & mask
        while slots[next] != 0 {
            let home = Int(Self.hash(slots[next])) & mask
            if (next - home) & mask >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = 0
        count -= 1
    }

    private mutating func grow() {
        var larger = [UInt64](repeating: 0, count: slots.count * 2)
        for entry in slots where entry != 0 { Self.place(entry, in: &larger) }
        slots = larger
    }

    @inline(__always)
    private static func place(_ entry: UInt64, in slots: inout [UInt64]) {
        let mask = slots.count - 1
        var slot = Int(hash(entry)) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = entry
    }

    @inline(__always)
    private static func hash(_ entry: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: entry >> 32) }
}
