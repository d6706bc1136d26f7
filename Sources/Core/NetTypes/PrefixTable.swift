/// Prefixes as dense 32-bit identifiers: an index over an array of keys.
///
/// Other tables (paths, what was announced to a peer, the kernel's routes) are plain arrays indexed by the identifier.
/// Identifiers of removed prefixes are given out again, so whoever keeps one must be counted (`FamilyRIB` and
/// `RouteLedger` do).
///
/// For a user in another module the compiler makes nothing special of generic code that is `package` and not `public`,
/// so it is made for both families here: a third of the time of a removal from the RIB went into the general code.
package struct PrefixTable<Key: PrefixKey>: Sendable {
    /// By identifier; of removed ones, what they were last.
    package private(set) var keys: [Key] = []
    private var index = SlotIndex()
    private var free: [UInt32] = []
    /// What keys the hash.
    package let seed: UInt64

    /// `seed` should differ from process to process.
    package init(seed: UInt64) { self.seed = seed }

    /// Prefixes in the table.
    package var count: Int { index.count }

    /// Identifiers ever given out: the length that parallel arrays need.
    package var capacity: Int { keys.count }

    /// The identifier of `key`; nil when it is not in the table.
    @_specialize(exported:true,where Key == IPv4Key)
    @_specialize(exported:true,where Key == IPv6Key)
    package func find(_ key: Key) -> UInt32? { find(key, hash(key)) }

    /// The identifier of `key`, and whether it was given just now.
    @_specialize(exported:true,where Key == IPv4Key)
    @_specialize(exported:true,where Key == IPv6Key)
    package mutating func insert(_ key: Key) -> (id: UInt32, isNew: Bool) {
        let hash = hash(key)
        if let id = find(key, hash) { return (id, false) }
        let id: UInt32
        if let last = free.popLast() {
            id = last
            keys[Int(id)] = key
        } else {
            id = UInt32(keys.count)
            keys.append(key)
        }
        index.insert(hash, id)
        return (id, true)
    }

    /// Removes `id`, which is in the table.
    @_specialize(exported:true,where Key == IPv4Key)
    @_specialize(exported:true,where Key == IPv6Key)
    package mutating func remove(_ id: UInt32) {
        index.remove(hash(keys[Int(id)]), id)
        free.append(id)
    }

    /// Reads what `remove` will read, see `FamilyRIB.warm`.
    @_specialize(exported:true,where Key == IPv4Key)
    @_specialize(exported:true,where Key == IPv6Key)
    package func warm(_ id: UInt32) -> UInt32 { index.warm(hash(keys[Int(id)])) }

    @inline(__always)
    private func find(_ key: Key, _ hash: UInt32) -> UInt32? { index.find(hash) { keys[Int($0)] == key } }

    @inline(__always)
    private func hash(_ key: Key) -> UInt32 { UInt32(truncatingIfNeeded: key.hash(seed: seed)) }
}

extension [UInt32] {
    /// Drops what a queue's reader has consumed, half of the array or more at a time: a queue that is never quite empty
    /// must not grow for ever.
    package mutating func dropRead(_ read: inout Int) {
        if read == count {
            removeAll(keepingCapacity: count < 65536)
        } else if read > 4096, read > count / 2 {
            removeSubrange(..<read)
        } else {
            return
        }
        read = 0
    }
}
