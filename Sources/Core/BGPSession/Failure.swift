import BGPWire

/// Why a connection ended, and how soon another may be tried.
struct Failure: Sendable, Hashable {
    enum Cause: Sendable, Hashable {
        case connectFailed
        case tcpClosed
        case holdTimerExpired
        case sent(NotificationMessage)
        case received(NotificationMessage)
        /// We closed it in favour of another connection.
        case collision
        /// The restarted peer came on another connection.
        case replaced
        case administrative(NotificationMessage?)
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
        case .collision: .connectionCollision
        case .sent(let notification), .received(let notification): notification
        case .administrative(let notification): notification
        }
    }

    /// Errors of protocol or configuration come again at once when nothing is changed: they wait in Idle, longer each
    /// time. After a lost link, or when the peer is busy, restarting or shut down, it is tried at the pace of
    /// ConnectRetry and may call.
    var needsBackOff: Bool {
        switch cause {
        case .connectFailed, .tcpClosed, .holdTimerExpired, .collision, .replaced, .administrative: false
        case .sent: true
        case .received(let notification): !notification.isTransient
        }
    }

    /// Ours, the peer's, or seen here; nil when nothing went wrong.
    var direction: SessionError.Direction? {
        switch cause {
        case .connectFailed, .tcpClosed: .local
        case .holdTimerExpired, .sent: .sent
        case .administrative(let notification): notification == nil ? .local : .sent
        case .received: .received
        case .collision, .replaced: nil
        }
    }

    /// What the end of this connection means for a session that was established on it.
    func downReason(gracefulRestart: Bool) -> DownReason {
        let kind: DownReason.Kind =
            switch cause {
            case .connectFailed, .tcpClosed: .tcpClosed
            case .holdTimerExpired: .holdTimerExpired
            case .sent, .collision: .notificationSent
            case .received: .notificationReceived
            case .replaced: .replaced
            case .administrative: .administrative
            }
        let keeps = gracefulRestart && (kind == .tcpClosed || kind == .replaced)
        return DownReason(kind: kind, notification: notification, text: text, keepsRoutes: keeps)
    }
}
