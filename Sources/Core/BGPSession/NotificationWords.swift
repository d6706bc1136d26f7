import BGPWire

extension NotificationMessage {
    static let connectionCollision = Self.cease(.collisionResolution)

    /// FSM error, with the type of the message in its data (RFC 6608).
    static func unexpected(_ message: Message, in state: PeerState) -> Self {
        let subcode: UInt8 =
            switch state {
            case .openSent: 1
            case .openConfirm: 2
            case .established: 3
            case .idle, .active, .connect: 0
            }
        return Self(5, subcode, [message.type])
    }

    /// Received from a peer that is well configured but not ready: hold timers, shutdown, reset, collision (RFC 4486).
    var isTransient: Bool {
        switch (code, subcode) {
        case (4, _), (8, _), (6, 2...7), (6, 10): true
        case (6, 9): hardResetReason.map { !$0.isHardReset && $0.isTransient } ?? false
        default: false
        }
    }

    var isCollision: Bool { code == 6 && subcode == 7 }

    /// `NOTIFICATION 2.2 (OPEN Message Error / Bad Peer AS)`: numbers to search for, words to read.
    var words: String { "NOTIFICATION \(code).\(subcode) (\(self))" }
}

extension Message {
    /// The type octet of RFC 4271 section 4.1 and RFC 2918.
    var type: UInt8 {
        switch self {
        case .open: 1
        case .update: 2
        case .notification: 3
        case .keepalive: 4
        case .routeRefresh: 5
        }
    }

    var name: String {
        switch self {
        case .open: "OPEN"
        case .update: "UPDATE"
        case .notification: "NOTIFICATION"
        case .keepalive: "KEEPALIVE"
        case .routeRefresh: "ROUTE-REFRESH"
        }
    }
}
