import BGPWire
import NetTypes

/// What a group of peers that get the same was told of one family, which prefixes wait to be looked at for them, and
/// the messages that some of them have not taken yet.
///
/// A member that keeps up takes the group's messages, packed once. One that has just come, that asks for everything
/// again, or that is too slow for the log has a backlog of its own, two bits a prefix, and is with the others again
/// once that is empty. What a member announced itself is left out of its messages.
struct AdjRIBOut<Key: PrefixKey>: ~Copyable {
    let settings: ExportSettings
    var told: ToldTable
    var log: ExportLog
    var members: [PeerID: Member] = [:]
    private var pending: [UInt32] = []
    private var pendingRead = 0
    private var isPending = BitSet()
    /// Prefixes from before the group, to be looked at for the first time.
    private var unseen: Range<Int>
    /// Grows with each change of `told`.
    private(set) var version = 0
    /// The last portions that were packed for one member: another that comes at the same time takes the same bytes.
    var memory = PortionMemory()

    /// Where a member is.
    final class Member {
        /// Paths announced to it and not withdrawn.
        var count = 0
        /// The next chunk of the log, while there is no backlog.
        var position = 0
        var backlog: ExportBacklog?
    }

    init(_ settings: ExportSettings, mostChunks: Int, rib: borrowing FamilyRIB<Key>) {
        log = ExportLog(mostChunks: mostChunks)
        self.settings = settings
        told = ToldTable(hasMany: settings.encoding.paths(Key.family) != nil)
        unseen = 0..<rib.entries.count
    }

    // MARK: what waits

    /// Queues a prefix to be compared with what the group was told; once, however often it changes before its turn.
    mutating func mark(_ id: UInt32, in rib: inout FamilyRIB<Key>) {
        guard !unseen.contains(Int(id)), isPending.insert(id) else { return }
        pending.append(id)
        rib.retain(id)
    }

    /// Queues all that is told to this group.
    mutating func mark(_ changes: [FamilyRIB<Key>.Change], in rib: inout FamilyRIB<Key>) {
        for change in changes where change.news == .best || told.hasMany { mark(change.id, in: &rib) }
    }

    /// Prefixes that are not as the group was told.
    var waiting: Int { pending.count - pendingRead + unseen.count }

    func isWaiting(_ id: UInt32) -> Bool { isPending.contains(id) || unseen.contains(Int(id)) }

    /// Whether a member is still to be told something.
    func hasMessages(for peer: PeerID) -> Bool {
        guard let member = members[peer] else { return false }
        return waiting > 0 || member.backlog.map { $0.due.count > 0 } ?? (member.position < log.end)
    }

    /// Prefixes that a member is still to be told of.
    func pendingCount(_ peer: PeerID) -> Int {
        guard let member = members[peer] else { return 0 }
        if let backlog = member.backlog { return waiting + backlog.due.count }
        return (member.position..<log.end).reduce(waiting) { $0 + max(1, log[$1].changes.count) }
    }

    // MARK: the group's portion

    /// Brings what the group was told up to date for at most `limit` prefixes, and writes the messages that say so.
    mutating func advance(limit: Int, rib: inout FamilyRIB<Key>, _ context: inout Context) {
        guard waiting > 0 else { return }
        var portion = ExportPortion(
            settings, Key.family, hasFollowers: members.values.contains { $0.backlog == nil },
            members: BitSet(members.keys.lazy.map { UInt32($0.rawValue) }), context)
        let hasBacklogs = members.values.contains { $0.backlog != nil }
        let start = pendingRead
        let end = start + min(limit, pending.count - start)
        while pendingRead < end {
            let id = pending[pendingRead]
            pendingRead += 1
            isPending.remove(id)
            settle(id, &portion, hasBacklogs, in: &rib, &context)
        }
        var left = limit - (end - start)
        while left > 0, let id = unseen.first {
            unseen.removeFirst()
            left -= 1
            guard rib.entries[id].best != 0 else { continue }
            settle(UInt32(id), &portion, hasBacklogs, in: &rib, &context)
        }
        if portion.hasChanges {
            version += 1
            finish(portion.chunk(rib), in: &rib)
        }
        // Not before the log has counted itself a user of the identifiers.
        for id in pending[start..<end] { rib.release(id) }
        pending.dropRead(&pendingRead)
    }

