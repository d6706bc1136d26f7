import BGPWire
import NetTypes

extension AdjRIBOut {
    // MARK: coming and going

    /// Takes a peer in. It is told everything, also of what it `holds` from another group.
    mutating func join(_ peer: PeerID, _ earlier: Member?, in rib: inout FamilyRIB<Key>) {
        let member = earlier ?? Member()
        var backlog = member.backlog ?? ExportBacklog()
        for id in 0..<UInt32(told.capacity) where told.isTold(id) {
            if backlog.due.insert(id) { rib.retain(id) }
        }
        member.position = log.end
        member.backlog = backlog.due.count > 0 ? backlog : nil
        members[peer] = member
    }

    /// Lets a peer go. The backlog of what is returned is all that the peer holds, for `join`.
    mutating func leave(_ peer: PeerID, in rib: inout FamilyRIB<Key>) -> Member? {
        guard let member = members[peer] else { return nil }
        repeatAll(peer, in: &rib)
        if told.hasMany {
            var paths: [ToldPath] = []
            var next: UInt32 = 0
            while let id = member.backlog?.held.next(from: next) {
                next = id + 1
                guard member.backlog?.saved[id] == nil else { continue }
                paths.removeAll(keepingCapacity: true)
                told.load(id, for: peer, into: &paths)
                member.backlog?.saved[id] = paths.map(\.pathID)
            }
        }
        members[peer] = nil
        return member
    }

    /// Forgets a peer that is gone.
    mutating func remove(_ peer: PeerID, in rib: inout FamilyRIB<Key>) {
        guard let member = members.removeValue(forKey: peer) else { return }
        guard let backlog = member.backlog else {
            log.dismiss(member.position..<log.end)
            return trim(in: &rib)
        }
        var next: UInt32 = 0
        while let id = backlog.due.next(from: next) {
            rib.release(id)
            next = id + 1
        }
    }

    /// Queues everything for a member again: what it holds is announced again, or withdrawn if that is due.
    mutating func repeatAll(_ peer: PeerID, in rib: inout FamilyRIB<Key>) {
        guard let member = members[peer] else { return }
        if member.backlog == nil { detach(peer, member, in: &rib) }
        guard var backlog = member.backlog else { return }
        member.backlog = nil
        var paths: [ToldPath] = []
        for id in 0..<UInt32(told.capacity) where told.isTold(id) {
            guard backlog.due.insert(id) else { continue }
            rib.retain(id)
            paths.removeAll(keepingCapacity: true)
            told.load(id, for: peer, into: &paths)
            if !paths.isEmpty { backlog.held.insert(id) }
        }
        member.backlog = backlog
    }

    /// A member leaves the log: what it has not taken is looked up again when it can take it.
    mutating func detach(_ peer: PeerID, _ member: Member, in rib: inout FamilyRIB<Key>) {
        var backlog = ExportBacklog()
        var paths: [ToldPath] = []
        // Back from what the group was told last to what this member was.
        for number in (member.position..<log.end).reversed() {
            for change in log[number].changes.reversed() {
                if backlog.due.insert(change.id) {
                    rib.retain(change.id)
                    if told.hasMany {
                        paths.removeAll(keepingCapacity: true)
                        told.load(change.id, for: peer, into: &paths)
                        backlog.saved[change.id] = paths.map(\.pathID)
                    }
                }
                let wasTold = change.wasTold(to: peer)
                if told.hasMany {
                    backlog.saved[change.id]?.removeAll { $0 == change.pathID }
                    if wasTold { backlog.saved[change.id, default: []].append(change.pathID) }
                } else if wasTold {
                    backlog.held.insert(change.id)
                } else {
                    backlog.held.remove(change.id)
                }
            }
        }
        backlog.saved = backlog.saved.filter { !$0.value.isEmpty }
        for id in backlog.saved.keys { backlog.held.insert(id) }
        log.dismiss(member.position..<log.end)
        member.position = log.end
        member.backlog = backlog
        trim(in: &rib)
    }

    // MARK: a member's portion

    /// The next messages for a member, of at most `limit` prefixes, or as many as the group put into one portion.
    mutating func take(
        for peer: PeerID, limit: Int, rib: inout FamilyRIB<Key>, _ context: inout Context
    ) -> [UInt8] {
        guard let member = members[peer] else { return [] }
        if member.backlog != nil {
            advance(limit: limit, rib: &rib, &context)
            return takeBacklog(peer, member, limit: limit, rib: &rib, &context)
        }
        if member.position == log.end { advance(limit: limit, rib: &rib, &context) }
        guard member.backlog == nil, member.position < log.end else { return [] }
        let start = member.position
        var bytes: [UInt8] = []
        while member.position < log.end, bytes.count < Self.smallPortion {
            let chunk = log[member.position]
            member.position += 1
            member.count += chunk.growth + chunk.corrections[peer, default: 0]
            // The first one as it is: the same octets for all members.
            if bytes.isEmpty { bytes = chunk.bytes(for: peer) } else { bytes += chunk.bytes(for: peer) }
        }
        log.dismiss(start..<member.position)
        trim(in: &rib)
        return bytes
    }

    /// Octets in messages that are worth a way to the peer's socket of their own.
    private static var smallPortion: Int { 16384 }

    private mutating func takeBacklog(
        _ peer: PeerID, _ member: Member, limit: Int, rib: inout FamilyRIB<Key>, _ context: inout Context
    ) -> [UInt8] {
        guard var backlog = member.backlog else { return [] }
        // Not twice in memory while it changes.
        member.backlog = nil
        var portion = ExportPortion(settings, Key.family, hasFollowers: true, members: BitSet([]), context)
        var left = limit
        while left > 0, let id = backlog.due.next(from: backlog.cursor) {
            backlog.cursor = id + 1
            left -= 1
            // The group looks at it first: nothing is withdrawn that is announced in a moment.
            guard !isWaiting(id) else { continue }
            settle(id, of: peer, member, &backlog, &portion, rib: rib, context)
            rib.release(id)
        }
        if left > 0 { backlog.cursor = 0 }
        if backlog.due.count > 0 {
            member.backlog = backlog
        } else {
            member.position = log.end
        }
        let bytes = portion.bytes(rib, version, &memory)
        if !members.values.contains(where: { $0.backlog != nil }) { memory = PortionMemory() }
        return bytes
    }

    private func settle(
        _ id: UInt32, of peer: PeerID, _ member: Member, _ backlog: inout ExportBacklog,
        _ portion: inout ExportPortion, rib: borrowing FamilyRIB<Key>, _ context: borrowing Context
    ) {
        portion.wanted.removeAll(keepingCapacity: true)
        told.load(id, for: peer, into: &portion.wanted)
        var held: [UInt32] = []
        if backlog.held.remove(id) {
            held = backlog.saved.removeValue(forKey: id) ?? (told.hasMany ? portion.wanted.map(\.pathID) : [0])
        }
        backlog.due.remove(id)
        let announced = portion.announceAll(id, rib.prefixes.keys[Int(id)].prefix, context)
        let gone = held.filter { pathID in !portion.wanted.contains { $0.pathID == pathID } }
        for pathID in gone { portion.withdraw(id, pathID, except: .local) }
        member.count += announced - held.count
    }

    /// What a member was told of a prefix, or is about to take.
    func paths(_ id: UInt32, toldTo peer: PeerID) -> [ToldPath] {
        guard let member = members[peer] else { return [] }
        if let backlog = member.backlog, backlog.due.contains(id), !backlog.held.contains(id) { return [] }
        var paths: [ToldPath] = []
        told.load(id, for: peer, into: &paths)
        return paths
    }
}
