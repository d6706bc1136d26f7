import BGPWire
import NetTypes

/// A path of a prefix: 16 octets, chained from its prefix's entry.
struct PathEntry: BitwiseCopyable {
    var attributes: UInt32
    /// The next path of the same prefix, as index + 1; 0 ends the chain.
    var next: UInt32
    /// Seconds since the speaker's start.
    var received: UInt32
    var peer: PeerID
    var reject: RejectReason
    private var marks = Marks()

    private struct Marks: OptionSet, BitwiseCopyable {
        let rawValue: UInt8

        static let equal = Self(rawValue: 1)
        static let stale = Self(rawValue: 2)
    }

    init(attributes: UInt32, next: UInt32, received: UInt32, peer: PeerID, reject: RejectReason) {
        self.attributes = attributes
        self.next = next
        self.received = received
        self.peer = peer
        self.reject = reject
    }

    /// In the ECMP set of its prefix.
    var isEqual: Bool {
        get { marks.contains(.equal) }
        set { if newValue { marks.insert(.equal) } else { marks.remove(.equal) } }
    }

    /// Not announced again yet by a peer that sends its table anew.
    var isStale: Bool {
        get { marks.contains(.stale) }
        set { if newValue { marks.insert(.stale) } else { marks.remove(.stale) } }
    }
}

/// What is known of a prefix.
struct PrefixEntry: BitwiseCopyable {
    /// First path, as index + 1.
    var head: UInt32 = 0
    /// Best path, as index + 1; 0 when none is usable.
    var best: UInt32 = 0
    /// Who still uses the identifier: Adj-RIBs-Out that announced the prefix or have it pending.
    var users: UInt32 = 0
    var reason: DecisionStep = .onlyPath
    /// In `changes`, waiting to be told.
    var isDirty = false
}

