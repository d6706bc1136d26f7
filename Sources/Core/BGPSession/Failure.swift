import BGPWire

/// Why a connection ended, and how soon another may be tried.
struct Failure: Sendable, Hashable {
    enum Cause: Sendable, Hashable {
        case connectFailed
        case tcpClosed
        case holdTimerExpired
        case sendHoldTimerExpired
        case sent(NotificationMessage)
        case received(NotificationMessage)
        /// We closed it in favour of another connection.
        case collision
        /// The restarted peer came on another connection.
        case replaced
        case administrative(NotificationMessage?)
        /// The path to the peer is dead (RFC 5882).
        case pathFailed
    }

    let cause: Cause
    let text: String

    init(_ cause: Cause, _ text: String? = nil) {
        self.cause = cause
        let what: String? =
            switch cause {
            case .sent(let notification): "\(notification.words) sent"
            case .received(let notification): "\(notification.words) received"
            case .administrative(let notification): notification.map { "stopped with \($0.words)" } ?? "stopped"
            case .holdTimerExpired: "hold timer expired"
            case .sendHoldTimerExpired: "send hold timer expired"
            case .pathFailed: "BFD is down"
            case .connectFailed, .tcpClosed, .collision, .replaced: nil
            }
        self.text = [what, text].compactMap { $0 }.joined(separator: ": ")
    }

    /// What went over the wire, or was to go.
    var notification: NotificationMessage? { Self.notification(of: cause) }

    private static func notification(of cause: Cause) -> NotificationMessage? {
        switch cause {
        case .connectFailed, .tcpClosed, .replaced: nil
        case .holdTimerExpired: .holdTimerExpired
        case .sendHoldTimerExpired: .sendHoldTimerExpired
        case .collision: .connectionCollision
        case .sent(let notification), .received(let notification): notification
        case .administrative(let notification): notification
        case .pathFailed: .cease(.bfdDown)
        }
    }

    /// Errors of protocol or configuration come again at once when nothing is changed: they wait in Idle, longer each
    /// time. After a lost link, or when the peer is busy, restarting or shut down, it is tried at the pace of
    /// ConnectRetry and may call.
    var needsBackOff: Bool {
        switch cause {
        case .connectFailed, .tcpClosed, .holdTimerExpired, .sendHoldTimerExpired, .collision, .replaced,
            .administrative, .pathFailed:
            false
        case .sent: true
        case .received(let notification): !notification.isTransient
        }
    }

    /// Ours, the peer's, or seen here; nil when nothing went wrong.
    var direction: SessionError.Direction? {
        switch cause {
        case .connectFailed, .tcpClosed, .sendHoldTimerExpired: .local
        case .holdTimerExpired, .sent, .pathFailed: .sent
        case .administrative(let notification): notification == nil ? .local : .sent
        case .received: .received
        case .collision, .replaced: nil
        }
    }

    /// What the end of this connection means for a session that was established on it.
    func downReason(_ negotiated: Negotiated?) -> DownReason {
        let kind: DownReason.Kind =
            switch cause {
            case .connectFailed, .tcpClosed: .tcpClosed
            case .holdTimerExpired: .holdTimerExpired
            case .sendHoldTimerExpired: .sendHoldTimerExpired
            case .sent, .collision: .notificationSent
            case .received: .notificationReceived
            case .replaced: .replaced
            case .administrative: .administrative
            case .pathFailed: .pathFailed
            }
        return DownReason(kind: kind, notification: notification, text: text, keepsRoutes: keepsRoutes(negotiated))
    }

    /// RFC 4724 section 4.2, and with both N bits RFC 8538 section 4.
    private func keepsRoutes(_ negotiated: Negotiated?) -> Bool {
        guard let negotiated, negotiated.gracefulRestart else { return false }
        switch cause {
        case .connectFailed, .tcpClosed, .replaced: return true
        case .holdTimerExpired, .sendHoldTimerExpired: return negotiated.gracefulNotification
        case .sent(let notification), .received(let notification):
            // Who finds the path dead does not restart (RFC 9384): black holes are not kept.
            let isDead = notification.code == 6 && notification.subcode == 10
            return negotiated.gracefulNotification && !notification.isHardReset && !isDead
        case .collision, .administrative, .pathFailed: return false
        }
    }
}
