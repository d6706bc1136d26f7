import BGPWire
import NetTypes

/// When connections are opened and taken: ConnectRetry, passive peers, back-off after errors.
extension Peer {
    static let shortestIdleHold = Duration.seconds(1)
    static let longestIdleHold = Duration.seconds(60)
    /// A session that lived this long was well configured: the next error starts from the shortest back-off.
    static let stableTime = Duration.seconds(60)
    /// Keeps a configured retry time of zero from spinning.
    private static let shortestRetry = Duration.milliseconds(10)

    /// Opens a connection and limits the attempt by ConnectRetry; a passive peer only listens.
    mutating func dial(at now: Instant) {
        guard !configuration.passive else { return timers.stop(.connectRetry) }
        let id = newConnection(.outgoing)
        startConnectRetry(at: now)
        handle(.start, on: id, at: now)
    }

    /// No connection is left: listen, and try again after a while; or be silent first when that is needed.
    mutating func retry(after failure: Failure, at now: Instant) {
        timers.stopAll()
        guard failure.needsBackOff else {
            if !configuration.passive { startConnectRetry(at: now) }
            return
        }
        mode = .backOff
        timers.start(.idleHold, after: idleHoldTime, at: now)
        idleHoldTime = min(idleHoldTime * 2, Self.longestIdleHold)
    }

    mutating func expired(_ timer: Timer, at now: Instant) {
        switch timer {
        case .connectRetry:
            if let dialing = connections.first(where: { $0.state == .connect }) {
                drop(dialing.id, Failure(.connectFailed, "no answer to the TCP connection"), at: now)
            }
            reason = "connect retry"
            if connections.isEmpty { dial(at: now) }
        case .idleHold:
            mode = .running
            reason = "back-off is over"
            dial(at: now)
        case .collision:
            abandonStalled(at: now)
        }
    }

    /// Takes a connection of the peer, or refuses it.
    mutating func admit(at now: Instant) -> ConnectionID {
        switch mode {
        case .stopped: return reject(.cease(.connectionRejected))
        case .backOff:
            // Without NOTIFICATION: others answer one with a long wait, and ours may be over in a second.
            return reject(nil)
        case .running: break
        }
        if let session, negotiated(session)?.gracefulRestart != true { return reject(.connectionCollision) }
        // A peer has one call out at a time, so an older one that is not up is one it has given up.
        let stale = connections.filter { $0.direction == .incoming && $0.id != session }.map(\.id)
        if connections.isEmpty { timers.stop(.connectRetry) }
        let id = newConnection(.incoming)
        for other in stale { drop(other, collision, at: now) }
        reason = "the peer has connected"
        handle(.start, on: id, at: now)
        handle(.connected(open), on: id, at: now)
        return id
    }

    /// Ends every connection with `notification` and begins anew, without back-off. Nothing for a peer that is stopped.
    package mutating func reset(_ notification: NotificationMessage, at now: Instant) -> [PeerAction] {
        guard mode != .stopped else { return [] }
        let failure = Failure(.administrative(notification))
        for id in connections.map(\.id) { handle(.stop(failure), on: id, at: now) }
        timers.stopAll()
        mode = .running
        idleHoldTime = Self.shortestIdleHold
        // The peer needs a moment to be done with the old session.
        if !configuration.passive { timers.start(.connectRetry, after: Self.shortestIdleHold, at: now) }
        reason = failure.text
        return finish(at: now)
    }

    /// The link to the peer has come up: an attempt that was lost on the dead link, and the wait for the next one, are
    /// over. The back-off after errors is not.
    package mutating func linkCameUp(at now: Instant) -> [PeerAction] {
        guard mode == .running, !configuration.passive else { return [] }
        for dialing in connections where dialing.state == .connect {
            drop(dialing.id, Failure(.connectFailed, "no answer before the link came up"), at: now)
        }
        guard connections.isEmpty else { return finish(at: now) }
        reason = "the link came up"
        dial(at: now)
        return finish(at: now)
    }

    private mutating func reject(_ notification: NotificationMessage?) -> ConnectionID {
        let id = newID()
        if let notification { send(.notification(notification), on: id) }
        pending.append(.close(id))
        return id
    }

    private mutating func startConnectRetry(at now: Instant) {
        let wait = max(Self.shortestRetry, random.jittered(configuration.connectRetryTime))
        timers.start(.connectRetry, after: wait, at: now)
    }
}
