/// Prefixes as dense 32-bit identifiers: an index over an array of keys.
///
/// Other tables (paths, what was announced to a peer) are plain arrays indexed by the identifier. Identifiers of
/// removed prefixes are given out again, so whoever keeps one must be counted (`FamilyRIB` does).
struct PrefixTable<Key: PrefixKey>: ~Copyable {
    private(set) var keys: [Key] = []
    private var index = SlotIndex()
    private var free: [UInt32] = []
    private let seed: UInt64

    /// `seed` should differ from process to process.
    init(seed: UInt64) { self.seed = seed }

    /// Prefixes in the table.
    var count: Int { index.count }

    /// Identifiers ever given out: the length that parallel arrays need.
    var capacity: Int { keys.count }

    func find(_ key: Key) -> UInt32? { find(key, hash(key)) }

    /// The identifier of `key`, and whether it was given just now.
    mutating func insert(_ key: Key) -> (id: UInt32, isNew: Bool) {
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
    mutating func remove(_ id: UInt32) {
        index.remove(hash(keys[Int(id)]), id)
        free.append(id)
    }

    /// Reads what `remove` will read, see `FamilyRIB.warm`.
    @inline(__always)
    func warm(_ id: UInt32) -> UInt32 { index.warm(hash(keys[Int(id)])) }

    @inline(__always)
    private func find(_ key: Key, _ hash: UInt32) -> UInt32? { index.find(hash) { keys[Int($0)] == key } }

    @inline(__always)
    private func hash(_ key: Key) -> UInt32 { UInt32(truncatingIfNeeded: key.hash(seed: seed)) }
}
