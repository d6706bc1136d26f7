import BGPWire

extension NotificationMessage {
    static let holdTimerExpired = Self(4, 0)
    static let connectionRejected = Self(6, 5)
    static let connectionCollision = Self(6, 7)

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
        case (4, _), (8, _), (6, 2...7): true
        default: false
        }
    }

    var isCollision: Bool { code == 6 && subcode == 7 }

    /// `NOTIFICATION 2.2 (OPEN, bad peer AS)`, with the operator's text of a shutdown (RFC 9003).
    var words: String {
        let meaning = subcodeName.map { "\(codeName), \($0)" } ?? codeName
        let name = "NOTIFICATION \(code).\(subcode) (\(meaning))"
        return shutdownText.map { "\(name) \"\($0)\"" } ?? name
    }

    private var codeName: String {
        switch code {
        case 1: "message header"
        case 2: "OPEN"
        case 3: "UPDATE"
        case 4: "hold timer expired"
        case 5: "state machine"
        case 6: "cease"
        case 7: "ROUTE-REFRESH"
        case 8: "send hold timer expired"
        default: "unknown code"
        }
    }

    private var subcodeName: String? {
        let names: [UInt8: String] =
            switch code {
            case 1: [1: "connection not synchronized", 2: "bad length", 3: "bad type"]
            case 2: Self.openNames
            case 3: Self.updateNames
            case 5: [1: "unexpected in OpenSent", 2: "unexpected in OpenConfirm", 3: "unexpected in Established"]
            case 6: Self.ceaseNames
            case 7: [1: "bad length"]
            default: [:]
            }
        return names[subcode]
    }

    private static let openNames: [UInt8: String] = [
        1: "unsupported version", 2: "bad peer AS", 3: "bad BGP identifier", 4: "unsupported optional parameter",
        6: "unacceptable hold time", 7: "unsupported capability", 8: "no supported AFI/SAFI", 11: "role mismatch",
    ]

    private static let updateNames: [UInt8: String] = [
        1: "malformed attribute list", 2: "unrecognized well-known attribute", 3: "missing well-known attribute",
        4: "attribute flags", 5: "attribute length", 6: "invalid ORIGIN", 8: "invalid NEXT_HOP",
        9: "optional attribute", 10: "invalid network field", 11: "malformed AS_PATH",
    ]

    private static let ceaseNames: [UInt8: String] = [
        1: "maximum number of prefixes reached", 2: "administrative shutdown", 3: "peer de-configured",
        4: "administrative reset", 5: "connection rejected", 6: "other configuration change",
        7: "connection collision resolution", 8: "out of resources", 9: "hard reset", 10: "BFD down",
    ]

    /// The text of RFC 9003, made fit for one line of a log: it is the peer's, so nothing of it is trusted.
    private var shutdownText: String? {
        guard code == 6, subcode == 2 || subcode == 4, let length = data.first, length > 0, data.count > Int(length)
        else { return nil }
        let text = String(decoding: data.dropFirst().prefix(Int(length)), as: UTF8.self)
        return String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0 == "\u{7f}" ? " " : $0 }))
    }
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
