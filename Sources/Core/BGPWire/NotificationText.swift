extension NotificationMessage: CustomStringConvertible {
    /// `Cease / Administrative Shutdown: "rack move ticket 42"`: code, subcode, and what the data says.
    package var description: String {
        let words = NotificationText.codes[code]
        let name = words?.name ?? "Error \(code)"
        let text: String
        if subcode == 0 {
            text = name
        } else {
            text = "\(name) / \(words?.subcodes[subcode] ?? "subcode \(subcode)")"
        }
        return detail.map { "\(text): \($0)" } ?? text
    }

    /// The shutdown communication (RFC 9003), made safe to print; nil when there is none or its length is wrong.
    package var shutdownCommunication: String? {
        guard code == 6, subcode == 2 || subcode == 4, let count = data.first, count > 0, data.count > Int(count) else {
            return nil
        }
        return NotificationText.printable(data.dropFirst().prefix(Int(count)))
    }

    /// The notification that a hard reset stands for (RFC 8538 section 3.1).
    package var hardResetReason: NotificationMessage? {
        guard code == 6, subcode == 9, data.count >= 2 else { return nil }
        return NotificationMessage(data[0], data[1], Array(data.dropFirst(2)))
    }

    private var detail: String? {
        let number = data.prefix(2).reduce(0) { $0 << 8 | Int($1) }
        switch (code, subcode) {
        case (1, 2) where data.count == 2: return "\(number) octets"
        case (1, 3) where data.count == 1: return "type \(data[0])"
        case (2, 1) where data.count == 2: return "version \(number) is the highest supported"
        case (2, 6) where data.count == 2: return "\(number) s"
        case (6, 2), (6, 4): return shutdownCommunication.map { "\"\($0)\"" }
        case (6, 9): return hardResetReason.map { "for \($0.withoutHardReset)" }
        default: return nil
        }
    }

    /// Ends a chain of hard resets inside each other, which would be printed as deep as a peer likes.
    private var withoutHardReset: String { code == 6 && subcode == 9 ? "Cease / Hard Reset" : description }
}

/// The words of the registries.
enum NotificationText {
    fileprivate static let codes: [UInt8: (name: String, subcodes: [UInt8: String])] = [
        1: ("Message Header Error", header), 2: ("OPEN Message Error", open), 3: ("UPDATE Message Error", update),
        4: ("Hold Timer Expired", [:]), 5: ("Finite State Machine Error", stateMachine), 6: ("Cease", cease),
        7: ("ROUTE-REFRESH Message Error", [1: "Invalid Message Length"]), 8: ("Send Hold Timer Expired", [:]),
    ]

    /// RFC 4271 section 6.1.
    private static let header: [UInt8: String] = [
        1: "Connection Not Synchronized", 2: "Bad Message Length", 3: "Bad Message Type",
    ]

    /// RFC 4271 section 6.2, RFC 5492, RFC 9234.
    private static let open: [UInt8: String] = [
        1: "Unsupported Version Number", 2: "Bad Peer AS", 3: "Bad BGP Identifier",
        4: "Unsupported Optional Parameter", 5: "Authentication Failure", 6: "Unacceptable Hold Time",
        7: "Unsupported Capability", 11: "Role Mismatch",
    ]

    /// RFC 4271 section 6.3.
    private static let update: [UInt8: String] = [
        1: "Malformed Attribute List", 2: "Unrecognized Well-known Attribute", 3: "Missing Well-known Attribute",
        4: "Attribute Flags Error", 5: "Attribute Length Error", 6: "Invalid ORIGIN Attribute", 7: "AS Routing Loop",
        8: "Invalid NEXT_HOP Attribute", 9: "Optional Attribute Error", 10: "Invalid Network Field",
        11: "Malformed AS_PATH",
    ]

    /// RFC 6608.
    private static let stateMachine: [UInt8: String] = [
        1: "Unexpected Message in OpenSent", 2: "Unexpected Message in OpenConfirm",
        3: "Unexpected Message in Established",
    ]

    /// RFC 4486, RFC 8538, RFC 9384.
    private static let cease: [UInt8: String] = [
        1: "Maximum Number of Prefixes Reached", 2: "Administrative Shutdown", 3: "Peer De-configured",
        4: "Administrative Reset", 5: "Connection Rejected", 6: "Other Configuration Change",
        7: "Connection Collision Resolution", 8: "Out of Resources", 9: "Hard Reset", 10: "BFD Down",
    ]

    /// Text from a peer for terminals and logs: invalid UTF-8 is replaced; quotes, backslashes, controls, and invisible
    /// characters that change how the rest is shown are escaped.
    static func printable(_ octets: some Collection<UInt8>) -> String {
        var text = ""
        for scalar in String(decoding: octets, as: UTF8.self).unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator:
                text += "\\u{\(String(scalar.value, radix: 16))}"
            default:
                if scalar == "\"" || scalar == "\\" { text += "\\" }
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
