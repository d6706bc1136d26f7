import BGPWire
import NetTypes

/// The routing information base: every Adj-RIB-In, the Loc-RIB and every Adj-RIB-Out of RFC 4271 section 3.2.
///
/// One value with one owner. It knows nothing of sessions or of the kernel: updates come in, changes of the Loc-RIB and
/// packed UPDATEs go out, in portions that the caller bounds.
package struct RIBTables: ~Copyable {
    var context: Context
    var ipv4: FamilyRIB<IPv4Key>
    var ipv6: FamilyRIB<IPv6Key>
    /// The group of each peer that is exported to, see `RIBTables+Export.swift`.
    var memberships: [PeerID: ExportGroup] = [:]
    var groups: [ExportSettings: ExportGroup] = [:]
    /// Groups without members, of which the tables are still to be taken down.
    var dissolving: [ExportGroup] = []
    /// Portions that a slow peer may leave waiting before it goes on by itself.
    var mostChunks = ExportLog.mostChunks
    /// Peers that are no longer configured, but not forgotten by both tables yet.
    private var leaving: Set<PeerID> = []

    /// `seed` should differ from process to process: it keys the hash tables.
    package init(policy: ImportPolicy, maximumPaths: Int = 16, seed: UInt64) {
        context = Context(
            attributes: AttributeStore(seed: seed), policy: policy, peers: [], maximumPaths: max(1, maximumPaths))
        ipv4 = FamilyRIB(seed: seed)
        ipv6 = FamilyRIB(seed: seed)
        let local = RIBPeer(
            address: .v4(.any), asNumber: policy.localAS, routerID: policy.routerID, isExternal: false, importMode: .all
        )
        setPeer(.local, local)
    }

    // MARK: peers

    /// Adds a source of paths, or changes what is known of it.
    package mutating func setPeer(_ id: PeerID, _ peer: RIBPeer) {
        leaving.remove(id)
        while context.peers.count <= Int(id.rawValue) { context.peers.append(nil) }
        context.peers[Int(id.rawValue)] = peer
        ipv4.addPeer(id, mostPaths: peer.mostPaths)
        ipv6.addPeer(id, mostPaths: peer.mostPaths)
    }

    /// Removes all paths of a peer: its session is down.
    package mutating func removePaths(of id: PeerID) {
        for family in AddressFamily.allCases { removePaths(of: id, family) }
    }

    /// Removes a peer's paths of one family.
    package mutating func removePaths(of id: PeerID, _ family: AddressFamily) {
        switch family {
        case .ipv4: ipv4.removeAll(of: id, in: &context)
        case .ipv6: ipv6.removeAll(of: id, in: &context)
        }
    }

    /// Forgets a peer that is no longer configured; its number is in use until `knows` says no.
    package mutating func removePeer(_ id: PeerID) {
        stopExport(to: id)
        leaving.insert(id)
        removePaths(of: id)
        forgetPeers()
    }

    /// Whether the number of a peer is still in use.
    package func knows(_ id: PeerID) -> Bool { context.peer(id) != nil }

    private mutating func forgetPeers() {
        for id in leaving where !ipv4.swept.contains(id) && !ipv6.swept.contains(id) {
            leaving.remove(id)
            context.names[id] = nil
            context.importRules[id] = nil
            if Int(id.rawValue) < context.peers.count { context.peers[Int(id.rawValue)] = nil }
        }
    }

    // MARK: what takes many turns

    /// Whether `work` has something to do: paths to remove or to judge anew, tables to take down.
    package var hasWork: Bool { ipv4.hasWork || ipv6.hasWork || !dissolving.isEmpty }

    /// Goes on with it, over at most `limit` prefixes of each family.
    package mutating func work(limit: Int) {
        ipv4.work(limit, in: &context)
        ipv6.work(limit, in: &context)
        dissolve(limit: limit)
        forgetPeers()
    }

    // MARK: Adj-RIB-In

    /// Applies what a peer sent. `seconds` is the time since the speaker's start, for the age of paths.
    package mutating func apply(_ batch: UpdateBatch, from id: PeerID, at seconds: UInt32) {
        for entry in batch.entries { apply(entry, of: batch, from: id, at: seconds) }
    }

    /// Applies one of its entries.
    package mutating func apply(
        _ entry: UpdateBatch.Entry, of batch: UpdateBatch, from id: PeerID, at seconds: UInt32
    ) {
        guard let peer = context.peer(id), !leaving.contains(id) else { return }
        switch entry.action {
        case .announce: announce(entry, of: batch, from: id, peer, at: seconds)
        case .withdraw: withdraw(batch.prefixes(entry), batch.pathIDs(entry), from: id)
        case .endOfRIB: break
        }
    }

    private mutating func withdraw(
        _ prefixes: ArraySlice<Prefix>, _ pathIDs: ArraySlice<UInt32>, from id: PeerID
    ) {
        if prefixes.count > 1 {
            ipv4.warm(prefixes)
            ipv6.warm(prefixes)
        }
        let identifiers = pathIDs.startIndex - prefixes.startIndex
        for place in prefixes.indices {
            withdraw(prefixes[place], pathIDs.isEmpty ? 0 : pathIDs[place + identifiers], from: id)
        }
    }

    private mutating func announce(
        _ entry: UpdateBatch.Entry, of batch: UpdateBatch, from id: PeerID, _ peer: RIBPeer, at seconds: UInt32
    ) {
        var handle = context.attributes.intern(batch, entry)
        if peer.changesReceived {
            let changed = context.attributes.intern(peer.received(context.attributes[handle: handle]))
            context.attributes.release(handle)
            handle = changed
        }
        defer { context.attributes.release(handle) }
        let attributes = context.attributes[handle: handle]
        let (prefixes, pathIDs) = (batch.prefixes(entry), batch.pathIDs(entry))
        guard !context.needsRules(attributes, id, peer) else {
            return applyByRules(handle, prefixes, pathIDs, from: id, peer, at: seconds)
        }
        let verdict = context.policy.verdict(on: attributes, from: peer)
        if verdict == .nextHopUnreachable { context.recursion.note(attributes.nextHop) }
        let identifiers = pathIDs.startIndex - prefixes.startIndex
        for place in prefixes.indices {
            let prefix = prefixes[place]
            let reject = verdict != .none ? verdict : context.policy.verdict(on: prefix, attributes, from: peer)
            context.attributes.retain(handle)
            put(prefix, pathIDs.isEmpty ? 0 : pathIDs[place + identifiers], from: id, handle, reject, at: seconds)
        }
    }

    /// The peer begins to send a family again: its paths are stale until it repeats them.
    package mutating func markStale(_ family: AddressFamily, of id: PeerID) {
        switch family {
        case .ipv4: ipv4.markStale(of: id, in: &context)
        case .ipv6: ipv6.markStale(of: id, in: &context)
        }
    }

    /// The restart time of a peer is over: its stale paths become paths of last resort (RFC 9494 section 4.2).
    package mutating func keepLong(_ family: AddressFamily, of id: PeerID) {
        switch family {
        case .ipv4: ipv4.keepLong(id, in: &context)
        case .ipv6: ipv6.keepLong(id, in: &context)
        }
    }

    /// The peer has sent all: paths that are still stale are gone.
    package mutating func sweepStale(_ family: AddressFamily, of id: PeerID) {
        switch family {
        case .ipv4: ipv4.sweep(id, in: &context)
        case .ipv6: ipv6.sweep(id, in: &context)
        }
    }

    /// Announces a prefix of our own, or changes its attributes.
    package mutating func originate(_ prefix: Prefix, _ attributes: PathAttributes, at seconds: UInt32) {
        put(prefix, 0, from: .local, context.attributes.intern(attributes), .none, at: seconds)
    }

    /// Stops announcing a prefix of our own.
    package mutating func withdrawOwn(_ prefix: Prefix) { withdraw(prefix, 0, from: .local) }

    /// `received`: what the peer sent, counted for us, where a policy made something else of it.
    mutating func put(
        _ prefix: Prefix, _ pathID: UInt32, from id: PeerID, _ handle: UInt32, _ reject: RejectReason,
        received: UInt32? = nil, at seconds: UInt32
    ) {
        let isTaken: Bool
        switch prefix.family {
        case .ipv4:
            isTaken = ipv4.put(
                IPv4Key(prefix), peer: id, pathID: pathID, attributes: handle, reject: reject, at: seconds,
                in: &context)
            if isTaken { ipv4.received.set(ipv4.lastPut, received, &context) }
        case .ipv6:
            isTaken = ipv6.put(
                IPv6Key(prefix), peer: id, pathID: pathID, attributes: handle, reject: reject, at: seconds,
                in: &context)
            if isTaken { ipv6.received.set(ipv6.lastPut, received, &context) }
        }
        if !isTaken, let received { context.attributes.release(received) }
    }

    private mutating func withdraw(_ prefix: Prefix, _ pathID: UInt32, from id: PeerID) {
        switch prefix.family {
        case .ipv4: ipv4.remove(IPv4Key(prefix), peer: id, pathID: pathID, in: &context)
        case .ipv6: ipv6.remove(IPv6Key(prefix), peer: id, pathID: pathID, in: &context)
        }
    }

    /// The import policy; setting it judges every stored path anew, so no session needs a refresh.
    package var policy: ImportPolicy {
        get { context.policy }
        set {
            guard newValue != context.policy else { return }
            context.policy = newValue
            context.recursion.isDirty = true
            ipv4.reevaluate(in: &context)
            ipv6.reevaluate(in: &context)
        }
    }

    // MARK: Loc-RIB changes

    /// Whether `takeChanges` has more.
    package var hasChanges: Bool { ipv4.hasChanges || ipv6.hasChanges }

    /// Takes at most `limit` changes of the Loc-RIB and queues them for every group that is exported to. When both
    /// families have many, each gets half: neither waits for the other to be quiet.
    ///
    /// With `describing` false no values are built (nobody installs routes), only the queues are filled.
    package mutating func takeChanges(limit: Int, describing: Bool) -> [LocRIBChange] {
        var changes: [LocRIBChange] = []
        // A family that a group did not negotiate is never taken: its queue would keep every identifier for ever.
        let ipv4Groups = groups.values.filter { $0.settings.policy.families.contains(.ipv4) }
        let ipv6Groups = groups.values.filter { $0.settings.policy.families.contains(.ipv6) }
        var aggregates = context.aggregates
        let ipv4Changes = ipv4.drain(max(limit - ipv6.changeCount, (limit + 1) / 2))
        let ipv6Changes = ipv6.drain(limit - ipv4Changes.count)
        // Group by group, not prefix by prefix: to take hold of a group was a tenth of what a withdrawal costs.
        for group in ipv4Groups { group.ipv4.mark(ipv4Changes, in: &ipv4) }
        for group in ipv6Groups { group.ipv6.mark(ipv6Changes, in: &ipv6) }
        Self.tell(ipv4Changes, of: &ipv4, context, &aggregates, describing ? { changes.append($0) } : nil)
        Self.tell(ipv6Changes, of: &ipv6, context, &aggregates, describing ? { changes.append($0) } : nil)
        settle(aggregates)
        followNextHops(changes)
        return changes
    }

    private static func tell<Key>(
        _ drained: [FamilyRIB<Key>.Change], of rib: inout FamilyRIB<Key>, _ context: borrowing Context,
        _ aggregates: inout Aggregates, _ describe: ((LocRIBChange) -> Void)?
    ) {
        for change in drained {
            rib.contribute(change.id, to: &aggregates, context)
            if let describe, change.news >= .set { describe(rib.change(change.id, context)) }
            rib.told(change)
        }
    }
}
