import BGPWire
import NetTypes

/// What a portion of prefixes comes to: announcements and withdrawals, gathered, then packed.
struct ExportPortion: ~Copyable {
    private struct News: BitwiseCopyable, Equatable {
        /// Place among the exporter's attributes, then the member that does not get it.
        let key: UInt64
        let id: UInt32
        let pathID: UInt32

        static func precedes(_ a: Self, _ b: Self) -> Bool {
            a.key != b.key ? a.key < b.key : a.id != b.id ? a.id < b.id : a.pathID < b.pathID
        }
    }

    /// What only one member is told.
    private struct Extra {
        let member: PeerID
        /// nil: a withdrawal.
        let index: Int?
        let id: UInt32
        let pathID: UInt32
    }

    private var exporter: Exporter
    private let hasFollowers: Bool
    private let selection: PathSelection?
    private var news: [News] = []
    private var withdrawals: [News] = []
    private var extras: [Extra] = []
    private var result = ExportLog.Chunk()
    private(set) var hasChanges = false
    /// By peer: who is in the group.
    private let members: BitSet

    /// Of the prefix at hand: what should be told, where it is among the exporter's attributes, what was told.
    var wanted: [ToldPath] = []
    private var indexes: [Int] = []
    var held: [ToldPath] = []
    private var candidates: [UInt32] = []

    init(
        _ settings: ExportSettings, _ family: AddressFamily, hasFollowers: Bool, members: BitSet,
        _ context: borrowing Context
    ) {
        exporter = Exporter(settings, family, seed: context.attributes.seed)
        selection = settings.encoding.paths(family)
        self.hasFollowers = hasFollowers
        self.members = members
    }

    // MARK: one prefix

    /// Fills `wanted`.
    mutating func choose<Key: PrefixKey>(_ id: UInt32, rib: inout FamilyRIB<Key>, _ context: borrowing Context) {
        wanted.removeAll(keepingCapacity: true)
        indexes.removeAll(keepingCapacity: true)
        candidates.removeAll(keepingCapacity: true)
        switch selection {
        case nil: if rib.entries[Int(id)].best != 0 { candidates.append(rib.entries[Int(id)].best - 1) }
        case .best: rib.usable(id, into: &candidates) { $0.isEqual }
        case .all: rib.usable(id, into: &candidates)
        case .most(let count): rib.rank(id, most: count, context, into: &candidates)
        }
        let prefix = rib.prefixes.keys[Int(id)].prefix
        for candidate in candidates {
            let path = rib.paths[Int(candidate)]
            guard let index = exporter.export(prefix, path.attributes, from: path.peer, context) else { continue }
            // A path keeps its place as long as it lives, and with it the identifier that we gave it.
            wanted.append(
                ToldPath(
                    pathID: selection == nil ? 0 : candidate + 1, attributes: path.attributes, source: path.peer))
            indexes.append(index)
        }
    }

    /// Says the difference between `held` and `wanted`; false when nobody is to hear of it.
    mutating func compare(_ id: UInt32, _ prefix: Prefix, _ context: borrowing Context) -> Bool {
        var isVisible = false
        // By index: to hold on to the lists for each prefix was a twentieth of what a withdrawal costs.
        for index in held.indices {
            let old = held[index]
            if isWanted(old.pathID) { continue }
            withdraw(id, old)
            isVisible = true
        }
        for place in wanted.indices {
            let new = wanted[place]
            let old = heldPath(new.pathID)
            guard old != new else { continue }
            let isSame = old.map {
                exporter.export(prefix, $0.attributes, from: $0.source, context) == indexes[place]
            }
            if isSame == true, old?.source == new.source { continue }
            isVisible = true
            let source = isMember(new.source) ? new.source : .local
            if isSame != true { announce(id, new.pathID, indexes[place], except: source) }
            if let old, old.source != new.source {
                if source != .local { extra(source, nil, id, new.pathID) }
                if isSame == true, isMember(old.source) { extra(old.source, indexes[place], id, new.pathID) }
            }
            count(id, old, new)
        }
        return isVisible
    }

    private func isWanted(_ pathID: UInt32) -> Bool {
        for index in wanted.indices where wanted[index].pathID == pathID { return true }
        return false
    }

    private func heldPath(_ pathID: UInt32) -> ToldPath? {
        for index in held.indices where held[index].pathID == pathID { return held[index] }
        return nil
    }

    /// Announces all of `wanted` to one member; returns how many there were.
    mutating func announceAll(_ id: UInt32, _ prefix: Prefix, _ context: borrowing Context) -> Int {
        var told: [ToldPath] = []
        for path in wanted {
            guard let index = exporter.export(prefix, path.attributes, from: path.source, context) else { continue }
            announce(id, path.pathID, index, except: .local)
            told.append(path)
        }
        wanted = told
        return told.count
    }

    private mutating func announce(_ id: UInt32, _ pathID: UInt32, _ index: Int, except member: PeerID) {
        hasChanges = true
        guard hasFollowers else { return }
        news.append(News(key: UInt64(index) << 16 | UInt64(member.rawValue), id: id, pathID: pathID))
    }

    /// Withdraws a path that the group was told.
    mutating func withdraw(_ id: UInt32, _ old: ToldPath) {
        withdraw(id, old.pathID, except: isMember(old.source) ? old.source : .local)
        count(id, old, nil)
    }

    mutating func withdraw(_ id: UInt32, _ pathID: UInt32, except member: PeerID) {
        hasChanges = true
        guard hasFollowers else { return }
        withdrawals.append(News(key: UInt64(member.rawValue), id: id, pathID: pathID))
    }

