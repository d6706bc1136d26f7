import BGPSession
import BGPWire
import DispatchIO
import Logging
import NetTypes
import RIB

/// One peer: its sockets, its session machine, framing and validation of its messages. UPDATEs go on to the speaker in
/// batches, so KEEPALIVEs leave on time whatever the RIB does.
actor PeerLoop: Loop {
    nonisolated let executor: LoopExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Batches of UPDATEs on their way to the speaker before reading pauses, and before it goes on. A batch is what
    /// came in at once, up to a bound (`UpdateBatch.isLarge`).
    private static let batchesHigh = 4
    private static let batchesLow = 2

    let id: PeerID
    let settings: PeerSettings
    /// What the peer may send; changes while the session lasts.
    var prefixLimit: Configuration.PrefixLimit?
    /// Where the peer is.
    var place: PeerPlace
    /// Sessions may be opened: `start` was called and `stop` was not.
    var isStarted = false
    /// The keys that connections have, where they are keys and not a password.
    var keysInUse: [TCPAOKeys.Identifiers] = []
    /// Since when there is no session.
    var idleSince = Instant.now
    /// How long the peer's routes are kept after the session that was lost.
    var patience = Duration.zero
    let speaker: SpeakerLoop
    let logger: Logger
    let history: HistoryBook
    var machine: Peer
    var wires: [ConnectionID: Wire] = [:] {
        didSet { if !captures.isEmpty { tapEnds() } }
    }
    /// Who listens to what is said.
    var captures: [PeerCapture] = []
    var silence = SilenceWatch()
    /// What the log said last of a silent peer.
    var lastAdvice: String?
    /// The connection that carries the session.
    var session: ConnectionID?
    private var timer: LoopTimer?
    /// Runs while a session is shut for having sent too much.
    var limitTimer: LoopTimer?
    var hasWarnedOfLimit = false
    /// When it is looked whether there is room for what the limit keeps out.
    var blockTimer: LoopTimer?
    private var faultLines = LogLimiter<AttributeFault>()
    /// Who calls and hangs up all the time makes a line a second; the history has every step.
    private var stateLines = LogAllowance()
    /// When the node last had no processor for us.
    var delayLines = LogLimiter<Delay>()
    private var batchesInFlight = 0
    /// What the speaker held of the peer at its last word, and what is on its way there.
    var tally = PrefixTally()
    private var isPaused = false
    /// What BFD says of the path to the peer; nil: nobody asks it.
    var pathWatch: PathWatch?
    private var batch = UpdateBatch()
    private var queue: [PeerAction] = []
    private var isPerforming = false

    /// Where to connect.
    struct PeerSettings: Sendable {
        var configuration: PeerConfiguration
        var port: UInt16
        var localAddress: IPAddress?
        var options = TCPOptions()
        /// What signs the segments; nil: nothing does.
        var secret: TCPSecret.Source?
        var prefixLimit: Configuration.PrefixLimit?
        /// Where the peer is at the start; nil: at its configured address.
        var place: PeerPlace?
        /// Whether IPv6 next hops are offered for IPv4; nil: over IPv6 sessions.
        var extendedNextHop: Bool?
    }

    /// A TCP connection with the framing of its stream.
    final class Wire {
        let connection: TCPConnection
        var framer = Framer()
        var memory = WireMemory()
        /// Octets given to the connection, and how many of them the peer's side had taken at the last look.
        private var queued = 0
        private var taken = 0

        init(_ connection: TCPConnection) { self.connection = connection }

        func send(_ bytes: [UInt8]) {
            queued += bytes.count
            connection.send(bytes)
        }

        /// Whether TCP has taken octets since the last call, or has none to take: the peer reads.
        func hasProgressed() -> Bool {
            let backlog = connection.backlog
            defer { taken = queued - backlog }
            return backlog == 0 || queued - backlog > taken
        }
    }

    init(
        id: PeerID, settings: PeerSettings, restart: RestartState, seed: UInt64, speaker: SpeakerLoop, logger: Logger,
        history: HistoryBook
    ) {
        executor = LoopExecutor(label: "martlet.peer.\(settings.configuration.name)", sharesThreads: true)
        self.id = id
        self.settings = settings
        prefixLimit = settings.prefixLimit
        place = settings.place ?? .at(PeerTarget(settings.configuration.address))
        self.speaker = speaker
        self.logger = logger
        self.history = history
        machine = Peer(settings.configuration, seed: seed)
        machine.restartState = restart
    }

    var name: String { settings.configuration.name }

    // MARK: life

    /// Opens the session.
    func start() {
        prepare()
        isStarted = true
        if let waiting { LogLine.peerWaits(peer: name, waiting).log(to: logger) }
        startMachine()
    }

    /// Makes what a session needs; without `start` it stays shut.
    func prepare() {
        guard timer == nil else { return }
        timer = LoopTimer(queue: executor.queue) { [weak self] in self?.assumeIsolated { $0.tick() } }
        silence.restart(.read(), at: .now)
    }

    /// Ends the session: with `notification`, or with nil by closing TCP only, which lets a graceful restart keep
    /// routes.
    func stop(_ notification: NotificationMessage?) {
        isStarted = false
        perform(machine.stop(notification, at: .now))
        timer?.cancel()
        timer = nil
        limitTimer?.cancel()
        limitTimer = nil
        blockTimer?.cancel()
        blockTimer = nil
    }

    /// The restart is over: later OPENs do not say "restarted" any more (RFC 4724 section 4.1).
    func restartIsOver() { machine.restartState.restarted = false }

    /// The peer has connected to our port.
    func accept(_ fd: CInt) {
        guard secure(fd) else { return }
        let (connection, actions) = machine.accepted(at: .now)
        addWire(connection, fd: fd, connecting: false)
        perform(actions)
    }

    /// Our address and port of the session.
    var localAddress: SocketAddress? { session.flatMap { wires[$0] }?.connection.localAddress }

    private func tick() {
        let now = Instant.now
        noteDelay(of: machine.nextDeadline, at: now)
        let wire = session.flatMap { wires[$0] }
        if let session, let wire, wire.hasProgressed() { machine.sendProgress(on: session, at: now) }
        perform(machine.tick(at: now, unreadInput: wire?.connection.hasUnreadInput ?? false))
    }

    // MARK: the machine's actions

    /// A send can fail at once, which makes the machine say more: that waits its turn, or `down` would overtake the
    /// `established` before it.
    func perform(_ actions: [PeerAction]) {
        queue += actions
        guard !isPerforming else { return }
        isPerforming = true
        var next = 0
        while next < queue.count {
            perform(queue[next])
            next += 1
        }
        queue.removeAll()
        isPerforming = false
        timer?.arm(machine.nextDeadline, at: .now)
    }

    private func perform(_ action: PeerAction) {
        switch action {
        case .connect(let connection): connect(connection)
        case .send(let connection, let message):
            guard let wire = wires[connection] else { return }
            if case .notification(let notification) = message { note(sent: notification) }
            var writer = ByteWriter(capacity: 64)
            message.encode(into: &writer, in: machine.decodeContext(on: connection))
            if case .open = message { wire.memory.keep(writer.bytes, .sent) }
            transmit(writer.bytes, on: connection, wire)
        case .close(let connection):
            wires.removeValue(forKey: connection)?.connection.close()
        case .established(let connection, let negotiated): established(connection, negotiated)
        case .deliver(_, let update):
            batch.append(update)
            deliverBatch()
        case .refresh(let family): speaker.post { [id] in $0.refresh(family, for: id) }
        case .refreshBegan(let family): speaker.post { [id] in $0.refreshBegan(family, from: id) }
        case .refreshEnded(let family): speaker.post { [id] in $0.refreshEnded(family, from: id) }
        case .down(let reason): down(reason)
        case .stateChanged(let from, let to, let reason):
            if to == .established || from == .established || stateLines.take(at: .now) {
                LogLine.peerState(peer: name, from: "\(from)", to: "\(to)", reason: reason).log(to: logger)
            }
            note(from, to, reason)
        }
    }

    private func established(_ connection: ConnectionID, _ negotiated: Negotiated) {
        session = connection
        lastAdvice = nil
        pathWatch?.sessionIsUp()
        // A capability without families asks for nothing to be kept (RFC 4724 section 3).
        let restart = negotiated.peerGracefulRestart.flatMap { $0.families.isEmpty ? nil : $0.restartTime }
        patience = .seconds(Int64(restart ?? 0))
        useSendHoldTime(negotiated.sendHoldTime, of: connection)
        batchesInFlight = 0
        tally = PrefixTally()
        isPaused = false
        let families = negotiated.families.families.map { "\($0)-unicast" }.joined(separator: ",")
        LogLine.peerUp(
            peer: name, families: families, holdTime: negotiated.holdTime,
            restarted: negotiated.peerGracefulRestart?.restarted ?? false
        ).log(to: logger)
        note(up: families)
        let (local, remote) = (wires[connection]?.connection.localAddress, target?.address)
        speaker.post { [id] in $0.established(id, connection, negotiated, local: local, remote: remote) }
    }

    private func down(_ reason: DownReason) {
        session = nil
        idleSince = .now
        if !reason.keepsRoutes { patience = .zero }
        pathWatch?.sessionIsLost(keepsRoutes: reason.keepsRoutes)
        silence.restart(.read(), at: .now)
        batch = UpdateBatch()
        LogLine.peerDown(peer: name, reason: reason.text, keepsRoutes: reason.keepsRoutes).log(to: logger)
        note(down: reason)
        speaker.post { [id] in $0.down(id, keepsRoutes: reason.keepsRoutes) }
    }

    // MARK: bytes in

    /// Takes what a connection received apart into messages.
    func received(_ bytes: UnsafeRawBufferPointer, on connection: ConnectionID) {
        guard let wire = wires[connection] else { return }
        let now = Instant.now
        tap(received: bytes, on: connection, wire)
        wire.framer.append(bytes)
        // Only what is no UPDATE changes it, and to make it is a tenth of what a small UPDATE costs.
        var context = machine.decodeContext(on: connection)
        while wires[connection] != nil {
            wire.framer.adopt(context)
            switch wire.framer.next() {
            case .needMore:
                if batch.isLarge { deliverBatch() }
                return
            case .malformed(let notification):
                guard !wire.framer.isNotificationNext else { return hangUp(on: connection, at: now) }
                return refuse(notification, on: connection, at: now)
            case .message(let type, let body):
                if type == 1 { wire.memory.keep(wire.framer.message(body), .received) }
                do throws(NotificationMessage) {
                    if type == 2, machine.receivedUpdate(on: connection, at: now) {
                        let faults = try wire.framer.readUpdate(body, in: context, into: &batch)
                        log(faults, of: wire.framer.message(body))
                    } else {
                        let message = try wire.framer.decode(type: type, body: body, in: context)
                        if case .update(let update) = message { log(update.faults, of: wire.framer.message(body)) }
                        handle(message, on: connection, at: now)
                        context = machine.decodeContext(on: connection)
                    }
                } catch {
                    note(malformed: wire.framer.message(body), error)
                    return refuse(error, on: connection, at: now)
                }
            }
        }
        deliverBatch()
    }

    private func handle(_ message: Message, on connection: ConnectionID, at now: Instant) {
        if case .notification(let notification) = message { note(received: notification) }
        deliverBatch()
        perform(machine.received(message, on: connection, at: now))
    }

    private func refuse(_ notification: NotificationMessage, on connection: ConnectionID, at now: Instant) {
        deliverBatch()
        perform(machine.malformed(notification, on: connection, at: now))
    }

    /// A NOTIFICATION that cannot be read is never answered with one (RFC 4271 section 6.4).
    private func hangUp(on connection: ConnectionID, at now: Instant) {
        deliverBatch()
        wires.removeValue(forKey: connection)?.connection.close()
        perform(machine.closed(connection, reason: "a NOTIFICATION of a wrong length was received", at: now))
    }

    /// Each kind of fault is said once a minute: the peer decides how many it sends. The history counts them all.
    private func log(_ faults: [AttributeFault], of message: @autoclosure () -> [UInt8]) {
        guard !faults.isEmpty else { return }
        let message = message()
        for fault in faults {
            note(fault, in: message)
            guard let leftOut = faultLines.admit(fault, at: .now) else { continue }
            if leftOut > 0 { LogLine.leftOut("malformed attribute (RFC 7606)", leftOut).log(to: logger) }
            LogLine.attributeFault(
                peer: name, code: fault.code, remedy: "\(fault.remedy)", reason: fault.reason
            ).log(to: logger)
        }
    }

    /// What was read goes to the speaker: one way there for all that came together, not one for each read.
    func deliverBatch() {
        guard !batch.isEmpty else { return }
        timer?.arm(machine.nextDeadline, at: .now)
        let batch = batch
        self.batch = UpdateBatch()
        batchesInFlight += 1
        tally.send(batch.announcedCount)
        if batchesInFlight >= Self.batchesHigh || isNearLimit { pause(true) }
        speaker.post { [id] in $0.receive(batch, from: id, loop: self) }
    }

    /// The speaker has worked on a batch that announced `count` prefixes; its fullest family now holds that many paths
    /// of this peer.
    func batchIsDone(_ family: AddressFamily, held: Int, announcing count: Int) {
        tally.arrived(count, held: held)
        checkLimit(family, held: held)
        batchesInFlight = max(0, batchesInFlight - 1)
        if batchesInFlight == 0 || batchesInFlight <= Self.batchesLow && !isNearLimit { pause(false) }
    }

    private func pause(_ on: Bool) {
        guard on != isPaused, let session, let wire = wires[session] else { return }
        isPaused = on
        wire.connection.setReading(!on)
    }

    // MARK: bytes out

    /// Sends UPDATEs that the speaker packed for a session; those for an older session are dropped.
    func send(_ bytes: [UInt8], on connection: ConnectionID, messages: Int) {
        guard connection == session, let wire = wires[connection] else { return }
        machine.countSentUpdates(messages)
        transmit(bytes, on: connection, wire)
        if !wire.connection.isFull { speaker.post { [id] in $0.peerIsWritable(id, connection) } }
    }

    func drained(_ connection: ConnectionID) {
        speaker.post { [id] in $0.peerIsWritable(id, connection) }
    }
}
