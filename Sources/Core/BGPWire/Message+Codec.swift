import NetTypes

extension Message {
    /// Reads the body of a message, that is, what follows the header.
    package static func decode(
        type: UInt8, body: RawSpan, in context: DecodeContext
    ) throws(NotificationMessage) -> Message {
        switch type {
        case MessageType.open: return .open(try Open.decode(body))
        case MessageType.update: return .update(try Update.decode(body, in: context))
        case MessageType.notification: return .notification(try NotificationMessage.decode(body))
        case MessageType.keepalive:
            guard body.isEmpty else { throw .badLength(Framer.headerLength + body.byteCount) }
            return .keepalive
        case MessageType.routeRefresh: return .routeRefresh(try RouteRefresh.decode(body, in: context))
        default: throw .badType(type)
        }
    }

    /// Appends the whole message, header included. An UPDATE may become several messages: see `Update.encode`.
    package func encode(into writer: inout ByteWriter, in context: DecodeContext) {
        switch self {
        case .open(let open): open.encode(into: &writer)
        case .update(let update): update.encode(into: &writer, in: context)
        case .notification(let notification): notification.encode(into: &writer)
        case .keepalive: writer.message(MessageType.keepalive) { _ in }
        case .routeRefresh(let refresh): refresh.encode(into: &writer)
        }
    }
}

extension RouteRefresh {
    static func decode(_ body: RawSpan, in context: DecodeContext) throws(NotificationMessage) -> Self {
        var cursor = ByteCursor(body)
        guard body.byteCount == 4 || !context.enhancedRouteRefresh else { throw .badRefresh(body) }
        guard cursor.remaining == 4, let afi = try? cursor.integer(UInt16.self, body),
            let subtype = try? cursor.byte(body), let safi = try? cursor.byte(body)
        else { throw .badLength(Framer.headerLength + body.byteCount) }
        return Self(afi: afi, subtype: subtype, safi: safi)
    }

    func encode(into writer: inout ByteWriter) {
        writer.message(MessageType.routeRefresh) { writer in
            writer.integer(afi)
            writer.byte(subtype)
            writer.byte(safi)
        }
    }
}

extension ByteWriter {
    /// Appends one message: header, what `body` writes, and the length once it is known.
    mutating func message(_ type: UInt8, _ body: (inout ByteWriter) -> Void) {
        let start = count
        append(repeatElement(0xff, count: 16))
        integer(UInt16(0))
        byte(type)
        body(&self)
        patch(UInt16(truncatingIfNeeded: count - start), at: start + 16)
    }
}
