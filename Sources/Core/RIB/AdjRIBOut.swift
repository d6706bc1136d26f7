import BGPWire
import NetTypes

/// Marks an announced handle that must be sent again.
private let resendBit: UInt32 = 1 << 31

/// What one peer was told of one family, and which prefixes wait to be looked at for it: four octets and one bit a
/// prefix.
///
/// No message bytes wait here: a slow peer's updates are built when it can take them, from the state as it is then.
struct AdjRIBOut<Key: PrefixKey>: ~Copyable {
    /// Handle + 1 of the attributes announced, by prefix identifier; 0: not announced. The top bit asks to send it
    /// again.
    private var announced: [UInt32] = []
    private var pending: [UInt32] = []
    private var pendingRead = 0
    private var isPending: [Bool] = []
    /// Prefixes announced and not withdrawn.
    private(set) var count = 0

    init() {}

    var pendingCount: Int { pending.count - pendingRead }

    /// Queues a prefix to be compared with what the peer was told; once, however often it changes before its turn.
    mutating func mark(_ id: UInt32, in rib: inout FamilyRIB<Key>) {
        if Int(id) >= isPending.count { grow(to: rib.prefixes.capacity) }
        guard !isPending[Int(id)] else { return }
        isPending[Int(id)] = true
        pending.append(id)
        rib.retain(id)
    }

    /// Queues everything, for a new session or a refresh: what was announced is sent again, or withdrawn if it is due.
    mutating func markAll(in rib: inout FamilyRIB<Key>) {
        for id in rib.entries.indices where rib.entries[id].best != 0 { mark(UInt32(id), in: &rib) }
        for id in announced.indices where announced[id] != 0 {
            announced[id] |= resendBit
            mark(UInt32(id), in: &rib)
        }
    }

    /// Builds messages for at most `limit` pending prefixes.
    mutating func flush(
        limit: Int, to peer: PeerID, with policy: ExportPolicy, rib: inout FamilyRIB<Key>, _ context: inout Context,
        into packer: inout UpdatePacker
    ) {
        var withdrawn: [Prefix] = []
        var news: [UInt64] = []
        var cache = RewriteCache()
        let end = pendingRead + min(limit, pendingCount)
        while pendingRead < end {
            let id = pending[pendingRead]
            pendingRead += 1
            isPending[Int(id)] = false
            let handle = cache.export(rib.best(id), to: peer, with: policy, family: Key.family, &context)
            settle(id, handle, in: &rib, &context, withdrawn: &withdrawn, news: &news)
            rib.release(id)
        }
        pending.dropRead(&pendingRead)
        if !withdrawn.isEmpty { packer.withdraw(withdrawn) }
        announce(&news, rib: &rib, &context, into: &packer)
    }

    /// Compares what should be announced (`handle`, counted for us) with what was.
    private mutating func settle(
        _ id: UInt32, _ handle: UInt32?, in rib: inout FamilyRIB<Key>, _ context: inout Context,
        withdrawn: inout [Prefix],
        news: inout [UInt64]
    ) {
        let old = announced[Int(id)] & ~resendBit
        guard let handle else {
            guard old != 0 else { return }
            withdrawn.append(rib.prefixes.keys[Int(id)].prefix)
            clear(id, old, in: &rib, &context)
            return
        }
        if announced[Int(id)] == handle + 1 {
            context.attributes.release(handle)
            return
        }
        if old != 0 {
            context.attributes.release(old - 1)
        } else {
            rib.retain(id)
            count += 1
        }
        announced[Int(id)] = handle + 1
        news.append(UInt64(handle) << 32 | UInt64(id))
    }

    private mutating func announce(
        _ news: inout [UInt64], rib: inout FamilyRIB<Key>, _ context: inout Context, into packer: inout UpdatePacker
    ) {
        news.sort()
        var start = 0
        var prefixes: [Prefix] = []
        while start < news.count {
            let handle = UInt32(news[start] >> 32)
            var end = start
            prefixes.removeAll(keepingCapacity: true)
            while end < news.count, UInt32(news[end] >> 32) == handle {
                prefixes.append(rib.prefixes.keys[Int(UInt32(truncatingIfNeeded: news[end]))].prefix)
                end += 1
            }
            let unfit = packer.announce(prefixes, with: context.attributes[handle: handle])
            if !unfit.isEmpty {
                // Attributes too long for one message: the peer must not keep an older path instead.
                packer.withdraw(unfit)
                // A short prefix may have fitted where a long one did not: only these were not announced.
                for id in unfit.compactMap({ rib.prefixes.find(Key($0)) }) { clear(id, handle + 1, in: &rib, &context) }
            }
            start = end
        }
    }

    private mutating func clear(_ id: UInt32, _ old: UInt32, in rib: inout FamilyRIB<Key>, _ context: inout Context) {
        announced[Int(id)] = 0
        count -= 1
        context.attributes.release(old - 1)
        rib.release(id)
    }

    /// Drops all state: the session is gone.
    mutating func removeAll(in rib: inout FamilyRIB<Key>, _ context: inout Context) {
        for id in pending[pendingRead...] {
            isPending[Int(id)] = false
            rib.release(id)
        }
        pending.removeAll()
        pendingRead = 0
        for id in announced.indices where announced[id] != 0 {
            clear(UInt32(id), announced[id] & ~resendBit, in: &rib, &context)
        }
    }

    /// Handle of the attributes the peer was told for a prefix.
    func handle(_ id: UInt32) -> UInt32? {
        guard Int(id) < announced.count, announced[Int(id)] != 0 else { return nil }
        return (announced[Int(id)] & ~resendBit) - 1
    }

    private mutating func grow(to capacity: Int) {
        announced += Array(repeating: 0, count: capacity - announced.count)
        isPending += Array(repeating: false, count: capacity - isPending.count)
    }
}

/// Export rewrites of one flush: paths that share attributes share the rewritten ones.
private struct RewriteCache {
    private struct Key: Hashable {
        let handle: UInt32
        let source: PeerID
    }

    private var known: [Key: UInt32?] = [:]
    private var last: (key: Key, result: UInt32?)?

    /// The handle to announce, counted for the caller, or nil when the peer may not be told.
    mutating func export(
        _ best: PathEntry?, to peer: PeerID, with policy: ExportPolicy, family: AddressFamily, _ context: inout Context
    ) -> UInt32? {
        guard let best, best.peer != peer, policy.mode != .none, policy.families.contains(family) else { return nil }
        let key = Key(handle: best.attributes, source: best.peer)
        if let last, last.key == key { return retained(last.result, &context) }
        if let result = known[key] {
            last = (key, result)
            return retained(result, &context)
        }
        let attributes = context.attributes[handle: best.attributes]
        let source = best.peer == .local ? nil : context.peer(best.peer) ?? .unknown
        var rewrite = policy.rewrite(attributes.summary, source: source, family: family)
        if var known = rewrite { rewrite = policy.mendNextHop(of: &known, attributes, family) ? known : nil }
        let result = rewrite.map { context.attributes.intern(attributes.rewritten($0)) }
        known[key] = .some(result)
        last = (key, result)
        return result
    }

    private func retained(_ handle: UInt32?, _ context: inout Context) -> UInt32? {
        if let handle { context.attributes.retain(handle) }
        return handle
    }
}

extension FamilyRIB {
    /// The best path of a prefix.
    func best(_ id: UInt32) -> PathEntry? {
        let best = entries[Int(id)].best
        return best == 0 ? nil : paths[Int(best - 1)]
    }
}
