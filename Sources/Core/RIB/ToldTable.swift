import BGPWire

/// A path that peers were told of, as it was before it was rewritten for them.
struct ToldPath: BitwiseCopyable, Equatable {
    /// The identifier that we gave it (RFC 7911); 0 without add-path.
    var pathID: UInt32
    /// Of its attributes as received.
    var attributes: UInt32
    var source: PeerID
}

/// What a group of peers was told of each prefix: six octets a prefix, and with add-path a chain of paths.
struct ToldTable: ~Copyable {
    /// Several paths of a prefix may be told (RFC 7911).
    let hasMany: Bool
    /// By prefix: attributes + 1, or index of the first node + 1; 0: nothing was told.
    private var heads: [UInt32] = []
    /// By prefix, without add-path.
    private var sources: [PeerID] = []
    private var nodes: [Node] = []
    private var free: [UInt32] = []

    private struct Node: BitwiseCopyable {
        var path: ToldPath
        var next: UInt32
    }

    init(hasMany: Bool) { self.hasMany = hasMany }

    /// Length of the table: no prefix beyond it was told.
    var capacity: Int { heads.count }

    func isTold(_ id: UInt32) -> Bool { Int(id) < heads.count && heads[Int(id)] != 0 }

    /// Appends the paths told of a prefix.
    @inline(__always)
    func load(_ id: UInt32, into list: inout [ToldPath]) {
        guard Int(id) < heads.count, heads[Int(id)] != 0 else { return }
        guard hasMany else {
            list.append(ToldPath(pathID: 0, attributes: heads[Int(id)] - 1, source: sources[Int(id)]))
            return
        }
        var next = heads[Int(id)]
        while next != 0 {
            list.append(nodes[Int(next - 1)].path)
            next = nodes[Int(next - 1)].next
        }
    }

    /// Appends those that did not come from `member`: nobody is told what he told us.
    func load(_ id: UInt32, for member: PeerID, into list: inout [ToldPath]) {
        let start = list.count
        load(id, into: &list)
        if list.count - start == 1 {
            if list[start].source == member { list.removeLast() }
        } else if list[start...].contains(where: { $0.source == member }) {
            let kept = list[start...].filter { $0.source != member }
            list.replaceSubrange(start..., with: kept)
        }
    }

    /// Forgets the path told of a prefix, without add-path, and returns it.
    mutating func clear(_ id: UInt32) -> ToldPath? {
        guard Int(id) < heads.count, heads[Int(id)] != 0 else { return nil }
        defer { heads[Int(id)] = 0 }
        return ToldPath(pathID: 0, attributes: heads[Int(id)] - 1, source: sources[Int(id)])
    }

    /// Puts `list` in place of what was told of a prefix; `capacity` is the length that the table needs then.
    mutating func store(_ id: UInt32, _ list: [ToldPath], capacity: Int) {
        if Int(id) >= heads.count {
            heads += Array(repeating: 0, count: capacity - heads.count)
            if !hasMany { sources += Array(repeating: .local, count: capacity - sources.count) }
        }
        guard hasMany else {
            heads[Int(id)] = list.first.map { $0.attributes + 1 } ?? 0
            sources[Int(id)] = list.first?.source ?? .local
            return
        }
        var next = heads[Int(id)]
        while next != 0 {
            free.append(next - 1)
            next = nodes[Int(next - 1)].next
        }
        heads[Int(id)] = 0
        for path in list.reversed() {
            let node = Node(path: path, next: heads[Int(id)])
            if let index = free.popLast() {
                nodes[Int(index)] = node
                heads[Int(id)] = index + 1
            } else {
                nodes.append(node)
                heads[Int(id)] = UInt32(nodes.count)
            }
        }
    }
}

/// A set of small numbers: one bit each.
struct BitSet {
    private var words: [UInt64] = []
    private(set) var count = 0

    init() {}

    init(_ numbers: some Sequence<UInt32>) { for number in numbers { insert(number) } }

    @inline(__always)
    func contains(_ number: UInt32) -> Bool {
        let word = Int(number >> 6)
        return word < words.count && words[word] >> UInt64(number & 63) & 1 == 1
    }

    /// False when it was in the set already.
    @discardableResult
    mutating func insert(_ number: UInt32) -> Bool {
        let word = Int(number >> 6)
        if word >= words.count { words += Array(repeating: 0, count: max(word + 1 - words.count, words.count / 2)) }
        let bit = UInt64(1) << UInt64(number & 63)
        guard words[word] & bit == 0 else { return false }
        words[word] |= bit
        count += 1
        return true
    }

    /// False when it was not in the set.
    @discardableResult
    mutating func remove(_ number: UInt32) -> Bool {
        guard contains(number) else { return false }
        words[Int(number >> 6)] &= ~(UInt64(1) << UInt64(number & 63))
        count -= 1
        return true
    }

    /// The lowest number in the set that is not below `number`.
    func next(from number: UInt32) -> UInt32? {
        var word = Int(number >> 6)
        guard word < words.count else { return nil }
        var bits = words[word] & UInt64.max << UInt64(number & 63)
        while bits == 0 {
            word += 1
            guard word < words.count else { return nil }
            bits = words[word]
        }
        return UInt32(word * 64 + bits.trailingZeroBitCount)
    }
}
