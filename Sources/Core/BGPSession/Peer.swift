import BGPWire
import NetTypes

/// The session machine of one configured neighbour: RFC 4271 section 8 with passive and active opening, at most two
/// connections, collision detection, ConnectRetry and back-off. Pure and total: every call takes the time and returns
/// what its owner must do, in order; calls about connections that are gone do nothing.
///
/// `Connection` is the table of one TCP connection. This type is what lies between connections: when to dial
/// (`Peer+Dialing.swift`) and which of two connections lives (`Peer+Collision.swift`).
package struct Peer: Sendable {
    enum Mode: Sendable {
        case stopped
        /// Idle for a while after an error; connections are neither opened nor taken.
        case backOff
        case running
    }

    enum Timer: Sendable, Hashable {
        case connectRetry
        /// The back-off is over.
        case idleHold
        /// The stronger of two connections has had its time to show an OPEN.
        case collision
    }

    /// A change counts from the next connection on.
    package var configuration: PeerConfiguration
    /// What the next OPEN says of our own restart.
    package var restartState = RestartState()

    var mode = Mode.stopped
    var connections: [Connection] = []
    /// The connection in Established.
    package private(set) var session: ConnectionID?
    private var sessionSince: Instant?
    var timers = TimerSet<Timer>()
    var random: SplitMix
    /// The peer's last word was that it takes no capabilities: the next OPEN has none.
    private var refusesCapabilities = false
    /// The next back-off.
    var idleHoldTime = Self.shortestIdleHold
    var pending: [PeerAction] = []
    /// Why the state changes, for the log line at the end of the call.
    var reason = ""

    private var nextID: UInt32 = 0
    /// The last UPDATE, which restarted the hold timer.
    private var lastUpdate: (id: ConnectionID, time: Instant)?
    private var published = PeerState.idle
    private var since: Instant?
    private var lastError: SessionError?
    private var lastNotification: SessionError?
    private var received = MessageCounters()
    private var sent = MessageCounters()
    private var establishedCount: UInt64 = 0
    private var flaps: UInt64 = 0

    /// `seed` drives the jitter of timers; the same seed and calls give the same actions.
    package init(_ configuration: PeerConfiguration, seed: UInt64) {
        self.configuration = configuration
        self.random = SplitMix(seed: seed)
    }
}

// MARK: - Events

extension Peer {
    /// Begins to open and to take connections, at once and without back-off. Nothing when already started.
    package mutating func start(at now: Instant) -> [PeerAction] {
        guard mode == .stopped else { return [] }
        mode = .running
        idleHoldTime = Self.shortestIdleHold
        reason = "started"
        dial(at: now)
        return finish(at: now)
    }

    /// Ends every connection and takes no more until `start`. With nil, TCP is closed without NOTIFICATION, which lets
    /// a peer keep our routes while we restart (RFC 4724). `text` says why, for people.
    package mutating func stop(
        _ notification: NotificationMessage?, because text: String? = nil, at now: Instant
    ) -> [PeerAction] {
        mode = .stopped
        let failure = Failure(.administrative(notification), text)
        for id in connections.map(\.id) { handle(.stop(failure), on: id, at: now) }
        timers.stopAll()
        reason = failure.text
        return finish(at: now)
    }

    /// The peer opened a connection. The identifier is valid even if the actions close it at once.
    package mutating func accepted(at now: Instant) -> (ConnectionID, [PeerAction]) {
        let id = admit(at: now)
        return (id, finish(at: now))
    }

    /// TCP is up that `connect` asked for.
    package mutating func connected(_ id: ConnectionID, at now: Instant) -> [PeerAction] {
        reason = "TCP connection is up"
        return turn(.connected(open), on: id, at: now)
    }

    /// TCP did not come up; the socket is released already, so no `close` follows.
    package mutating func connectFailed(_ id: ConnectionID, reason: String, at now: Instant) -> [PeerAction] {
        turn(.connectFailed(reason), on: id, at: now)
    }

    /// A message arrived. A NOTIFICATION that is itself malformed belongs here as well, because it is never answered.
    package mutating func received(_ message: Message, on id: ConnectionID, at now: Instant) -> [PeerAction] {
        guard connections.contains(where: { $0.id == id }) else { return [] }
        received.count(message)
        reason = "\(message.name) received"
        return turn(.received(message), on: id, at: now)
    }

