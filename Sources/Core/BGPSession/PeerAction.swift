import BGPWire
import NetTypes

/// One TCP connection of a peer; unique within the peer for its whole life.
package struct ConnectionID: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }
}

extension ConnectionID: CustomStringConvertible {
    package var description: String { "#\(rawValue)" }
}

/// Who opened a TCP connection.
package enum Direction: Sendable, Hashable {
    /// We did.
    case outgoing
    /// The peer did.
    case incoming
}

/// What the owner of the sockets and of the RIB must do, in this order.
package enum PeerAction: Sendable, Hashable {
    /// Open TCP to the peer; answer with `connected` or `connectFailed`.
    case connect(ConnectionID)
    case send(ConnectionID, Message)
    /// Close the connection after what was sent has gone out; nothing more is asked of or told to this identifier.
    case close(ConnectionID)
    /// The session is up: send the routes.
    case established(ConnectionID, Negotiated)
    case deliver(ConnectionID, Update)
    /// The peer asks for our routes of this family again (RFC 2918).
    case refresh(AddressFamily)
    /// The peer begins to send all its routes of this family again (RFC 7313): those that it does not repeat before
    /// `refreshEnded` are gone. Said again when the peer begins anew.
    case refreshBegan(AddressFamily)
    /// All was sent again; always after `refreshBegan`.
    case refreshEnded(AddressFamily)
    /// The session that was established is over.
    case down(DownReason)
    /// For the log: the most advanced state of the peer's connections changed.
    case stateChanged(from: PeerState, to: PeerState, reason: String)
}

/// Why an established session ended.
package struct DownReason: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case notificationSent
        case notificationReceived
        case holdTimerExpired
        /// The peer has not read for too long (RFC 9687).
        case sendHoldTimerExpired
        /// The TCP connection ended without NOTIFICATION.
        case tcpClosed
        /// The peer came back on a new connection: it has restarted (RFC 4724 section 5).
        case replaced
        /// `stop` was called.
        case administrative
        /// `pathFailed` was called.
        case pathFailed
    }

    package var kind: Kind
    /// What was sent or received.
    package var notification: NotificationMessage?
    /// For people: lower case, no full stop.
    package var text: String
    /// The routes may stay as stale ones: graceful restart was negotiated, and the session was lost without
    /// NOTIFICATION (RFC 4724) or with both N bits set and no hard reset (RFC 8538).
    package var keepsRoutes: Bool

    package init(kind: Kind, notification: NotificationMessage? = nil, text: String, keepsRoutes: Bool = false) {
        self.kind = kind
        self.notification = notification
        self.text = text
        self.keepsRoutes = keepsRoutes
    }
}
