import NetTypes

/// Words for what stands on the wire, for those who show octets that the decoders have judged.
package enum WireText {
    /// `OPEN`; `type 9` for a type that does not exist.
    package static func messageName(_ type: UInt8) -> String {
        switch type {
        case MessageType.open: "OPEN"
        case MessageType.update: "UPDATE"
        case MessageType.notification: "NOTIFICATION"
        case MessageType.keepalive: "KEEPALIVE"
        case MessageType.routeRefresh: "ROUTE-REFRESH"
        default: "type \(type)"
        }
    }

    /// Text from a peer made safe for terminals and logs.
    package static func printable(_ octets: some Collection<UInt8>) -> String { NotificationText.printable(octets) }

    /// Segments of an AS_PATH with numbers of 2 or 4 octets, up to the first that is cut off.
    package static func asPath(_ value: [UInt8], width: Int) -> ASPath {
        let bytes = value.span.bytes
        return ASPath(ByteCursor(bytes), bytes, width: width == 4 ? 4 : 2)
    }
}
