import BGPWire
import NetTypes

/// The state machine of one TCP connection (RFC 4271 section 8.2.2). Pure: an event and the time in, effects out.
///
/// What concerns more than one connection (ConnectRetry, back-off, collisions) is `Peer`'s. Two things differ from the
/// letter of the RFC. In OpenConfirm our KEEPALIVE is withheld until `Peer` says `release`, because the KEEPALIVE is
/// what lets the other side establish a connection that a collision may yet decide against. And an UPDATE in
/// OpenConfirm stands for the KEEPALIVE it overtook, because real speakers send that (BIRD accepts it too).
struct Connection: Sendable {
    enum Event: Sendable {
        /// Begins: an outgoing connection asks for TCP, an incoming one has it.
        case start
        /// TCP is up; the OPEN to send.
        case connected(Open)
        case connectFailed(String)
        case received(Message)
        /// Bytes that are no message; the NOTIFICATION that says so.
        case malformed(NotificationMessage)
        /// TCP is gone.
        case closed(String)
        case expired(Timer)
        /// No better connection is in the way: KEEPALIVE may go out.
        case release
        case stop(Failure)
    }

    enum Effect: Sendable {
        case connect
        case send(Message)
        case close
        /// A valid OPEN came; `Peer` settles collisions and then releases or stops.
        case opened
        case established
        case deliver(Update)
        case refresh(AddressFamily)
        case refreshBegan(AddressFamily)
        case refreshEnded(AddressFamily)
        /// The last effect of a connection, which is Idle now.
        case failed(Failure)
    }

    enum Timer: Sendable, Hashable {
        case hold
        case keepalive
        /// The peer takes none of our octets (RFC 9687).
        case sendHold
    }

    /// Wait for OPEN, "a large value" (RFC 4271 section 8.2.2).
    static let openTime = Duration.seconds(240)
    /// The least time a peer may take to read anything (RFC 9687 section 3.1).
    static let shortestSendHold = Duration.seconds(480)
    /// Longer life for a connection whose hold timer expired while its input was waiting for us.
    static let unreadTime = Duration.seconds(10)

    let id: ConnectionID
    let direction: Direction
    private(set) var state = PeerState.idle
    private(set) var timers = TimerSet<Timer>()
    /// Set by a valid OPEN.
    private(set) var negotiated: Negotiated?
    /// In OpenConfirm, and our KEEPALIVE has not gone out.
    var isWithheld: Bool { state == .openConfirm && !released }

    /// Our OPEN has gone out; and whether it had capabilities.
    private(set) var hasSentOpen = false
    var hasOfferedCapabilities: Bool { !sentCapabilities.isEmpty }

    private let configuration: PeerConfiguration
    private var sentCapabilities: [Capability] = []
    private var random: SplitMix
    private var released = false
    /// The peer's KEEPALIVE came while ours was withheld.
    private var confirmed = false
    /// Families between the peer's BoRR and its EoRR.
    private var refreshing: FamilySet = []

    init(_ id: ConnectionID, _ direction: Direction, _ configuration: PeerConfiguration, random: SplitMix) {
        self.id = id
        self.direction = direction
        self.configuration = configuration
        self.random = random
    }

