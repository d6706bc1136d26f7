import NetTypes

/// What concerns a whole table is done in a pass over all prefixes, some at a time, so that a million of them hold
/// nobody up: a peer's paths are removed or kept for long, and every path is judged anew. Whatever begins while a pass
/// is under way joins it, and goes on until it has come around.
extension FamilyRIB {
    /// All paths of a peer are stale until it announces them again.
    mutating func markStale(of peer: PeerID, in context: inout Context) {
        let index = Int(peer.rawValue)
        guard index < epochs.count else { return }
        if epochs[index].needsRenewal { renew(peer, in: &context) }
        epochs[index].begin()
        counts[index].stale = counts[index].received
        counts[index].blocked = 0
    }

    /// The peer is asked for its paths again: what was not taken before comes once more.
    mutating func forgetBlocked(_ peer: PeerID) {
        guard Int(peer.rawValue) < counts.count else { return }
        counts[Int(peer.rawValue)].blocked = 0
    }

    /// Removes the paths of a peer that are stale now: the first ones at once, the others as `work` comes to them.
    mutating func sweep(_ peer: PeerID, in context: inout Context) {
        pass(over: peer, in: &context) { $0.sweep($1) }
    }

    /// Gives the paths of a peer that are stale now the community LLGR_STALE, and removes those that must not be kept
    /// for long, like `sweep`.
    mutating func keepLong(_ peer: PeerID, in context: inout Context) {
        pass(over: peer, in: &context) { $0.keepLong($1) }
    }

    /// Begins a pass over the stale paths of a peer, if it has any; `begin` is given the number of prefixes.
    private mutating func pass(over peer: PeerID, in context: inout Context, _ begin: (inout PathEpochs, Int) -> Void) {
        let index = Int(peer.rawValue)
        guard index < epochs.count, counts[index].stale > 0 else { return }
        begin(&epochs[index], entries.count)
        if !swept.contains(peer) { swept.append(peer) }
        work(Self.portion, in: &context)
    }

    /// Removes all paths of a peer, like `sweep`.
    mutating func removeAll(of peer: PeerID, in context: inout Context) {
        markStale(of: peer, in: &context)
        sweep(peer, in: &context)
    }

    /// Judges every path of every peer anew, like `sweep`, after a change of policy or of the node's addresses.
    mutating func reevaluate(in context: inout Context) {
        toJudge = entries.count
        work(Self.portion, in: &context)
    }

    /// Prefixes that a pass looks at when it begins: most tables are done with then.
    private static var portion: Int { 16384 }

    /// Whether a pass is under way.
    var hasWork: Bool { toJudge > 0 || !swept.isEmpty }

    /// Goes on with the pass, over at most `limit` prefixes.
    mutating func work(_ limit: Int, in context: inout Context) {
        var left = limit
        while left > 0, hasWork {
            if cursor >= entries.count { cursor = 0 }
            let needed = swept.reduce(toJudge) { max($0, epochs[Int($1.rawValue)].remaining) }
            let end = min(entries.count, cursor + min(left, needed))
            let count = end - cursor
            for id in cursor..<end where entries[id].head != 0 { visit(UInt32(id), in: &context) }
            left -= max(1, count)
            cursor = end
            finish(count)
        }
    }

    private mutating func finish(_ count: Int) {
        // With an empty table there is nothing to come around.
        let count = entries.isEmpty ? Int.max : count
        toJudge = max(0, toJudge - count)
        for peer in swept { epochs[Int(peer.rawValue)].advance(count) }
        swept.removeAll { epochs[Int($0.rawValue)].remaining == 0 }
    }

    private mutating func visit(_ id: UInt32, in context: inout Context) {
        var previous: UInt32?
        var next = entries[Int(id)].head
        while next != 0 {
            let index = next - 1
            let path = paths[Int(index)]
            next = path.next
            let epochs = epochs[Int(path.peer.rawValue)]
            let isKeptLong = epochs.isKeptLong(path.epoch)
            let isForbidden = isKeptLong && context.attributes.summary(path.attributes).forbidsLongLived
            if isForbidden || epochs.isSwept(path.epoch) {
                unlink(index, path, after: previous, of: id, in: &context)
                continue
            }
            previous = index
            if isKeptLong { keepLong(index, path, of: id, in: &context) }
            if toJudge > 0 { judge(index, path, of: id, in: &context) }
        }
    }

    private mutating func keepLong(_ index: UInt32, _ path: PathEntry, of id: UInt32, in context: inout Context) {
        let attributes = context.attributes[handle: path.attributes]
        guard !attributes.summary.isLongLivedStale else { return }
        paths[Int(index)].attributes = context.attributes.intern(attributes.adding(.longLivedStale))
        context.attributes.release(path.attributes)
        received.keepLong(index, &context)
        if path.reject == .none { decide(id, touched: index, in: &context) }
    }

    private mutating func judge(_ index: UInt32, _ path: PathEntry, of id: UInt32, in context: inout Context) {
        let old = paths[Int(index)].attributes
        let (reject, handle) = context.judge(
            prefixes.keys[Int(id)].prefix, paths[Int(index)], received: &received, at: index)
        guard reject != path.reject || handle != old else { return }
        paths[Int(index)].reject = reject
        paths[Int(index)].attributes = handle
        counts[Int(path.peer.rawValue)].rejected += (reject != .none ? 1 : 0) - (path.reject != .none ? 1 : 0)
        decide(id, touched: index, in: &context)
    }

    /// Gives every path of a peer the present epoch, before its numbers come around.
    private mutating func renew(_ peer: PeerID, in context: inout Context) {
        work(.max, in: &context)
        for id in entries.indices {
            var next = entries[id].head
            while next != 0 {
                if paths[Int(next - 1)].peer == peer { paths[Int(next - 1)].epoch = epochs[Int(peer.rawValue)].current }
                next = paths[Int(next - 1)].next
            }
        }
        epochs[Int(peer.rawValue)].renew()
    }
}
