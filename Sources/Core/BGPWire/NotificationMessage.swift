import NetTypes

/// NOTIFICATION (RFC 4271 section 4.5): why a session ends. Thrown by decoders when the session must be reset.
package struct NotificationMessage: Error, Sendable, Hashable {
    package var code: UInt8
    package var subcode: UInt8
    package var data: [UInt8]

    package init(_ code: UInt8, _ subcode: UInt8, _ data: [UInt8] = []) {
        self.code = code
        self.subcode = subcode
        self.data = data
    }
}

extension NotificationMessage {
    /// Subcodes of Cease (RFC 4486, RFC 8538, RFC 9384).
    package enum CeaseSubcode: UInt8, Sendable, CaseIterable {
        case maximumPrefixes = 1
        case administrativeShutdown = 2
        case peerDeconfigured = 3
        case administrativeReset = 4
        case connectionRejected = 5
        case configurationChange = 6
        case collisionResolution = 7
        case outOfResources = 8
        case hardReset = 9
        case bfdDown = 10
    }

    package static let holdTimerExpired = Self(4, 0)

    /// The peer did not read for too long (RFC 9687): for the log, hardly ever for the wire.
    package static let sendHoldTimerExpired = Self(8, 0)

    static let notSynchronized = Self(1, 1)

    static func badLength(_ length: Int) -> Self {
        Self(1, 2, [UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length)])
    }

    /// A ROUTE-REFRESH of a wrong length; the data is the whole message (RFC 7313 section 5).
    static func badRefresh(_ body: RawSpan) -> Self {
        var writer = ByteWriter()
        writer.message(MessageType.routeRefresh) { $0.append(body.copy(0..<body.byteCount)) }
        return Self(7, 1, writer.bytes)
    }

    static func badType(_ type: UInt8) -> Self { Self(1, 3, [type]) }

    /// A message that the state does not expect: subcode 1 in OpenSent, 2 in OpenConfirm, 3 in Established (RFC 6608).
    package static func fsmError(_ subcode: UInt8) -> Self { Self(5, subcode) }

    /// Cease. `text` is the shutdown communication of RFC 9003, cut to 255 octets at a character; only shutdown and
    /// reset carry one.
    package static func cease(_ subcode: CeaseSubcode, text: String? = nil) -> Self {
        guard let text, subcode == .administrativeShutdown || subcode == .administrativeReset else {
            return Self(6, subcode.rawValue)
        }
        var octets: [UInt8] = []
        for character in text {
            guard octets.count + character.utf8.count <= 255 else { break }
            octets += character.utf8
        }
        return Self(6, subcode.rawValue, [UInt8(octets.count)] + octets)
    }

    /// A Cease with `hardReset` that carries the notification it stands for (RFC 8538 section 3.1).
    package static func hardReset(_ inner: Self) -> Self { Self(6, 9, [inner.code, inner.subcode] + inner.data) }

    /// The notification asks for a full end: no route of the session is kept (RFC 8538 section 3).
    package var isHardReset: Bool { code == 6 && subcode == CeaseSubcode.hardReset.rawValue }

    /// What to send instead to a peer that would keep our routes over a NOTIFICATION: Cease of the kinds that mean it
    /// stands in a hard reset (RFC 8538 section 3.1, RFC 9384).
    package var forGracefulPeer: Self {
        guard code == 6 else { return self }
        switch CeaseSubcode(rawValue: subcode) {
        case .maximumPrefixes, .administrativeShutdown, .peerDeconfigured, .administrativeReset, .bfdDown:
            return .hardReset(self)
        case .connectionRejected, .configurationChange, .collisionResolution, .outOfResources, .hardReset, nil:
            return self
        }
    }

    /// Reads the body of a NOTIFICATION.
    static func decode(_ body: RawSpan) throws(NotificationMessage) -> Self {
        var cursor = ByteCursor(body)
        guard let code = try? cursor.byte(body), let subcode = try? cursor.byte(body) else {
            throw .badLength(Framer.headerLength + body.byteCount)
        }
        return Self(code, subcode, body.copy(cursor.range))
    }

    /// Data is cut so that the message never exceeds the 4096 octets that every peer takes.
    func encode(into writer: inout ByteWriter) {
        writer.message(MessageType.notification) { writer in
            writer.byte(code)
            writer.byte(subcode)
            writer.append(data.prefix(4096 - 21))
        }
    }
}
