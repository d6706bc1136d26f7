import BGPWire
import NetTypes

/// Every distinct attribute set once, counted, behind a 32-bit handle.
package struct AttributeStore: ~Copyable {
    private var sets: [PathAttributes?] = []
    private var hashes: [UInt64] = []
    private var counts: [UInt32] = []
    private var slots: [UInt32] = Array(repeating: 0, count: 16)
    private var free: [UInt32] = []
    private var used = 0
    let seed: UInt64

    init(seed: UInt64) { self.seed = seed }

    /// Distinct sets in use.
    package var count: Int { used }

    /// The set behind a handle that `intern` gave and that is still counted.
    package subscript(handle handle: UInt32) -> PathAttributes {
        guard let set = sets[Int(handle)] else { preconditionFailure("attribute handle \(handle) is not in use") }
        return set
    }

    @inline(__always)
    func summary(_ handle: UInt32) -> PathAttributes.Summary {
        guard let set = sets[Int(handle)] else { preconditionFailure("attribute handle \(handle) is not in use") }
        return set.summary
    }

    /// The handle of `set`, which now counts one user more.
    mutating func intern(_ set: PathAttributes) -> UInt32 {
        let hash = Self.hash(set, seed: seed)
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let handle = Int(slots[slot] - 1)
            if hashes[handle] == hash, sets[handle] == set {
                counts[handle] += 1
                return UInt32(handle)
            }
            slot = (slot + 1) & mask
        }
        let handle = allocate(set, hash: hash)
        slots[slot] = handle + 1
        used += 1
        if used * 3 > slots.count * 2 { grow() }
        return handle
    }

    mutating func retain(_ handle: UInt32) { counts[Int(handle)] += 1 }

    mutating func release(_ handle: UInt32) {
        counts[Int(handle)] -= 1
        if counts[Int(handle)] == 0 { remove(handle) }
    }

    private mutating func allocate(_ set: PathAttributes, hash: UInt64) -> UInt32 {
        if let handle = free.popLast() {
            sets[Int(handle)] = set
            hashes[Int(handle)] = hash
            counts[Int(handle)] = 1
            return handle
        }
        sets.append(set)
        hashes.append(hash)
        counts.append(1)
        return UInt32(sets.count - 1)
    }

    private mutating func remove(_ handle: UInt32) {
        let mask = slots.count - 1
        var hole = Int(truncatingIfNeeded: hashes[Int(handle)]) & mask
        while slots[hole] != handle + 1 {
            if slots[hole] == 0 { return }
            hole = (hole + 1) & mask
        }
        var next = (hole + 1) & mask
        while slots[next] != 0 {
            let home = Int(truncatingIfNeeded: hashes[Int(slots[next] - 1)]) & mask
            if (next - home) & mask >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = 0
        sets[Int(handle)] = nil
        free.append(handle)
        used -= 1
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: 0, count: old.count * 2)
        let mask = slots.count - 1
        for entry in old where entry != 0 {
            var slot = Int(truncatingIfNeeded: hashes[Int(entry - 1)]) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = entry
        }
    }

    /// Eight octets a step; the standard Hasher was measured to cost a third of a whole table's load.
    private static func hash(_ set: PathAttributes, seed: UInt64) -> UInt64 {
        let bytes = set.bytes.span.bytes
        var value = seed ^ UInt64(bytes.byteCount)
        var offset = 0
        while offset + 8 <= bytes.byteCount {
            value = fold(value ^ bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self), goldenRatio)
            offset += 8
        }
        var tail: UInt64 = 0
        while offset < bytes.byteCount {
            tail = tail << 8 | UInt64(bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
            offset += 1
        }
        let hop = set.nextHop.leftAligned
        value = fold(value ^ tail, goldenRatio)
        if let linkLocal = set.linkLocalNextHop?.rawValue {
            value = fold(value ^ UInt64(truncatingIfNeeded: linkLocal >> 64), goldenRatio)
            value = fold(value ^ UInt64(truncatingIfNeeded: linkLocal), goldenRatio)
        }
        return fold(value ^ UInt64(truncatingIfNeeded: hop >> 64), goldenRatio ^ UInt64(truncatingIfNeeded: hop) << 1)
    }
}