    /// The fast path for an UPDATE in Established: true when the hold timer was restarted and the caller may use the
    /// UPDATE itself; false when it belongs into `received`, which knows what to do in other states.
    package mutating func receivedUpdate(on id: ConnectionID, at now: Instant) -> Bool {
        guard id == session, let index = connections.firstIndex(where: { $0.id == id }) else { return false }
        received.update &+= 1
        // Hundreds come in one read, at one moment.
        if lastUpdate?.id != id || lastUpdate?.time != now {
            connections[index].heardUpdate(at: now)
            lastUpdate = (id, now)
        }
        return true
    }

    /// Octets arrived that are no message; they are answered with this NOTIFICATION.
    package mutating func malformed(
        _ notification: NotificationMessage, on id: ConnectionID, at now: Instant
    ) -> [PeerAction] {
        turn(.malformed(notification), on: id, at: now)
    }

    /// The peer closed TCP, or TCP failed; the socket is released already, so no `close` follows.
    package mutating func closed(_ id: ConnectionID, reason: String, at now: Instant) -> [PeerAction] {
        turn(.closed(reason), on: id, at: now)
    }

    /// The peer took octets of ours since the last report, or none wait to be sent: it reads (RFC 9687). To be said at
    /// least before each `tick`.
    package mutating func sendProgress(on id: ConnectionID, at now: Instant) {
        guard let index = connections.firstIndex(where: { $0.id == id }) else { return }
        connections[index].sendProgressed(at: now)
    }

    /// Runs the timers that are due. `unreadInput`: octets of the peer wait in the socket, so a hold timer that expires
    /// is our own slowness, and the peer is given 10 s more each time (as BIRD does).
    package mutating func tick(at now: Instant, unreadInput: Bool = false) -> [PeerAction] {
        while let timer = timers.popExpired(at: now) { expired(timer, at: now) }
        for id in connections.map(\.id) {
            while let index = connections.firstIndex(where: { $0.id == id }),
                let timer = connections[index].popExpired(at: now, unreadInput: unreadInput)
            {
                handle(.expired(timer), on: id, at: now)
            }
        }
        return finish(at: now)
    }

    /// When `tick` must be called next.
    package var nextDeadline: Instant? {
        connections.reduce(timers.next) { earliest, connection in
            guard let next = connection.timers.next else { return earliest }
            return earliest.map { min($0, next) } ?? next
        }
    }

    /// Asks the peer for its routes again (RFC 2918); nothing when there is no session or the peer cannot.
    package mutating func requestRefresh(_ family: AddressFamily) -> [PeerAction] {
        guard let session, let negotiated = negotiated(session), negotiated.routeRefresh,
            negotiated.families.contains(family)
        else { return [] }
        send(.routeRefresh(RouteRefresh(afi: family.afi, safi: 1)), on: session)
        return drain()
    }

    /// UPDATEs that the owner sent by itself, for the counters.
    package mutating func countSentUpdates(_ count: Int) { sent.update &+= UInt64(max(0, count)) }

    /// How to decode what arrives on this connection: as negotiated, from OpenConfirm on.
    package func decodeContext(on id: ConnectionID) -> DecodeContext {
        negotiated(id)?.decodeContext
            ?? DecodeContext(families: configuration.families, isExternal: configuration.isExternal)
    }
}

// MARK: - One event, its effects, and the end of a call

extension Peer {
    private mutating func turn(_ event: Connection.Event, on id: ConnectionID, at now: Instant) -> [PeerAction] {
        handle(event, on: id, at: now)
        return finish(at: now)
    }

    mutating func handle(_ event: Connection.Event, on id: ConnectionID, at now: Instant) {
        guard let index = connections.firstIndex(where: { $0.id == id }) else { return }
        for effect in connections[index].handle(event, at: now) { perform(effect, of: id, at: now) }
    }

    private mutating func perform(_ effect: Connection.Effect, of id: ConnectionID, at now: Instant) {
        switch effect {
        case .connect: pending.append(.connect(id))
        case .send(let message): send(message, on: id)
        case .close: pending.append(.close(id))
        case .opened: settle(id, at: now)
        case .established: promote(id, at: now)
        case .deliver(let update): pending.append(.deliver(id, update))
        case .refresh(let family): pending.append(.refresh(family))
        case .refreshBegan(let family): pending.append(.refreshBegan(family))
        case .refreshEnded(let family): pending.append(.refreshEnded(family))
        case .failed(let failure): remove(id, failure, at: now)
        }
    }

    mutating func send(_ message: Message, on id: ConnectionID) {
        sent.count(message)
        pending.append(.send(id, message))
    }

