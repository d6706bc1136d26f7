import BGPWire
import NetTypes

/// A message of a capture, taken apart and judged.
package struct DecodedMessage: Sendable {
    /// Counts from 1.
    package var number: Int
    package var time: CaptureTime?
    package var sender: Endpoint?
    package var receiver: Endpoint?
    /// Counts connections from 1.
    package var stream: Int
    /// Octets of the sender before this message; nil where the capture does not tell.
    package var streamOffset: Int?
    /// Place of the record that completed the message.
    package var fileOffset: Int
    /// The header and what follows it, as far as it is here.
    package var bytes: [UInt8]
    /// Type code; nil when there is no header.
    package var type: UInt8?
    package var fields: [Field]
    package var verdict: Verdict
    /// What was negotiated, and how we know; nil where it did not matter.
    package var context: String?
    /// Announced and withdrawn, as the speaker read them.
    package var announced: [Prefix] = []
    package var withdrawn: [Prefix] = []

    /// `UPDATE`, or what stands in the header's place.
    package var name: String { type.map(WireText.messageName) ?? "octets" }
}

/// What a capture turns into, in its order.
package enum CaptureEntry: Sendable {
    case message(DecodedMessage)
    case note(CaptureNote)
}

/// What is assumed of sessions whose OPENs are not in the capture, and what is looked at.
package struct CaptureSettings: Sendable, Hashable {
    /// TCP port of BGP; nil: every connection is looked at.
    package var port: UInt16? = 179
    /// AS numbers have four octets (RFC 6793).
    package var fourOctetAS = true
    /// The two sides are in different ASes.
    package var isExternal = true
    /// Families whose prefixes have path identifiers (RFC 7911).
    package var addPath: FamilySet = []
    /// Families that are taken.
    package var families = FamilySet.all
    /// Families whose prefixes may come with IPv6 next hops (RFC 8950).
    package var extendedNextHop: FamilySet = .ipv4

    package init() {}

    /// Reads the words of a fixture's `# context:` line.
    mutating func adopt(_ words: [String]) {
        for word in words {
            switch word {
            case "internal": isExternal = false
            case "external": isExternal = true
            case "two-octet-as": fourOctetAS = false
            case "ipv4-only": families = .ipv4
            case "ipv6-only": families = .ipv6
            case "add-path": addPath = .all
            case "ipv4-next-hops": extendedNextHop = []
            default: break
            }
        }
    }
}
