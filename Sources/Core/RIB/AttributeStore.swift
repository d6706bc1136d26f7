import BGPWire
import NetTypes

/// Every distinct attribute set once, counted, behind a 32-bit handle.
package struct AttributeStore: ~Copyable {
    private var sets: [PathAttributes?] = []
    private var hashes: [UInt32] = []
    private var counts: [UInt32] = []
    private var index = SlotIndex()
    private var free: [UInt32] = []
    let seed: UInt64

    init(seed: UInt64) { self.seed = seed }

    /// Distinct sets in use.
    package var count: Int { index.count }

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
        let hash = UInt32(truncatingIfNeeded: Self.hash(set, seed: seed))
        if let handle = index.find(hash, { sets[Int($0)] == set }) {
            counts[Int(handle)] += 1
            return handle
        }
        let handle = allocate(set, hash: hash)
        index.insert(hash, handle)
        return handle
    }

    mutating func retain(_ handle: UInt32) { counts[Int(handle)] += 1 }

    mutating func release(_ handle: UInt32) {
        counts[Int(handle)] -= 1
        if counts[Int(handle)] == 0 { remove(handle) }
    }

    private mutating func allocate(_ set: PathAttributes, hash: UInt32) -> UInt32 {
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
        index.remove(hashes[Int(handle)], handle)
        sets[Int(handle)] = nil
        free.append(handle)
    }

    private static func hash(_ set: PathAttributes, seed: UInt64) -> UInt64 {
        var value = set.bytes.span.bytes.hash(seed: seed)
        let hop = set.nextHop.leftAligned
        if let linkLocal = set.linkLocalNextHop?.rawValue {
            value = fold(value ^ UInt64(truncatingIfNeeded: linkLocal >> 64), goldenRatio)
            value = fold(value ^ UInt64(truncatingIfNeeded: linkLocal), goldenRatio)
        }
        return fold(value ^ UInt64(truncatingIfNeeded: hop >> 64), goldenRatio ^ UInt64(truncatingIfNeeded: hop) << 1)
    }
}

extension PackedAttributes {
    /// For a table of one portion; `seed` keys it.
    func hash(seed: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: bytes.span.bytes.hash(seed: reach.span.bytes.hash(seed: seed)))
    }
}

extension RawSpan {
    /// Eight octets a step; the standard Hasher was measured to cost a third of a whole table's load.
    fileprivate func hash(seed: UInt64) -> UInt64 {
        var value = seed ^ UInt64(byteCount)
        var offset = 0
        while offset + 8 <= byteCount {
            value = fold(value ^ unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self), goldenRatio)
            offset += 8
        }
        var tail: UInt64 = 0
        while offset < byteCount {
            tail = tail << 8 | UInt64(unsafeLoad(fromByteOffset: offset, as: UInt8.self))
            offset += 1
        }
        return fold(value ^ tail, goldenRatio)
    }
}
