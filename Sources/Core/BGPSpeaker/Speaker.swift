import BGPSession
import BGPWire
import NetTypes
import RIB

/// The BGP speaker without its sockets: the one place that knows both sessions and the RIB.
///
/// Its owner passes in what the sessions report, and takes out, in portions, changes for the kernel and bytes for the
/// peers. Nothing here waits, reads a clock or fails.
package struct Speaker: ~Copyable {
    var rib: RIBTables
    var peers: [PeerID: Record] = [:]
    private var originated: Set<Prefix> = []
    private let localAS: ASNumber
    private let startTime: Instant
    private var lastID: UInt16 = 0
    /// How far the node's goodbye is.
    package private(set) var farewell = Farewell.none
    /// We have restarted, and do not know yet what the other peers have: see `holdsEndOfRIB`.
    package var isDeferring = false

    /// What is kept of a peer beside its paths.
    struct Record {
        var peer: SpeakerPeer
        var session: Session?
        /// Paths kept while the peer restarts.
        var retained: RetainedPaths?
        /// An operator keeps the session down: nobody waits for it.
        var isShut = false
    }

    struct Session {
        let negotiated: Negotiated
        var addresses: SessionAddresses
        /// Families whose first table was not sent completely.
        var owesEndOfRIB: FamilySet
        var endOfRIBReceived: FamilySet = []
        /// Families whose refresh has not begun (RFC 7313), and those whose end is owed.
        var owesRefresh: FamilySet = []
        var refreshing: FamilySet = []
        /// Families that the peer is sending again.
        var refreshReceiving: FamilySet = []
    }

    /// `seed` keys the hash tables and should differ from process to process.
    package init(policy: ImportPolicy, maximumPaths: Int = 16, seed: UInt64, at now: Instant) {
        rib = RIBTables(policy: policy, maximumPaths: maximumPaths, seed: seed)
        localAS = policy.localAS
        startTime = now
    }

    // MARK: configuration

    /// Adds a peer; its number stands for it until `removePeer`.
    package mutating func addPeer(_ peer: SpeakerPeer) -> PeerID {
        repeat { lastID = lastID == .max ? 1 : lastID + 1 } while rib.knows(PeerID(rawValue: lastID))
        let id = PeerID(rawValue: lastID)
        peers[id] = Record(peer: peer)
        rib.setPeer(id, peer.ribPeer(routerID: RouterID(rawValue: 0)))
        rib.setImportRules(peer.importRules, name: peer.name, for: id)
        return id
    }

    /// An operator keeps the peer's session down, or does so no longer.
    package mutating func setShut(_ isShut: Bool, _ id: PeerID) { peers[id]?.isShut = isShut }

    /// Forgets a peer with all its paths.
    package mutating func removePeer(_ id: PeerID) {
        peers[id] = nil
        rib.removePeer(id)
    }

    /// Takes over what is imported from a peer and what it is told. What is stored is judged anew, and the peer gets
    /// the differences; its session goes on.
    package mutating func updatePeer(_ id: PeerID, _ peer: SpeakerPeer) {
        guard let record = peers[id] else { return }
        var peer = peer
        // What was found, or said in the OPEN, is not in the configuration.
        peer.address = record.peer.address
        guard record.peer != peer else { return }
        peers[id]?.peer = peer
        rib.updatePeer(id) { source in
            var new = peer.ribPeer(routerID: source.routerID)
            new.asNumber = source.asNumber
            source = new
        }
        rib.setImportRules(peer.importRules, name: peer.name, for: id)
        guard let session = record.session else { return }
        let policy = exportPolicy(peer, session.negotiated, session.addresses)
        rib.changeExport(to: id) { $0 = policy }
    }

    /// How paths are compared, and how many share traffic at most.
    package mutating func setDecision(_ options: DecisionOptions, maximumPaths: Int) {
        rib.setDecision(options, maximumPaths: maximumPaths)
    }

    /// What is announced while there is something more specific.
    package mutating func setAggregates(_ aggregates: [Aggregate]) { rib.setAggregates(aggregates) }

    /// A dry run of what is imported from a peer; see `RIBTables.tryImport`.
    package func tryImport(_ prefix: Prefix, _ given: PathAttributes?, from id: PeerID) -> PolicyTrial? {
        rib.tryImport(prefix, given, from: id)
    }

    /// A dry run of what a peer is told; see `RIBTables.tryExport`.
    package func tryExport(
        _ prefix: Prefix, _ given: PathAttributes?, of source: PeerID?, to id: PeerID
    ) -> PolicyTrial? {
        rib.tryExport(prefix, given, of: source, to: id)
    }

    /// Aggregates that are announced now.
    package var activeAggregates: [Prefix] { rib.activeAggregates }

    /// The node's own prefixes: exactly these are announced from now on.
    package mutating func originate(_ prefixes: Set<Prefix>, at now: Instant) {
        for prefix in originated.subtracting(prefixes) { rib.withdrawOwn(prefix) }
        for prefix in prefixes.subtracting(originated) {
            let nextHop = IPAddress(leftAligned: 0, family: prefix.family)
            rib.originate(prefix, PathAttributes(AttributeFields(), nextHop: nextHop), at: seconds(now))
        }
        originated = prefixes
    }

    /// What may be imported. Setting it judges what is stored anew; no session is touched.
    package var importPolicy: ImportPolicy {
        get { rib.policy }
        set { rib.policy = newValue }
    }

    // MARK: sessions

    /// A session is up: the peer is owed our table and an End-of-RIB for each family.
    package mutating func established(
        _ id: PeerID, _ negotiated: Negotiated, _ addresses: SessionAddresses, at now: Instant
    ) {
        resume(id, negotiated, at: now)
        guard var record = peers[id] else { return }
        record.session = Session(negotiated: negotiated, addresses: addresses, owesEndOfRIB: negotiated.families)
        // The address of a peer that was found, and not configured, breaks ties like any other.
        if let remote = addresses.remote { record.peer.address = remote }
        peers[id] = record
        var source = record.peer.ribPeer(routerID: negotiated.peerRouterID)
        // The OPEN says it where the configuration accepts any.
        source.asNumber = negotiated.peerAS
        rib.setPeer(id, source)
        startExport(to: id, record.peer, negotiated, addresses)
    }

    /// Begins, or changes, what the peer is told.
    private mutating func startExport(
        to id: PeerID, _ peer: SpeakerPeer, _ negotiated: Negotiated, _ addresses: SessionAddresses
    ) {
        var encoding = ExportEncoding()
        encoding.maximumLength = negotiated.maximumLengthSent
        encoding.fourOctetAS = negotiated.fourOctetAS
        if negotiated.pathIDsSent.contains(.ipv4) { encoding.ipv4Paths = peer.pathSelection }
        if negotiated.pathIDsSent.contains(.ipv6) { encoding.ipv6Paths = peer.pathSelection }
        rib.startExport(to: id, exportPolicy(peer, negotiated, addresses), encoding)
    }

    /// Our addresses on the link of an established session changed: what the peer was told is said anew with them.
    package mutating func setAddresses(_ addresses: SessionAddresses, for id: PeerID) {
        guard var record = peers[id], let session = record.session, session.addresses != addresses else { return }
        record.session?.addresses = addresses
        peers[id] = record
        startExport(to: id, record.peer, session.negotiated, addresses)
    }

    /// Takes the next step of a goodbye, or takes it back; every peer is told.
    package mutating func setFarewell(_ step: Farewell) {
        guard step != farewell else { return }
        farewell = step
        for (id, record) in peers {
            guard let session = record.session else { continue }
            startExport(to: id, record.peer, session.negotiated, session.addresses)
        }
    }

    /// Whether nothing waits to be told to the kernel or to a peer.
    package var isQuiet: Bool { !hasWork && !hasChanges && !peers.keys.contains { hasMessages(for: $0) } }

    private func exportPolicy(
        _ peer: SpeakerPeer, _ negotiated: Negotiated, _ addresses: SessionAddresses
    ) -> ExportPolicy {
        var policy = ExportPolicy(
            mode: farewell == .withdrawn ? .none : peer.exportMode, localAS: localAS, isExternal: peer.isExternal,
            families: negotiated.families,
            clusterID: rib.policy.clusterID, isClient: peer.isClient)
        policy.gracefulShutdown = farewell == .announced
        policy.rules = peer.exportRules
        policy.ipv4NextHop = addresses.nextHop(.ipv4, negotiated)
        policy.ipv6NextHop = addresses.nextHop(.ipv6, negotiated)
        policy.extendedNextHop = negotiated.extendedNextHop
        policy.role = peer.role
        policy.alternative = peer.localAS
        policy.takesLongLivedStale = negotiated.peerLongLived != nil
        policy.sendsLongLivedStaleToAll = peer.sendsLongLivedStale
        policy.isRouteServerClient = peer.isRouteServerClient
        policy.ipv6LinkLocal = addresses.ipv6LinkLocal
        return policy
    }

    /// The session is down: what the peer was told is void, and its paths go, but for those that a peer which restarts
    /// gracefully asked us to keep. With `keepsRoutes` they stay as stale ones, for its restart time at most.
    package mutating func down(_ id: PeerID, keepsRoutes: Bool, at now: Instant) {
        rib.stopExport(to: id)
        let session = peers[id]?.session
        // Without a session it is what was kept of an earlier one that goes.
        guard peers[id] != nil, session != nil || !keepsRoutes else { return }
        peers[id]?.session = nil
        let retained = session.flatMap {
            keepsRoutes ? RetainedPaths($0.negotiated, $0.addresses, after: peers[id]?.retained, at: now) : nil
        }
        peers[id]?.retained = retained
        for family in AddressFamily.allCases {
            guard let retained, retained.families.contains(family) else {
                rib.removePaths(of: id, family)
                continue
            }
            // What an earlier restart left stale has had its time (RFC 4724 section 4.2).
            if !retained.continues(family) { rib.sweepStale(family, of: id) }
            rib.markStale(family, of: id)
        }
    }

    /// The peer is back: families for which its OPEN does not say that forwarding went on lose their stale paths now,
    /// the others keep them until End-of-RIB.
    private mutating func resume(_ id: PeerID, _ negotiated: Negotiated, at now: Instant) {
        guard var retained = peers[id]?.retained else { return }
        for family in retained.resume(negotiated, at: now) { rib.sweepStale(family, of: id) }
        peers[id]?.retained = retained.isEmpty ? nil : retained
    }

    /// From the last End-of-RIB to the sweep. RFC 4724 says at once; FRR 8.4 was seen to send the marker of IPv6 before
    /// the table that it ends, and a route that goes and comes back loses packets.
    package static let sweepGrace = Duration.seconds(2)

    /// When `expireRetained` has something to do.
    package var nextDeadline: Instant? { peers.values.compactMap(\.retained?.deadline).min() }

    /// Removes stale paths whose time is over, or makes them paths of last resort.
    package mutating func expireRetained(at now: Instant) {
        for (id, record) in peers {
            guard var retained = record.retained else { continue }
            for step in retained.expire(at: now) {
                switch step {
                case .keepLong(let family): rib.keepLong(family, of: id)
                case .sweep(let family): rib.sweepStale(family, of: id)
                }
            }
            peers[id]?.retained = retained.isEmpty ? nil : retained
        }
    }

    /// Paths of a peer that count against its limit, in its fullest family.
    package func pathCount(_ id: PeerID) -> (family: AddressFamily, count: Int) {
        let (ipv4, ipv6) = (rib.counts(id, .ipv4).counted, rib.counts(id, .ipv6).counted)
        return ipv4 >= ipv6 ? (.ipv4, ipv4) : (.ipv6, ipv6)
    }

    /// See `RIBTables.blocked`.
    package func blocked(_ id: PeerID) -> (count: Int, hasRoom: Bool) { rib.blocked(id) }

    /// See `RIBTables.forgetBlocked`.
    package mutating func forgetBlocked(_ id: PeerID) { rib.forgetBlocked(id) }

    private mutating func endOfRIB(_ family: AddressFamily, from id: PeerID, at now: Instant) {
        peers[id]?.session?.endOfRIBReceived.insert(FamilySet(family))
        peers[id]?.retained?.endOfRIB(family, at: now)
        guard let record = peers[id], let retained = record.retained,
            record.session?.endOfRIBReceived.isSuperset(of: retained.families) == true
        else { return }
        peers[id]?.retained?.complete(after: Self.sweepGrace, at: now)
        if retained.isEmpty { peers[id]?.retained = nil }
    }

    /// Applies UPDATEs of an established session, in their order.
    package mutating func receive(_ batch: UpdateBatch, from id: PeerID, at now: Instant) {
        guard peers[id]?.session != nil else { return }
        let seconds = seconds(now)
        for entry in batch.entries {
            if case .endOfRIB(let family) = entry.action { endOfRIB(family, from: id, at: now) }
            rib.apply(entry, of: batch, from: id, at: seconds)
        }
    }

    // MARK: what comes out

    /// Whether `work` has something to do: what a lost session or a new policy asks of the whole table.
    package var hasWork: Bool { rib.hasWork }

    /// Goes on with it, over at most `limit` prefixes of each family.
    package mutating func work(limit: Int) { rib.work(limit: limit) }

    /// Whether `takeChanges` has more.
    package var hasChanges: Bool { rib.hasChanges }

    /// Takes at most `limit` changes of the Loc-RIB; `describing` false when nobody installs routes.
    package mutating func takeChanges(limit: Int, describing: Bool) -> [LocRIBChange] {
        rib.takeChanges(limit: limit, describing: describing)
    }

    /// Whether prefixes, or an End-of-RIB, wait for `takeMessages`.
    package func hasMessages(for id: PeerID) -> Bool {
        guard let record = peers[id], let session = record.session else { return false }
        var waiting = session.refreshing.union(session.owesRefresh)
        // A refresh stands behind the End-of-RIB, and waits with it.
        let isHeld = holdsEndOfRIB(record)
        if isHeld { waiting.subtract(session.owesEndOfRIB) } else { waiting.formUnion(session.owesEndOfRIB) }
        return !waiting.isEmpty || session.negotiated.families.families.contains { rib.hasMessages($0, for: id) }
    }

    /// UPDATEs for at most `limit` prefixes a family, or what was packed in one portion for all peers that get the
    /// same. Empty when the peer may be told of none of these, which does not mean that nothing is left: see
    /// `hasMessages`. End-of-RIB follows the last prefix of the first table and never overtakes one.
    package mutating func takeMessages(for id: PeerID, limit: Int) -> [UInt8] {
        guard let record = peers[id], var session = record.session else { return [] }
        let isHeld = holdsEndOfRIB(record)
        var bytes: [UInt8] = []
        func add(_ more: [UInt8]) {
            // The first portion as it is: other peers have the same octets.
            if bytes.isEmpty { bytes = more } else { bytes += more }
        }
        var packer = UpdatePacker(fourOctetAS: session.negotiated.fourOctetAS)
        for family in session.negotiated.families.families {
            // Never before End-of-RIB (RFC 7313 section 4).
            if session.owesRefresh.contains(family), !session.owesEndOfRIB.contains(family) {
                session.owesRefresh.remove(FamilySet(family))
                session.refreshing.insert(FamilySet(family))
                packer.routeRefresh(RouteRefresh(afi: family.afi, subtype: RouteRefresh.begin, safi: 1))
                add(packer.take())
                rib.resend(family, to: id)
            }
            add(rib.takeMessages(family, for: id, limit: limit))
            guard !rib.hasMessages(family, for: id) else { continue }
            if !isHeld, session.owesEndOfRIB.remove(FamilySet(family)) != nil { packer.endOfRIB(family) }
            if session.refreshing.remove(FamilySet(family)) != nil {
                packer.routeRefresh(RouteRefresh(afi: family.afi, subtype: RouteRefresh.end, safi: 1))
            }
            add(packer.take())
        }
        peers[id]?.session = session
        return bytes
    }

    /// Whether every configured peer is up and has sent its End-of-RIB: what an earlier run left can then be judged.
    package var isConverged: Bool {
        peers.values.allSatisfy { record in
            guard let session = record.session else { return record.isShut }
            return session.endOfRIBReceived.isSuperset(of: session.negotiated.families)
        }
    }

    // MARK: questions

    package func peer(_ id: PeerID) -> SpeakerPeer? { peers[id]?.peer }

    /// Our addresses on the peer's link, also while it restarts.
    package func addresses(_ id: PeerID) -> SessionAddresses? {
        peers[id].flatMap { $0.session?.addresses ?? $0.retained?.addresses }
    }

    package func paths(_ query: PathQuery) -> [PathView] { rib.paths(query) }

    /// Prefixes known in each family, and distinct sets of attributes: what grows with what peers send.
    package var tableSizes: (ipv4: Int, ipv6: Int, attributes: Int) { rib.sizes }

    /// Seconds since the speaker's start, the unit of a path's age.
    package func seconds(_ now: Instant) -> UInt32 { UInt32(clamping: (now - startTime).wholeSeconds) }

    /// A peer's numbers for each negotiated family.
    package func summaries(_ id: PeerID) -> [FamilySummary] {
        guard let record = peers[id], let session = record.session else { return [] }
        return session.negotiated.families.families.map { family in
            var summary = FamilySummary(
                family: family, paths: rib.counts(id, family), advertised: rib.advertisedCount(id, family),
                pending: rib.pendingCount(family, for: id),
                endOfRIBReceived: session.endOfRIBReceived.contains(family),
                endOfRIBSent: !session.owesEndOfRIB.contains(family),
                obstacle: session.addresses.obstacle(family, session.negotiated))
            summary.receivesPathIDs = session.negotiated.pathIDsReceived.contains(family)
            summary.sendsPathIDs = session.negotiated.pathIDsSent.contains(family)
            return summary
        }
    }
}
