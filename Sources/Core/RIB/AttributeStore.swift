import BGPWire
import NetTypes

/// Every distinct attribute set once, counted, behind a 32-bit handle.
package struct AttributeStore: ~Copyable {
    /// Empty where a handle is free: an optional would be copied, and counted, to look into it.
    private var sets: [PathAttributes] = []
    private var hashes: [UInt32] = []
    private var counts: [UInt32] = []
    private var index = SlotIndex()
    private var free: [UInt32] = []
    let seed: UInt64
    private static let none = PathAttributes(bytes: [], nextHop: .v4(.any), summary: .init())

    init(seed: UInt64) { self.seed = seed }

    /// Distinct sets in use.
    package var count: Int { index.count }

    /// The set behind a handle that `intern` gave and that is still counted.
    package subscript(handle handle: UInt32) -> PathAttributes {
        precondition(counts[Int(handle)] > 0, "an attribute handle is not in use")
        return sets[Int(handle)]
    }

    @inline(__always)
    func summary(_ handle: UInt32) -> PathAttributes.Summary {
        precondition(counts[Int(handle)] > 0, "an attribute handle is not in use")
        return sets[Int(handle)].summary
    }

    /// The handle of `set`, which now counts one user more.
    mutating func intern(_ set: PathAttributes) -> UInt32 {
        let hash = hash(set.bytes.span.bytes, set.nextHop, set.linkLocalNextHop)
        if let handle = index.find(hash, { sets[Int($0)] == set }) {
            counts[Int(handle)] += 1
            return handle
        }
        return allocate(set, hash: hash)
    }

    /// The same for the attributes of an announcement, which are copied only if they are new.
    mutating func intern(_ batch: UpdateBatch, _ entry: UpdateBatch.Entry) -> UInt32 {
        let bytes = batch.octets.span.bytes.extracting(entry.octets)
        let hop = batch.nextHop(entry)
        let hash = hash(bytes, hop.address, hop.linkLocal)
        if let handle = index.find(hash, { sets[Int($0)].isReceived(bytes, hop) }) {
            counts[Int(handle)] += 1
            return handle
        }
        return allocate(batch.attributes(entry), hash: hash)
    }

    mutating func retain(_ handle: UInt32) { counts[Int(handle)] += 1 }

    mutating func release(_ handle: UInt32) {
        counts[Int(handle)] -= 1
        if counts[Int(handle)] == 0 { remove(handle) }
    }

    private mutating func allocate(_ set: consuming PathAttributes, hash: UInt32) -> UInt32 {
        let handle: UInt32
        if let known = free.popLast() {
            handle = known
            sets[Int(handle)] = set
            hashes[Int(handle)] = hash
            counts[Int(handle)] = 1
        } else {
            handle = UInt32(sets.count)
            sets.append(set)
            hashes.append(hash)
            counts.append(1)
        }
        index.insert(hash, handle)
        return handle
    }

    private mutating func remove(_ handle: UInt32) {
        index.remove(hashes[Int(handle)], handle)
        sets[Int(handle)] = Self.none
        free.append(handle)
    }

    private func hash(_ bytes: RawSpan, _ nextHop: IPAddress, _ linkLocal: IPv6Address?) -> UInt32 {
        var value = bytes.hash(seed: seed)
        let hop = nextHop.leftAligned
        if let linkLocal = linkLocal?.rawValue {
            value = fold(value ^ UInt64(truncatingIfNeeded: linkLocal >> 64), goldenRatio)
            value = fold(value ^ UInt64(truncatingIfNeeded: linkLocal), goldenRatio)
        }
        value = fold(value ^ UInt64(truncatingIfNeeded: hop >> 64), goldenRatio ^ UInt64(truncatingIfNeeded: hop) << 1)
        return UInt32(truncatingIfNeeded: value)
    }
}

extension PathAttributes {
    /// Whether these are received attributes, that is, nothing that a policy made.
    fileprivate func isReceived(_ bytes: RawSpan, _ hop: UpdateBatch.NextHop) -> Bool {
        guard weight == 0, self.bytes.count == bytes.byteCount, nextHop == hop.address,
            linkLocalNextHop == hop.linkLocal
        else { return false }
        return self.bytes.withUnsafeBytes { own in bytes.withUnsafeBytes { own.elementsEqual($0) } }
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
