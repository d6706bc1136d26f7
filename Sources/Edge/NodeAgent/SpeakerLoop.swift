import BGPSession
import BGPSpeaker
import BGPWire
import DispatchIO
import FIB
import Logging
import NetTypes
import RIB

/// The RIB's loop: updates in, decisions, kernel changes and packed UPDATEs out, in turns of bounded length.
actor SpeakerLoop: Loop {
    nonisolated let executor = LoopExecutor(label: "martlet.speaker")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Prefixes in one turn, so that questions and sessions get theirs in between.
    private static let prefixesPerTurn = 4096
    /// Prefixes in one turn of a pass over the whole table, most of which are only looked at.
    private static let scannedPerTurn = 16384

    var speaker: Speaker
    private var outputs: [PeerID: Output] = [:]
    private var loops: [PeerID: PeerLoop] = [:]
    /// Hears how many sessions are established, whenever that may have changed.
    private var onSessions: (@Sendable (Int) -> Void)?
    /// Hears once that every peer has told all, or that the deferral is over.
    private var onConvergence: (@Sendable () -> Void)?
    /// Who else announces our prefixes.
    var conflicts = ConflictWatch()
    var onConflicts: (@Sendable ([PrefixConflict]) -> Void)?
    private var paces: [PeerID: AdvertisementPace] = [:]
    let kernel: KernelLoop?
    private let logger: Logger
    private var topology = Topology()
    private var isTurnPosted = false
    /// All peers are added: from now on it makes sense to ask whether they have converged.
    private var isStarted = false
    private var isConverged = false
    /// Every peer has sent End-of-RIB; the sweep follows after a moment.
    private var isComplete = false
    private var timer: LoopTimer?
    /// Peers of ranges may be on their way, and nobody knows how many: what they left waits for the time to pass.
    var awaitsCallers = false
    /// When End-of-RIB need not be kept back any longer.
    private var endOfRIBTime: Instant?
    /// When the deferral ends.
    private var deadline: Instant?
    let deferralTime: Duration
    /// Changes that may not reach the kernel while the node says goodbye.
    var held = HeldChanges()
    var holdTimer: LoopTimer?
    /// The node's own prefixes and the aggregates that are announced: `unreachable` as a whole.
    var unreachable: Set<Prefix> = []
    var originated: Set<Prefix> = []
    /// The kernel loop knows of next hops that are lost, and not yet of everything that follows.
    var isTellingLoss = false
    /// All peers are back, and what is held goes after a moment.
    var isHoldEnding = false

    /// The way to an established peer.
    private struct Output {
        let connection: ConnectionID
        /// Both ends of the connection.
        let local: SocketAddress?
        let remote: IPAddress?
        /// The peer's loop takes more bytes. One portion is on its way at a time, so a slow peer costs no memory.
        var isWritable = true
    }

    /// `kernel` nil: nothing is installed (route server).
    init(
        policy: ImportPolicy, maximumPaths: Int, deferralTime: Duration, kernel: KernelLoop?, seed: UInt64,
        logger: Logger
    ) {
        speaker = Speaker(policy: policy, maximumPaths: maximumPaths, seed: seed, at: .now)
        self.kernel = kernel
        self.deferralTime = deferralTime
        self.logger = logger
    }

    // MARK: configuration

    /// Starts the deferral: stale routes wait for the peers until it is over (RFC 4724 section 4.1).
    func start() {
        deadline = .now + deferralTime
        timer = LoopTimer(queue: executor.queue) { [weak self] in self?.assumeIsolated { $0.tick() } }
        isStarted = true
        wake()
    }

    /// An earlier run has left its routes in the kernel and with the peers: who passes routes on keeps his End-of-RIB
    /// back until the deferral is over.
    func beginDeferral(awaitingCallers: Bool) {
        speaker.isDeferring = true
        awaitsCallers = awaitingCallers
    }

    private func tick() {
        let now = Instant.now
        speaker.expireRetained(at: now)
        if let endOfRIBTime, endOfRIBTime <= now { speaker.isDeferring = false }
        if !isConverged, let deadline, deadline <= now { converge(byDeadline: !isComplete || awaitsCallers) }
        wake()
    }

    /// Ends the deferral, and lets go of the peers' loops, which hold this one.
    func stop() {
        isConverged = true
        timer?.cancel()
        timer = nil
        holdTimer?.cancel()
        holdTimer = nil
        loops = [:]
        outputs = [:]
        (onSessions, onConvergence, onConflicts) = (nil, nil, nil)
    }

    func addPeer(_ peer: SpeakerPeer) -> PeerID { speaker.addPeer(peer) }

    func observeSessions(_ body: @Sendable @escaping (Int) -> Void) { onSessions = body }

    func observeConvergence(_ body: @Sendable @escaping () -> Void) { onConvergence = body }

    func setLoop(_ loop: PeerLoop, for id: PeerID) { loops[id] = loop }

    /// How long one round of UPDATEs to a peer keeps the next one waiting; zero: not at all.
    func setPace(_ interval: Duration, for id: PeerID) {
        guard paces[id]?.interval ?? .zero != interval else { return }
        paces[id, default: AdvertisementPace()].interval = interval
        wake()
    }

    /// Convergence does not wait for a peer whose session is shut down.
    func setShut(_ isShut: Bool, _ id: PeerID) {
        speaker.setShut(isShut, id)
        wake()
    }

    func removePeer(_ id: PeerID) {
        paces[id] = nil
        speaker.removePeer(id)
        outputs[id] = nil
        onSessions?(outputs.count)
        loops[id] = nil
        wake()
    }

    func originate(_ prefixes: Set<Prefix>) {
        originated = prefixes
        conflicts.needsScan = true
        speaker.originate(prefixes, at: .now)
        wake()
    }

    /// Changes the policy; the node's addresses in it are the topology's.
    func setPolicy(_ change: @Sendable (inout ImportPolicy) -> Void) {
        var policy = speaker.importPolicy
        change(&policy)
        speaker.importPolicy = policy
        wake()
    }

    func setTopology(_ topology: Topology) {
        self.topology = topology
        // An IPv6 address is often there only after the session: duplicate address detection takes seconds.
        for (id, output) in outputs {
            speaker.setAddresses(topology.sessionAddresses(output.local, output.remote), for: id)
        }
        // Without the pods' links, which only have link-local addresses: else every new pod would judge the whole table
        // anew.
        let own = Set(topology.interfaces.lazy.filter { !$0.isPodLink }.flatMap(\.addresses).map(\.address))
        let subnets = topology.linkSubnets
        let routed = topology.gatewayRoutes.map(\.prefix)
        setPolicy { policy in
            policy.ownAddresses = own
            policy.linkSubnets = subnets
            policy.routedPrefixes = routed
        }
    }

    // MARK: sessions

    func established(
        _ id: PeerID, _ connection: ConnectionID, _ negotiated: Negotiated, local: SocketAddress?, remote: IPAddress?
    ) {
        guard speaker.peer(id) != nil else { return }
        let addresses = topology.sessionAddresses(local, remote)
        speaker.established(id, negotiated, addresses, at: .now)
        outputs[id] = Output(connection: connection, local: local, remote: remote)
        forgetLoss()
        onSessions?(outputs.count)
        paces[id]?.restart()
        for summary in speaker.summaries(id) where summary.obstacle != nil {
            LogLine.noNextHop(peer: speaker.peer(id)?.name ?? "", family: summary.family).log(to: logger)
        }
        wake()
    }

    func down(_ id: PeerID, keepsRoutes: Bool) {
        outputs[id] = nil
        onSessions?(outputs.count)
        if !keepsRoutes { tellLoss(of: id) }
        speaker.down(id, keepsRoutes: keepsRoutes, at: .now)
        wake()
    }

    func receive(_ batch: UpdateBatch, from id: PeerID, loop: PeerLoop) {
        speaker.receive(batch, from: id, at: .now)
        noteConflicts(batch)
        if speaker.blocked(id).count > 0 { loop.post { $0.limitBlocks() } }
        let (fullest, count) = (speaker.pathCount(id), batch.announcedCount)
        loop.post { $0.batchIsDone(fullest.family, held: fullest.count, announcing: count) }
        wake()
    }

    func refresh(_ family: AddressFamily, for id: PeerID) {
        speaker.refresh(family, for: id)
        wake()
    }

    /// Tells a peer everything again; false when there is no session.
    func resend(to id: PeerID) -> Bool {
        let families = speaker.summaries(id).map(\.family)
        for family in families { refresh(family, for: id) }
        return !families.isEmpty
    }

    /// Whether every peer that is up has told all, or the deferral is over: what the node forwards is its own doing.
    var hasConverged: Bool { isConverged }

    func refreshBegan(_ family: AddressFamily, from id: PeerID) { speaker.refreshBegan(family, from: id, at: .now) }

    func refreshEnded(_ family: AddressFamily, from id: PeerID) {
        speaker.refreshEnded(family, from: id)
        wake()
    }

    func peerIsWritable(_ id: PeerID, _ connection: ConnectionID) {
        guard outputs[id]?.connection == connection else { return }
        outputs[id]?.isWritable = true
        // Else a turn would find nothing to say; a round that is over must be seen to be.
        if paces[id] != nil || speaker.hasMessages(for: id) { wake() }
    }

    // MARK: turns

    func wake() {
        guard !isTurnPosted else { return }
        isTurnPosted = true
        post { $0.turn() }
    }

    private func turn() {
        isTurnPosted = false
        speaker.work(limit: Self.scannedPerTurn)
        let changes = speaker.takeChanges(limit: Self.prefixesPerTurn, describing: kernel != nil)
        if let kernel, !changes.isEmpty {
            var last = LastChange()
            let routes = held.pass(changes.map { fibChange($0, &last) })
            if !routes.isEmpty { kernel.post { $0.apply(routes) } }
        }
        endLoss()
        installAggregates()
        checkConflicts()
        var isBusy = speaker.hasChanges || speaker.hasWork
        var waits: [Instant] = []
        for (id, output) in outputs where output.isWritable {
            if let wait = wait(for: id) {
                waits.append(wait)
                continue
            }
            let bytes = speaker.takeMessages(for: id, limit: Self.prefixesPerTurn)
            guard !bytes.isEmpty else {
                // Prefixes that the peer may not be told of make no bytes: others, or End-of-RIB, still wait behind
                // them.
                isBusy = isBusy || speaker.hasMessages(for: id)
                if !speaker.hasMessages(for: id) { paces[id]?.ended(at: .now, jitter: .random(in: .min ... .max)) }
                continue
            }
            paces[id]?.began()
            outputs[id]?.isWritable = false
            let (connection, count) = (output.connection, Self.messageCount(bytes))
            loops[id]?.post { $0.send(bytes, on: connection, messages: count) }
            isBusy = true
        }
        if isStarted, !isConverged, !isComplete, speaker.isConverged {
            isComplete = true
            if !awaitsCallers { deadline = .now + Speaker.sweepGrace }
            tellConvergence()
        }
        if isStarted, endOfRIBTime == nil, speaker.isDeferring, !awaitsCallers, speaker.hasHeardAll {
            endOfRIBTime = .now + Speaker.sweepGrace
        }
        let release = speaker.isDeferring ? endOfRIBTime : nil
        timer?.arm(([deadline, release, speaker.nextDeadline].compactMap { $0 } + waits).min(), at: .now)
        if held.mode == .removals, !awaitsCallers, speaker.isConverged { endHoldSoon() }
        if isBusy { wake() }
    }

    /// Until when a peer's next round waits, if something waits. A goodbye does not.
    private func wait(for id: PeerID) -> Instant? {
        guard speaker.farewell == .none, paces[id]?.mayBegin(at: .now) == false, speaker.hasMessages(for: id) else {
            return nil
        }
        return paces[id]?.deadline
    }

    /// Messages in packed bytes, by their length fields.
    private static func messageCount(_ bytes: [UInt8]) -> Int {
        var (count, offset) = (0, 0)
        while offset + 18 <= bytes.count {
            count += 1
            offset += max(19, Int(bytes[offset + 16]) << 8 | Int(bytes[offset + 17]))
        }
        return count
    }

    /// What the change before came to: of 100,000 routes most have the next hops of the one before.
    private struct LastChange {
        var best: LocRIBChange.Best?
        var change: FIBChange?
    }

    private func fibChange(_ change: LocRIBChange, _ last: inout LastChange) -> FIBChange {
        guard let best = change.best, best.peer != .local else { return FIBChange(prefix: change.prefix, route: nil) }
        if let known = last.change, last.best?.nextHops == best.nextHops, last.best?.isBlackhole == best.isBlackhole {
            return FIBChange(prefix: change.prefix, like: known)
        }
        let nextHops = best.nextHops.map { hop in
            DesiredNextHop(
                gateway: hop.address,
                interface: hop.address.isLinkLocal ? speaker.addresses(hop.peer)?.interface : nil,
                weight: hop.weight)
        }
        var route = DesiredRoute(prefix: change.prefix, nextHops: nextHops)
        route.isBlackhole = best.isBlackhole
        let wish = FIBChange(prefix: change.prefix, route: route)
        last = LastChange(best: best, change: wish)
        return wish
    }

    private func converge(byDeadline: Bool) {
        guard !isConverged else { return }
        isConverged = true
        deadline = nil
        speaker.isDeferring = false
        tellConvergence()
        LogLine.converged(byDeadline: byDeadline).log(to: logger)
        kernel?.post { $0.converged() }
        for loop in loops.values { loop.post { $0.restartIsOver() } }
    }

    private func tellConvergence() {
        onConvergence?()
        onConvergence = nil
    }

    /// Whether everything that was to be told has been told, and the peers' sockets took it.
    var isQuiet: Bool { !isTurnPosted && speaker.isQuiet && outputs.values.allSatisfy(\.isWritable) }

    // MARK: questions

    func summaries(_ id: PeerID) -> [FamilySummary] { speaker.summaries(id) }

    func kept(_ id: PeerID) -> (paths: Int, until: Instant?)? { speaker.kept(id) }

    func addresses(_ id: PeerID) -> SessionAddresses? { speaker.addresses(id) }

    /// Paths and the present time in the unit of their age.
    func paths(_ query: PathQuery) -> (views: [PathView], now: UInt32) { (speaker.paths(query), speaker.seconds(.now)) }
}