/// All paths of one family: every Adj-RIB-In and the Loc-RIB in one flat table.
///
/// A rejected path stays, marked with its reason (that is the Adj-RIB-In an operator asks for), and takes no part in
/// the decision.
package struct FamilyRIB<Key: PrefixKey>: ~Copyable {
    var prefixes: PrefixTable<Key>
    var entries: [PrefixEntry] = []
    var paths: [PathEntry] = []
    private var freePaths: [UInt32] = []
    /// Prefixes whose best path or ECMP set changed since they were last told.
    private var changes: [UInt32] = []
    private var changesRead = 0
    private(set) var counts: [PathCounts] = []
    private var decision = Decision()

    init(seed: UInt64) { prefixes = PrefixTable(seed: seed) }

    // MARK: Adj-RIB-In

    /// Puts a peer's path in place of its earlier one for the prefix. `attributes` is counted by the caller for this
    /// path.
    mutating func put(
        _ key: Key, peer: PeerID, attributes: UInt32, reject: RejectReason, at seconds: UInt32,
        in context: inout Context
    ) {
        let (id, isNew) = prefixes.insert(key)
        if isNew { reset(id) }
        if let index = path(of: peer, in: id) {
            replace(index, id, attributes: attributes, reject: reject, at: seconds, in: &context)
            return
        }
        let index = allocatePath(
            PathEntry(
                attributes: attributes, next: entries[Int(id)].head, received: seconds, peer: peer, reject: reject))
        entries[Int(id)].head = index + 1
        counts[Int(peer.rawValue)].received += 1
        if reject != .none {
            counts[Int(peer.rawValue)].rejected += 1
        } else {
            decide(id, touched: index, in: &context)
        }
    }

    private mutating func replace(
        _ index: UInt32, _ id: UInt32, attributes: UInt32, reject: RejectReason, at seconds: UInt32,
        in context: inout Context
    ) {
        let old = paths[Int(index)]
        paths[Int(index)].received = seconds
        if old.isStale {
            paths[Int(index)].isStale = false
            counts[Int(old.peer.rawValue)].stale -= 1
        }
        if old.attributes == attributes, old.reject == reject {
            context.attributes.release(attributes)
            return
        }
        paths[Int(index)].attributes = attributes
        paths[Int(index)].reject = reject
        context.attributes.release(old.attributes)
        counts[Int(old.peer.rawValue)].rejected += (reject != .none ? 1 : 0) - (old.reject != .none ? 1 : 0)
        if reject == .none || old.reject == .none { decide(id, touched: index, in: &context) }
    }

    /// Removes a peer's path; false when there was none.
    @discardableResult
    mutating func remove(_ key: Key, peer: PeerID, in context: inout Context) -> Bool {
        guard let id = prefixes.find(key) else { return false }
        return remove(id, peer: peer, in: &context)
    }

    /// Removes all paths of a peer.
    mutating func removeAll(of peer: PeerID, in context: inout Context) {
        for id in entries.indices where entries[id].head != 0 { remove(UInt32(id), peer: peer, in: &context) }
    }

    /// Marks all paths of a peer: those that it does not announce again are removed by `sweep`.
    mutating func markStale(of peer: PeerID) {
        for id in entries.indices where entries[id].head != 0 {
            guard let index = path(of: peer, in: UInt32(id)), !paths[Int(index)].isStale else { continue }
            paths[Int(index)].isStale = true
            counts[Int(peer.rawValue)].stale += 1
        }
    }

    /// Removes the paths of a peer that are still stale.
    mutating func sweep(_ peer: PeerID, in context: inout Context) {
        for id in entries.indices where entries[id].head != 0 {
            guard let index = path(of: peer, in: UInt32(id)), paths[Int(index)].isStale else { continue }
            remove(UInt32(id), peer: peer, in: &context)
        }
    }

    /// Gives the stale paths of a peer the community LLGR_STALE, and removes those that must not be kept for long.
    mutating func keepLong(_ peer: PeerID, in context: inout Context) {
        for id in entries.indices where entries[id].head != 0 {
            guard let index = path(of: peer, in: UInt32(id)), paths[Int(index)].isStale else { continue }
            let old = paths[Int(index)].attributes
            let attributes = context.attributes[handle: old]
            if attributes.summary.forbidsLongLived {
                remove(UInt32(id), peer: peer, in: &context)
            } else if !attributes.summary.isLongLivedStale {
                paths[Int(index)].attributes = context.attributes.intern(attributes.adding(.longLivedStale))
                context.attributes.release(old)
                if paths[Int(index)].reject == .none { decide(UInt32(id), touched: index, in: &context) }
            }
        }
    }

    @discardableResult
    private mutating func remove(_ id: UInt32, peer: PeerID, in context: inout Context) -> Bool {
        var previous: UInt32?
        var cursor = entries[Int(id)].head
        while cursor != 0 {
            let index = cursor - 1
            let path = paths[Int(index)]
            if path.peer == peer {
                if let previous { paths[Int(previous)].next = path.next } else { entries[Int(id)].head = path.next }
                forget(index, path, of: id, in: &context)
                return true
            }
            previous = index
            cursor = path.next
        }
        return false
    }

    private mutating func forget(_ index: UInt32, _ path: PathEntry, of id: UInt32, in context: inout Context) {
        counts[Int(path.peer.rawValue)].received -= 1
        if path.reject != .none { counts[Int(path.peer.rawValue)].rejected -= 1 }
        if path.isStale { counts[Int(path.peer.rawValue)].stale -= 1 }
        if entries[Int(id)].best == index + 1 {
            counts[Int(path.peer.rawValue)].best -= 1
            entries[Int(id)].best = 0
            markDirty(id)
        } else if path.isEqual {
            markDirty(id)
        }
        freePaths.append(index)
        context.attributes.release(path.attributes)
        if path.reject == .none { decide(id, touched: nil, in: &context) }
        releaseIfUnused(id)
    }

    /// Judges every path of every peer anew after a change of policy or of the node's addresses.
    mutating func reevaluate(in context: inout Context) {
        for id in entries.indices where entries[id].head != 0 {
            let prefix = prefixes.keys[id].prefix
            var cursor = entries[id].head
            while cursor != 0 {
                let index = cursor - 1
                let path = paths[Int(index)]
                cursor = path.next
                let reject = context.verdict(prefix, path.attributes, path.peer)
                guard reject != path.reject else { continue }
                paths[Int(index)].reject = reject
                counts[Int(path.peer.rawValue)].rejected += (reject != .none ? 1 : 0) - (path.reject != .none ? 1 : 0)
                decide(UInt32(id), touched: index, in: &context)
            }
        }
    }

    // MARK: decision

    /// Decides for a prefix, and marks it dirty when the outcome is not what it was. `touched` is a path whose content
    /// changed.
    private mutating func decide(_ id: UInt32, touched: UInt32?, in context: inout Context) {
        let entry = entries[Int(id)]
        var changed = false
        if let touched, paths[Int(touched)].isEqual || entry.best == touched + 1 { changed = true }
        let best: UInt32
        let reason: DecisionStep
        if entry.head != 0, paths[Int(entry.head - 1)].next == 0 {
            // One path only, by far the most common case: nothing to compare.
            let usable = paths[Int(entry.head - 1)].reject == .none
            best = usable ? entry.head : 0
            reason = .onlyPath
            if paths[Int(entry.head - 1)].isEqual != usable {
                paths[Int(entry.head - 1)].isEqual = usable
                changed = true
            }
        } else {
            (best, reason) = compare(entry.head, in: context, changed: &changed)
        }
        if best != entry.best {
            if entry.best != 0 { counts[Int(paths[Int(entry.best - 1)].peer.rawValue)].best -= 1 }
            if best != 0 { counts[Int(paths[Int(best - 1)].peer.rawValue)].best += 1 }
            changed = true
        }
        entries[Int(id)].best = best
        entries[Int(id)].reason = reason
        if changed { markDirty(id) }
    }

    private mutating func compare(_ head: UInt32, in context: borrowing Context, changed: inout Bool) -> (
        UInt32, DecisionStep
    ) {
        decision.removeAll()
        var cursor = head
        while cursor != 0 {
            let path = paths[Int(cursor - 1)]
            if path.reject == .none { decision.add(context.candidate(cursor - 1, path)) }
            cursor = path.next
        }
        decision.run()
        let equal = decision.candidates.prefix(min(decision.equalCount, context.maximumPaths))
        cursor = head
        while cursor != 0 {
            let index = cursor - 1
            let isEqual = equal.contains { $0.path == index }
            if paths[Int(index)].isEqual != isEqual {
                paths[Int(index)].isEqual = isEqual
                changed = true
            }
            cursor = paths[Int(index)].next
        }
        return (decision.candidates.first.map { $0.path + 1 } ?? 0, decision.reason)
    }

    // MARK: changes

    private mutating func markDirty(_ id: UInt32) {
        guard !entries[Int(id)].isDirty else { return }
        entries[Int(id)].isDirty = true
        changes.append(id)
    }

    /// Whether `drain` has something to tell.
    var hasChanges: Bool { changesRead < changes.count }

    /// Hands out at most `limit` changed prefixes, oldest change first, each one as it is now; returns how many.
    mutating func drain(_ limit: Int, _ body: (inout Self, UInt32) -> Void) -> Int {
        var told = 0
        while told < limit, changesRead < changes.count {
            let id = changes[changesRead]
            changesRead += 1
            told += 1
            entries[Int(id)].isDirty = false
            body(&self, id)
            releaseIfUnused(id)
        }
        changes.dropRead(&changesRead)
        return told
    }

    // MARK: identifiers

    mutating func addPeer(_ peer: PeerID) {
        while counts.count <= Int(peer.rawValue) { counts.append(PathCounts()) }
    }

    mutating func retain(_ id: UInt32) { entries[Int(id)].users += 1 }

    mutating func release(_ id: UInt32) {
        entries[Int(id)].users -= 1
        releaseIfUnused(id)
    }

    private mutating func releaseIfUnused(_ id: UInt32) {
        let entry = entries[Int(id)]
        if entry.head == 0, entry.users == 0, !entry.isDirty { prefixes.remove(id) }
    }

    private mutating func reset(_ id: UInt32) {
        if Int(id) == entries.count { entries.append(PrefixEntry()) } else { entries[Int(id)] = PrefixEntry() }
    }

    private mutating func allocatePath(_ path: PathEntry) -> UInt32 {
        if let index = freePaths.popLast() {
            paths[Int(index)] = path
            return index
        }
        paths.append(path)
        return UInt32(paths.count - 1)
    }

    private func path(of peer: PeerID, in id: UInt32) -> UInt32? {
        var cursor = entries[Int(id)].head
        while cursor != 0 {
            if paths[Int(cursor - 1)].peer == peer { return cursor - 1 }
            cursor = paths[Int(cursor - 1)].next
        }
        return nil
    }
}

extension [UInt32] {
    /// Drops what a queue's reader has consumed, half of the array or more at a time: a queue that is never quite empty
    /// must not grow for ever.
    mutating func dropRead(_ read: inout Int) {
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