    /// Compares the paths of a prefix that should be told with those that were.
    private mutating func settle(
        _ id: UInt32, _ portion: inout ExportPortion, _ hasBacklogs: Bool, in rib: inout FamilyRIB<Key>,
        _ context: inout Context
    ) {
        if rib.entries[Int(id)].best == 0, !told.hasMany {
            return settleGone(id, &portion, hasBacklogs, in: &rib, &context)
        }
        portion.choose(id, rib: &rib, context)
        portion.held.removeAll(keepingCapacity: true)
        told.load(id, into: &portion.held)
        guard portion.held != portion.wanted else { return }
        let isVisible = portion.compare(id, rib.prefixes.keys[Int(id)].prefix, context)
        if isVisible, hasBacklogs { note(id, portion.held, in: &rib) }
        for index in portion.wanted.indices { context.attributes.retain(portion.wanted[index].attributes) }
        for index in portion.held.indices { context.attributes.release(portion.held[index].attributes) }
        if portion.held.isEmpty { rib.retain(id) }
        told.store(id, portion.wanted, capacity: rib.prefixes.capacity)
        if portion.wanted.isEmpty { rib.release(id) }
    }

    /// The same for a prefix that has no path any more, of which one was told at most.
    private mutating func settleGone(
        _ id: UInt32, _ portion: inout ExportPortion, _ hasBacklogs: Bool, in rib: inout FamilyRIB<Key>,
        _ context: inout Context
    ) {
        guard let path = told.clear(id) else { return }
        portion.withdraw(id, path)
        if hasBacklogs { note(id, [path], in: &rib) }
        context.attributes.release(path.attributes)
        rib.release(id)
    }

    /// A prefix is not as it was told any more: those that do not follow the log must be told by themselves.
    private func note(_ id: UInt32, _ held: [ToldPath], in rib: inout FamilyRIB<Key>) {
        for (peer, member) in members {
            guard member.backlog != nil else { continue }
            let paths = held.filter { $0.source != peer }
            if member.backlog?.due.insert(id) == true {
                rib.retain(id)
                if !paths.isEmpty { member.backlog?.held.insert(id) }
            }
            if told.hasMany, member.backlog?.held.contains(id) == true, member.backlog?.saved[id] == nil {
                member.backlog?.saved[id] = paths.map(\.pathID)
            }
        }
    }

    /// Puts a chunk where the members find it; those for whom the log is too long leave it.
    private mutating func finish(_ chunk: ExportLog.Chunk?, in rib: inout FamilyRIB<Key>) {
        guard var chunk else { return }
        for member in members.values where member.backlog == nil { chunk.readers += 1 }
        for change in chunk.changes { rib.retain(change.id) }
        log.append(chunk)
        while log.isTooLong, log.chunks.count > 1 {
            for (peer, member) in members where member.backlog == nil && member.position == log.base {
                detach(peer, member, in: &rib)
            }
            trim(in: &rib)
        }
    }

    /// Forgets the chunks that all have taken.
    mutating func trim(in rib: inout FamilyRIB<Key>) {
        while let chunk = log.popUnread() {
            rib.warm(chunk.changes)
            for change in chunk.changes { rib.release(change.id) }
        }
    }

    /// Drops at most `limit` prefixes of what a group without members was told; false when nothing is left.
    mutating func dissolve(limit: Int, rib: inout FamilyRIB<Key>, _ context: inout Context) -> Bool {
        for id in pending[pendingRead...] { rib.release(id) }
        pending = []
        pendingRead = 0
        isPending = BitSet()
        // From here on `unseen` counts what is still to be dropped.
        if !isDissolving {
            isDissolving = true
            unseen = 0..<told.capacity
        }
        for id in unseen.prefix(limit) {
            var paths: [ToldPath] = []
            told.load(UInt32(id), into: &paths)
            guard !paths.isEmpty else { continue }
            for path in paths { context.attributes.release(path.attributes) }
            rib.release(UInt32(id))
        }
        unseen = min(unseen.lowerBound + limit, unseen.upperBound)..<unseen.upperBound
        return !unseen.isEmpty
    }

    private var isDissolving = false
}
