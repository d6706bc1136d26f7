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
    /// Bit 0: in the ECMP set; the others: the peer's epoch when it last announced the path.
    private var marks: UInt8 = 0

    init(attributes: UInt32, next: UInt32, received: UInt32, peer: PeerID, reject: RejectReason) {
        self.attributes = attributes
        self.next = next
        self.received = received
        self.peer = peer
        self.reject = reject
    }

    /// In the ECMP set of its prefix.
    var isEqual: Bool {
        get { marks & 1 == 1 }
        set { marks = marks & ~1 | (newValue ? 1 : 0) }
    }

    /// 0...127, see `PathEpochs`.
    var epoch: UInt8 {
        get { marks >> 1 }
        set { marks = marks & 1 | newValue << 1 }
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
    /// What waits to be told.
    var news = News.paths
    /// One more than the ORIGIN with which it is counted as a more specific prefix of aggregates; 0: it is not.
    var contributed: UInt8 = 0

    /// What changed of a prefix, the least first: a peer that is told the best path only need not hear that another one
    /// shares the traffic now.
    enum News: UInt8, BitwiseCopyable, Comparable {
        /// Usable paths beside the ECMP set.
        case paths
        /// The ECMP set.
        case set
        /// The best path, or what it says.
        case best

        static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    }
}