    /// The table. No `default`: a new state or event must find its place.
    mutating func handle(_ event: Event, at now: Instant) -> [Effect] {
        switch (state, event) {
        case (.idle, .start): begin()
        case (.idle, _): []

        case (.connect, .connected(let open)), (.active, .connected(let open)): send(open, at: now)
        case (.connect, .connectFailed(let reason)), (.active, .connectFailed(let reason)),
            (.connect, .closed(let reason)), (.active, .closed(let reason)):
            end(Failure(.connectFailed, reason))
        case (.connect, .stop(let failure)), (.active, .stop(let failure)): end(failure, [.close])
        case (.connect, .received), (.active, .received), (.connect, .malformed), (.active, .malformed):
            end(Failure(.tcpClosed, "message before the TCP connection was up"), [.close])
        case (.connect, .start), (.active, .start), (.connect, .expired), (.active, .expired), (.connect, .release),
            (.active, .release):
            []

        case (.openSent, .received(.open(let open))): accept(open, at: now)
        case (.openConfirm, .received(.keepalive)): confirm(at: now)
        case (.openConfirm, .received(.update(let update))): implyKeepalive(by: update, at: now)
        case (.openConfirm, .release): release(at: now)
        case (.established, .received(.keepalive)): heard(at: now)
        case (.established, .received(.update(let update))): heard(at: now) + [.deliver(update)]
        case (.established, .received(.routeRefresh(let request))): refresh(request)
        case (.openSent, .release), (.established, .release): []

        case (.openSent, .received(.notification(let notification))),
            (.openConfirm, .received(.notification(let notification))),
            (.established, .received(.notification(let notification))):
            end(Failure(.received(notification)), [.close])
        case (.openSent, .received(let message)), (.openConfirm, .received(let message)),
            (.established, .received(let message)):
            refuse(.unexpected(message, in: state), "\(message.name) is not expected in \(state)")
        case (.openSent, .malformed(let notification)), (.openConfirm, .malformed(let notification)),
            (.established, .malformed(let notification)):
            refuse(notification, nil)
        case (.openSent, .closed(let reason)), (.openConfirm, .closed(let reason)), (.established, .closed(let reason)),
            (.openSent, .connectFailed(let reason)), (.openConfirm, .connectFailed(let reason)),
            (.established, .connectFailed(let reason)):
            end(Failure(.tcpClosed, reason))
        case (.openSent, .expired(.hold)), (.openConfirm, .expired(.hold)), (.established, .expired(.hold)):
            expireHold()
        case (.established, .expired(.sendHold)): expireSendHold()
        case (.openSent, .expired(.keepalive)), (.openSent, .expired(.sendHold)),
            (.openConfirm, .expired(.sendHold)):
            []
        case (.openConfirm, .expired(.keepalive)), (.established, .expired(.keepalive)): keepalive(at: now)
        case (.openSent, .stop(let failure)), (.openConfirm, .stop(let failure)), (.established, .stop(let failure)):
            stop(failure)
        case (.openSent, .start), (.openConfirm, .start), (.established, .start),
            (.openSent, .connected), (.openConfirm, .connected), (.established, .connected):
            []
        }
    }

    /// An UPDATE came in Established: the part of the table that runs 100,000 times a second.
    mutating func heardUpdate(at now: Instant) { restartHold(at: now) }

    /// The peer took octets of ours, or none wait for it.
    mutating func sendProgressed(at now: Instant) { restartSendHold(at: now) }

    /// Takes an expired timer. A silent peer is given more time while its octets wait unread on our side.
    mutating func popExpired(at now: Instant, unreadInput: Bool) -> Timer? {
        guard let timer = timers.popExpired(at: now) else { return nil }
        guard timer == .hold, unreadInput else { return timer }
        timers.start(.hold, after: Self.unreadTime, at: now)
        return timers.popExpired(at: now)
    }
}

// MARK: - Steps of the table

extension Connection {
    private mutating func begin() -> [Effect] {
        state = direction == .outgoing ? .connect : .active
        return direction == .outgoing ? [.connect] : []
    }

    private mutating func send(_ open: Open, at now: Instant) -> [Effect] {
        state = .openSent
        hasSentOpen = true
        sentCapabilities = open.capabilities
        timers.start(.hold, after: Self.openTime, at: now)
        return [.send(.open(open))]
    }

    private mutating func accept(_ open: Open, at now: Instant) -> [Effect] {
        let result: Negotiated
        do throws(OpenRefusal) {
            result = try Negotiated(open, sent: sentCapabilities, configuration)
        } catch {
            return refuse(error.notification, error.text)
        }
        state = .openConfirm
        negotiated = result
        timers.stop(.hold)
        restartHold(at: now)
        return [.opened]
    }

