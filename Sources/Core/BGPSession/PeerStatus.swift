import BGPWire
import NetTypes

/// A snapshot of one peer, for status commands and metrics.
package struct PeerStatus: Sendable, Hashable {
    package var state: PeerState
    /// When `state` last changed; nil before the first change.
    package var since: Instant?
    /// The owner stopped the peer or never started it.
    package var isStopped: Bool
    /// The last thing that went wrong, kept while the session is up again.
    package var lastError: SessionError?
    /// Set from OpenConfirm on.
    package var negotiated: Negotiated?
    /// Time in Established.
    package var uptime: Duration?
    package var received: MessageCounters
    package var sent: MessageCounters
    /// How often the session was established.
    package var establishedCount: UInt64
    /// How often an established session was lost other than by `stop`.
    package var flaps: UInt64
    /// Until the hold timer expires.
    package var holdRemaining: Duration?
    /// Until the next KEEPALIVE.
    package var keepaliveRemaining: Duration?
    /// Until a connection is tried again, or until the back-off after an error is over.
    package var retryRemaining: Duration?
    /// The last NOTIFICATION that ended a connection, either way: failed attempts to connect do not overwrite it.
    package var lastNotification: SessionError?

    package init(
        state: PeerState, since: Instant?, isStopped: Bool, lastError: SessionError?, negotiated: Negotiated?,
        uptime: Duration?, received: MessageCounters, sent: MessageCounters, establishedCount: UInt64, flaps: UInt64,
        holdRemaining: Duration?, keepaliveRemaining: Duration?, retryRemaining: Duration?
    ) {
        self.state = state
        self.since = since
        self.isStopped = isStopped
        self.lastError = lastError
        self.negotiated = negotiated
        self.uptime = uptime
        self.received = received
        self.sent = sent
        self.establishedCount = establishedCount
        self.flaps = flaps
        self.holdRemaining = holdRemaining
        self.keepaliveRemaining = keepaliveRemaining
        self.retryRemaining = retryRemaining
    }
}

/// What went wrong last with a peer.
package struct SessionError: Sendable, Hashable {
    package enum Direction: Sendable, Hashable {
        /// We sent the NOTIFICATION.
        case sent
        /// The peer sent it.
        case received
        /// Seen on our side, without NOTIFICATION: TCP, timers.
        case local
    }

    package var direction: Direction
    package var notification: NotificationMessage?
    /// For people: lower case, no full stop.
    package var text: String
    package var at: Instant

    package init(direction: Direction, notification: NotificationMessage? = nil, text: String, at: Instant) {
        self.direction = direction
        self.notification = notification
        self.text = text
        self.at = at
    }
}

/// Messages by kind, one way.
package struct MessageCounters: Sendable, Hashable {
    package var open: UInt64 = 0
    package var update: UInt64 = 0
    package var notification: UInt64 = 0
    package var keepalive: UInt64 = 0
    package var routeRefresh: UInt64 = 0

    package init() {}

    package var total: UInt64 { open &+ update &+ notification &+ keepalive &+ routeRefresh }

    mutating func count(_ message: Message) {
        switch message {
        case .open: open &+= 1
        case .update: update &+= 1
        case .notification: notification &+= 1
        case .keepalive: keepalive &+= 1
        case .routeRefresh: routeRefresh &+= 1
        }
    }
}