/// All paths of one family: every Adj-RIB-In and the Loc-RIB in one flat table.
///
/// A rejected path stays, marked with its reason (that is the Adj-RIB-In an operator asks for), and takes no part in
/// the decision.
package struct FamilyRIB<Key: PrefixKey>: ~Copyable {
    var prefixes: PrefixTable<Key>
    var entries: [PrefixEntry] = []
    var paths: [PathEntry] = []
    /// Path identifiers (RFC 7911) of `paths`; empty until a peer sends one that is not 0.
    private var pathIDs: [UInt32] = []
    private var freePaths: [UInt32] = []
    /// Prefixes whose best path or ECMP set changed since they were last told.
    private var changes: [UInt32] = []
    private var changesRead = 0
    var counts: [PathCounts] = []
    /// Most paths of a peer; more are not taken.
    private var limits: [UInt32] = []
    /// By peer.
    var epochs: [PathEpochs] = []
    /// Somebody is told more than the best paths: every change of a usable path counts.
    var tellsAllPaths = false
    var decision = Decision()
    /// What peers sent, of paths that a policy changed.
    var received = ReceivedAttributes()
    /// Index of the path that `put` was about.
    private(set) var lastPut: UInt32 = 0
    /// Where the pass over all prefixes is, see `work`.
    var cursor = 0
    /// Prefixes that are still to be judged anew.
    var toJudge = 0
    /// Peers with a removal under way.
    var swept: [PeerID] = []

    /// What `warm` read, so that it does.
    private var warmth: UInt32 = 0

    init(seed: UInt64) { prefixes = PrefixTable(seed: seed) }

    // MARK: Adj-RIB-In

    /// Puts a peer's path in place of its earlier one for the prefix and the path identifier. `attributes` is counted
    /// by the caller for this path. False when the peer has as many paths as it may, and this would be one more.
    @discardableResult
    mutating func put(
        _ key: Key, peer: PeerID, pathID: UInt32 = 0, attributes: UInt32, reject: RejectReason, at seconds: UInt32,
        in context: inout Context
    ) -> Bool {
        let (id, isNew) = prefixes.insert(key)
        if isNew { reset(id) }
        if let index = path(of: peer, pathID, in: id) {
            // One that the peer repeats is one more of those that it has now.
            if isStale(paths[Int(index)]), hasAll(peer) { return block(id, peer, attributes, in: &context) }
            lastPut = index
            replace(index, id, attributes: attributes, reject: reject, at: seconds, in: &context)
            return true
        }
        guard counts[Int(peer.rawValue)].counted < Int(limits[Int(peer.rawValue)]) else {
            return block(id, peer, attributes, in: &context)
        }
        var path = PathEntry(
            attributes: attributes, next: entries[Int(id)].head, received: seconds, peer: peer, reject: reject)
        path.epoch = epochs[Int(peer.rawValue)].current
        let index = allocatePath(path, pathID)
        lastPut = index
        entries[Int(id)].head = index + 1
        counts[Int(peer.rawValue)].received += 1
        if reject != .none {
            counts[Int(peer.rawValue)].rejected += 1
        } else {
            decide(id, touched: index, in: &context)
        }
        return true
    }

    /// Whether the peer has announced as many paths as it may since its table was stale.
    private func hasAll(_ peer: PeerID) -> Bool {
        let counts = counts[Int(peer.rawValue)]
        return counts.received - counts.stale >= Int(limits[Int(peer.rawValue)])
    }

    /// Does not take an announcement.
    private mutating func block(
        _ id: UInt32, _ peer: PeerID, _ attributes: UInt32, in context: inout Context
    ) -> Bool {
        counts[Int(peer.rawValue)].blocked += 1
        context.attributes.release(attributes)
        releaseIfUnused(id)
        return false
    }

    private mutating func replace(
        _ index: UInt32, _ id: UInt32, attributes: UInt32, reject: RejectReason, at seconds: UInt32,
        in context: inout Context
    ) {
        let old = paths[Int(index)]
        paths[Int(index)].received = seconds
        let epochs = epochs[Int(old.peer.rawValue)]
        if epochs.isStale(old.epoch) {
            paths[Int(index)].epoch = epochs.current
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

    /// Reads what the removal of these prefixes will read. In a loop as short as this the processor waits for many
    /// misses of its caches at once; one removal after the other waits for each.
    mutating func warm(_ prefixes: ArraySlice<Prefix>) {
        for prefix in prefixes where prefix.family == Key.family {
            guard let id = self.prefixes.find(Key(prefix)) else { continue }
            let head = entries[Int(id)].head
            if head != 0 { warmth &+= paths[Int(head - 1)].attributes }
        }
    }

    /// The same for prefixes that may be let go.
    mutating func warm(_ changes: [ExportLog.Change]) {
        for change in changes where entries[Int(change.id)].head == 0 {
            warmth &+= prefixes.warm(change.id)
        }
    }

    /// Removes a peer's path; false when there was none.
    @discardableResult
    mutating func remove(_ key: Key, peer: PeerID, pathID: UInt32 = 0, in context: inout Context) -> Bool {
        guard let id = prefixes.find(key) else { return false }
        var previous: UInt32?
        var cursor = entries[Int(id)].head
        while cursor != 0 {
            let index = cursor - 1
            let path = paths[Int(index)]
            if path.peer == peer, self.pathID(index) == pathID {
                unlink(index, path, after: previous, of: id, in: &context)
                return true
            }
            previous = index
            cursor = path.next
        }
        return false
    }

    /// Takes a path out of its prefix's chain, where it follows `previous`, and decides again.
    mutating func unlink(
        _ index: UInt32, _ path: PathEntry, after previous: UInt32?, of id: UInt32, in context: inout Context
    ) {
        if let previous { paths[Int(previous)].next = path.next } else { entries[Int(id)].head = path.next }
        counts[Int(path.peer.rawValue)].received -= 1
        if path.reject != .none { counts[Int(path.peer.rawValue)].rejected -= 1 }
        if isStale(path) { counts[Int(path.peer.rawValue)].stale -= 1 }
        if entries[Int(id)].best == index + 1 {
            counts[Int(path.peer.rawValue)].best -= 1
            entries[Int(id)].best = 0
            markDirty(id)
        } else if path.isEqual {
            markDirty(id, .set)
        }
        freePaths.append(index)
        received.set(index, nil, &context)
        context.attributes.release(path.attributes)
        if path.reject == .none { decide(id, touched: nil, in: &context) }
        releaseIfUnused(id)
    }

    /// The peer restarts or sends its table again, and has not announced the path anew yet.
    func isStale(_ path: PathEntry) -> Bool { epochs[Int(path.peer.rawValue)].isStale(path.epoch) }

    /// The identifier under which the peer announced a path (RFC 7911); 0 without add-path.
    func pathID(_ index: UInt32) -> UInt32 { pathIDs.isEmpty ? 0 : pathIDs[Int(index)] }

    // MARK: changes

    /// Queues a prefix to be told.
    mutating func markDirty(_ id: UInt32, _ news: PrefixEntry.News = .best) {
        if news > entries[Int(id)].news { entries[Int(id)].news = news }
        guard !entries[Int(id)].isDirty else { return }
        entries[Int(id)].isDirty = true
        changes.append(id)
    }

    /// Whether `drain` has something to tell.
    var hasChanges: Bool { changesRead < changes.count }

    /// Prefixes that `drain` has to tell of.
    var changeCount: Int { changes.count - changesRead }

    /// Takes out at most `limit` changed prefixes, oldest change first. Each is to be given back by `told`, when
    /// everybody who has to has heard of it as it is now.
    mutating func drain(_ limit: Int) -> [Change] {
        let end = min(changesRead + limit, changes.count)
        let drained = changes[changesRead..<end].map { id in
            let change = Change(id: id, news: entries[Int(id)].news)
            // It is still counted as used by `isDirty`.
            entries[Int(id)].news = .paths
            return change
        }
        changesRead = end
        changes.dropRead(&changesRead)
        return drained
    }

    /// A prefix that is not as it was told.
    struct Change: BitwiseCopyable {
        let id: UInt32
        let news: PrefixEntry.News
    }

    /// All have heard of it.
    mutating func told(_ change: Change) {
        entries[Int(change.id)].isDirty = false
        releaseIfUnused(change.id)
    }

    // MARK: identifiers

    /// Makes room for a peer, or changes how many paths it may have; nil: any number.
    mutating func addPeer(_ peer: PeerID, mostPaths: UInt32?) {
        while counts.count <= Int(peer.rawValue) {
            counts.append(PathCounts())
            epochs.append(PathEpochs())
            limits.append(.max)
        }
        limits[Int(peer.rawValue)] = mostPaths ?? .max
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

    private mutating func allocatePath(_ path: PathEntry, _ pathID: UInt32) -> UInt32 {
        if pathID != 0, pathIDs.isEmpty { pathIDs = Array(repeating: 0, count: paths.count) }
        if let index = freePaths.popLast() {
            paths[Int(index)] = path
            if !pathIDs.isEmpty { pathIDs[Int(index)] = pathID }
            return index
        }
        paths.append(path)
        if pathID != 0 || !pathIDs.isEmpty { pathIDs.append(pathID) }
        return UInt32(paths.count - 1)
    }

    private func path(of peer: PeerID, _ pathID: UInt32, in id: UInt32) -> UInt32? {
        var cursor = entries[Int(id)].head
        while cursor != 0 {
            if paths[Int(cursor - 1)].peer == peer, self.pathID(cursor - 1) == pathID { return cursor - 1 }
            cursor = paths[Int(cursor - 1)].next
        }
        return nil
    }
}