    /// Our OPEN. Once a session was up, what the kernel forwards has survived its loss and must be said to
    /// (RFC 4724 section 4.1), or a peer that kept our routes drops them.
    var open: Open {
        if refusesCapabilities, let plain = configuration.plainOpen() { return plain }
        var restart = restartState
        if establishedCount > 0 { restart.forwardingPreserved = configuration.families }
        return configuration.open(restart)
    }

    mutating func newConnection(_ direction: Direction) -> ConnectionID {
        let id = newID()
        let jitter = SplitMix(seed: random.next())
        connections.append(Connection(id, direction, configuration, random: jitter))
        return id
    }

    mutating func newID() -> ConnectionID {
        nextID &+= 1
        return ConnectionID(rawValue: nextID)
    }

    func negotiated(_ id: ConnectionID) -> Negotiated? { connections.first { $0.id == id }?.negotiated }

    /// The connection is established. Whatever else there is gives way: a connection of the same moment by Cease, the
    /// session of a peer that has restarted without a word (RFC 4724 section 5).
    private mutating func promote(_ id: ConnectionID, at now: Instant) {
        guard let negotiated = negotiated(id) else { return }
        for other in connections.map(\.id) where other != id {
            let isOld = other == session
            drop(other, isOld ? Failure(.replaced, "the peer has restarted and connected again") : collision, at: now)
        }
        timers.stopAll()
        session = id
        sessionSince = now
        establishedCount &+= 1
        pending.append(.established(id, negotiated))
    }

    private mutating func remove(_ id: ConnectionID, _ failure: Failure, at now: Instant) {
        let context = negotiated(id)
        if let connection = connections.first(where: { $0.id == id }) { learn(from: failure, of: connection) }
        connections.removeAll { $0.id == id }
        let wasSession = id == session
        if wasSession {
            forgetSession(failure, at: now)
            pending.append(.down(failure.downReason(context)))
        }
        record(failure, wasSession: wasSession, at: now)
        reason = failure.text
        releaseSurvivor(at: now)
        if connections.isEmpty, mode == .running { retry(after: failure, at: now) }
    }

    /// A peer that knows no capabilities says so once, and is then called without (RFC 5492 section 3). However that
    /// ends, they are offered again afterwards.
    private mutating func learn(from failure: Failure, of connection: Connection) {
        switch failure.cause {
        case .received(let notification) where connection.hasOfferedCapabilities:
            refusesCapabilities = notification.code == 2 && notification.subcode == 4
        default:
            if connection.hasSentOpen { refusesCapabilities = false }
        }
    }

    private mutating func forgetSession(_ failure: Failure, at now: Instant) {
        if let sessionSince, now - sessionSince >= Self.stableTime { idleHoldTime = Self.shortestIdleHold }
        session = nil
        sessionSince = nil
        if mode != .stopped { flaps &+= 1 }
    }

    /// What an operator wants to read later: not the losers of collisions, nor our own stop of what was not up.
    private mutating func record(_ failure: Failure, wasSession: Bool, at now: Instant) {
        guard let direction = failure.direction else { return }
        if mode == .stopped, !wasSession { return }
        if failure.notification?.isCollision == true, !connections.isEmpty { return }
        let error = SessionError(
            direction: direction, notification: failure.notification, text: failure.text, at: now)
        lastError = error
        if direction != .local { lastNotification = error }
    }

    mutating func finish(at now: Instant) -> [PeerAction] {
        let state = state
        if state != published {
            pending.append(.stateChanged(from: published, to: state, reason: reason))
            published = state
            since = now
        }
        return drain()
    }

    private mutating func drain() -> [PeerAction] {
        defer { pending = [] }
        return pending
    }

    /// The most advanced connection's; without one, Active when the peer may call, else Idle.
    private var state: PeerState {
        connections.map(\.state).max() ?? (mode == .running ? .active : .idle)
    }
}

// MARK: - Status

extension Peer {
    /// A snapshot for people and metrics.
    package func status(at now: Instant) -> PeerStatus {
        let leader = connections.max { $0.state < $1.state }
        func left(_ deadline: Instant?) -> Duration? { deadline.map { max(.zero, $0 - now) } }
        var status = PeerStatus(
            state: state, since: since, isStopped: mode == .stopped, lastError: lastError,
            negotiated: leader?.negotiated, uptime: sessionSince.map { now - $0 }, received: received, sent: sent,
            establishedCount: establishedCount, flaps: flaps, holdRemaining: left(leader?.timers.deadline(.hold)),
            keepaliveRemaining: left(leader?.timers.deadline(.keepalive)),
            retryRemaining: left(timers.deadline(.idleHold) ?? timers.deadline(.connectRetry)))
        status.lastNotification = lastNotification
        return status
    }
}