    private mutating func extra(_ member: PeerID, _ index: Int?, _ id: UInt32, _ pathID: UInt32) {
        hasChanges = true
        guard hasFollowers else { return }
        extras.append(Extra(member: member, index: index, id: id, pathID: pathID))
    }

    /// Keeps the numbers of paths told right, and what a member needs that leaves the log before it has taken this.
    private mutating func count(_ id: UInt32, _ old: ToldPath?, _ new: ToldPath?) {
        guard hasFollowers else { return }
        let growth = (new == nil ? 0 : 1) - (old == nil ? 0 : 1)
        result.growth += growth
        if let source = old?.source { correct(source, old, new, growth) }
        if let source = new?.source, source != old?.source { correct(source, old, new, growth) }
        guard let path = old ?? new else { return }
        result.changes.append(.init(id: id, pathID: path.pathID, wasTold: old != nil, source: path.source))
    }

    /// A member is not told what came from it.
    private mutating func correct(_ source: PeerID, _ old: ToldPath?, _ new: ToldPath?, _ growth: Int) {
        guard isMember(source) else { return }
        let own =
            (new.map { $0.source != source } == true ? 1 : 0) - (old.map { $0.source != source } == true ? 1 : 0)
        if own != growth { result.corrections[source, default: 0] += own - growth }
    }

    /// Whether a source of paths is a member too.
    private func isMember(_ peer: PeerID) -> Bool { members.contains(UInt32(peer.rawValue)) }

    // MARK: packing

    /// The chunk for those that follow; nil when there are none.
    mutating func chunk<Key: PrefixKey>(_ rib: borrowing FamilyRIB<Key>) -> ExportLog.Chunk? {
        guard hasFollowers else { return nil }
        var packer = UpdatePacker(exporter.settings.encoding)
        var cuts: [(member: PeerID, range: Range<Int>)] = []
        pack(rib, into: &packer) { member, range in
            if member != .local { cuts.append((member, range)) }
        }
        result.bytes = packer.take()
        result.cuts = cuts
        for extra in extras {
            let prefix = rib.prefixes.keys[Int(extra.id)].prefix
            let pathIDs = selection == nil ? [] : [extra.pathID]
            if let index = extra.index {
                packer.announce([prefix], pathIDs: pathIDs, with: exporter.outgoing[index])
            } else {
                packer.withdraw([prefix], pathIDs: pathIDs)
            }
            result.extras.append((extra.member, packer.take()))
        }
        return result
    }

    /// The messages for one member, perhaps the very ones that another has just got.
    mutating func bytes<Key: PrefixKey>(
        _ rib: borrowing FamilyRIB<Key>, _ version: Int, _ memory: inout PortionMemory
    ) -> [UInt8] {
        guard hasChanges else { return [] }
        // As long as nothing that was told changes, the same path stands for the same octets.
        var key: [UInt64] = []
        key.reserveCapacity(2 * (news.count + withdrawals.count) + 1)
        for news in news {
            key.append(news.key)
            key.append(UInt64(news.id) << 32 | UInt64(news.pathID))
        }
        key.append(.max)
        for news in withdrawals { key.append(UInt64(news.id) << 32 | UInt64(news.pathID)) }
        if let known = memory.find(key, version) { return known }
        var packer = UpdatePacker(exporter.settings.encoding)
        pack(rib, into: &packer) { _, _ in }
        let bytes = packer.take()
        memory.keep(key, version, bytes)
        return bytes
    }

    /// Packs withdrawals, then announcements, and tells where each run is that one member does not get.
    private mutating func pack<Key: PrefixKey>(
        _ rib: borrowing FamilyRIB<Key>, into packer: inout UpdatePacker, _ note: (PeerID, Range<Int>) -> Void
    ) {
        withdrawals.sort(by: News.precedes)
        news.sort(by: News.precedes)
        var prefixes: [Prefix] = []
        var pathIDs: [UInt32] = []
        for isNews in [false, true] {
            let list = isNews ? news : withdrawals
            var start = 0
            while start < list.count {
                let key = list[start].key
                var end = start
                prefixes.removeAll(keepingCapacity: true)
                pathIDs.removeAll(keepingCapacity: true)
                while end < list.count, list[end].key == key {
                    prefixes.append(rib.prefixes.keys[Int(list[end].id)].prefix)
                    if selection != nil { pathIDs.append(list[end].pathID) }
                    end += 1
                }
                let place = packer.bytes.count
                if isNews {
                    packer.announce(prefixes, pathIDs: pathIDs, with: exporter.outgoing[Int(key >> 16)])
                } else {
                    packer.withdraw(prefixes, pathIDs: pathIDs)
                }
                note(PeerID(rawValue: UInt16(truncatingIfNeeded: key)), place..<packer.bytes.count)
                start = end
            }
        }
    }
}

/// Portions packed for single members, so that many who come at once cost little more than one.
struct PortionMemory {
    private var entries: [(key: [UInt64], bytes: [UInt8])] = []
    private var version = 0
    private static let most = 4

    mutating func find(_ key: [UInt64], _ version: Int) -> [UInt8]? {
        guard self.version == version else {
            entries = []
            return nil
        }
        return entries.first { $0.key == key }?.bytes
    }

    mutating func keep(_ key: [UInt64], _ version: Int, _ bytes: [UInt8]) {
        self.version = version
        if entries.count == Self.most { entries.removeFirst() }
        entries.append((key, bytes))
    }
}