    private mutating func release(at now: Instant) -> [Effect] {
        guard !released else { return [] }
        released = true
        let sent = keepalive(at: now)
        return confirmed ? sent + establish(at: now) : sent
    }

    private mutating func confirm(at now: Instant) -> [Effect] {
        restartHold(at: now)
        confirmed = true
        return released ? establish(at: now) : []
    }

    /// Before our KEEPALIVE the peer cannot be established, so an UPDATE is an error then (RFC 6608).
    private mutating func implyKeepalive(by update: Update, at now: Instant) -> [Effect] {
        guard released else {
            return refuse(.unexpected(.update(update), in: state), "UPDATE is not expected before our KEEPALIVE")
        }
        return confirm(at: now) + [.deliver(update)]
    }

    private mutating func establish(at now: Instant) -> [Effect] {
        state = .established
        restartHold(at: now)
        restartSendHold(at: now)
        return [.established]
    }

    private mutating func heard(at now: Instant) -> [Effect] {
        restartHold(at: now)
        return []
    }

    private mutating func restartHold(at now: Instant) {
        guard let hold = negotiated?.holdTime, hold > .zero else { return }
        timers.start(.hold, after: hold, at: now)
    }

    /// Runs in Established only, and only when there is a hold time (RFC 9687 section 3.2).
    private mutating func restartSendHold(at now: Instant) {
        guard state == .established, let time = negotiated?.sendHoldTime else { return }
        timers.start(.sendHold, after: time, at: now)
    }

    /// KEEPALIVE, and the next one after the keepalive time less up to a quarter (RFC 4271 section 10), but never more
    /// often than once a second (section 4.4).
    private mutating func keepalive(at now: Instant) -> [Effect] {
        if let time = negotiated?.keepaliveTime, time > .zero {
            timers.start(.keepalive, after: max(.seconds(1), random.jittered(time)), at: now)
        }
        return [.send(.keepalive)]
    }

    /// Families that were not negotiated and unknown subtypes are ignored (RFC 7313 section 5), and so is an end
    /// without a beginning.
    private mutating func refresh(_ request: RouteRefresh) -> [Effect] {
        guard request.safi == 1, let family = AddressFamily(afi: request.afi), let negotiated,
            negotiated.families.contains(family)
        else { return [] }
        switch request.subtype {
        case RouteRefresh.request: return [.refresh(family)]
        case RouteRefresh.begin where negotiated.enhancedRouteRefresh:
            refreshing.insert(FamilySet(family))
            return [.refreshBegan(family)]
        case RouteRefresh.end where refreshing.contains(family):
            refreshing.remove(FamilySet(family))
            return [.refreshEnded(family)]
        default: return []
        }
    }

    private mutating func expireHold() -> [Effect] {
        let wait = state == .openSent ? Self.openTime : negotiated?.holdTime ?? .zero
        let failure = Failure(.holdTimerExpired, "nothing heard for \(wait.wholeSeconds) s")
        return end(failure, [.send(.notification(.holdTimerExpired)), .close])
    }

    /// A NOTIFICATION could not go out either (RFC 9687 section 3.2).
    private mutating func expireSendHold() -> [Effect] {
        end(
            Failure(
                .sendHoldTimerExpired, "the peer took nothing for \(negotiated?.sendHoldTime?.wholeSeconds ?? 0) s"),
            [.close])
    }

    private mutating func refuse(_ notification: NotificationMessage, _ text: String?) -> [Effect] {
        end(Failure(.sent(notification), text), [.send(.notification(notification)), .close])
    }

    private mutating func stop(_ failure: Failure) -> [Effect] {
        guard var notification = failure.notification else { return end(failure, [.close]) }
        if negotiated?.gracefulNotification == true { notification = notification.forGracefulPeer }
        return end(failure, [.send(.notification(notification)), .close])
    }

    private mutating func end(_ failure: Failure, _ effects: [Effect] = []) -> [Effect] {
        state = .idle
        timers.stopAll()
        return effects + [.failed(failure)]
    }
}
