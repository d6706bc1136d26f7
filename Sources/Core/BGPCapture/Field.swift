import BGPWire
import NetTypes

/// A part of a message: its place, its name, what it says.
package struct Field: Sendable, Hashable {
    /// Octets from the message's begin, its header included.
    package var offset: Int
    /// Octets that the field has.
    package var count: Int
    package var name: String
    /// In words; empty for a part that has only parts.
    package var value: String
    /// What it consists of.
    package var fields: [Field] = []
    /// What our speaker found wrong with it.
    package var faults: [String] = []
    /// Type code of the attribute that this is.
    package var attribute: UInt8?

    init(_ offset: Int, _ count: Int, _ name: String, _ value: String, _ fields: [Field] = []) {
        (self.offset, self.count, self.name, self.value, self.fields) = (offset, count, name, value, fields)
    }
}

/// Octets as digits.
enum Hex {
    static func text(_ bytes: some Sequence<UInt8>) -> String { bytes.map(octet).joined(separator: " ") }

    static func octet(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

    /// At most `limit` octets, and how many there are when that are not all.
    static func text(_ bytes: some Collection<UInt8>, limit: Int) -> String {
        guard bytes.count > limit else { return text(bytes) }
        return "\(text(bytes.prefix(limit))) ... (\(bytes.count) octets)"
    }
}

/// Names of address families (IANA).
enum FamilyName {
    private static let afis: [Int: String] = [1: "ipv4", 2: "ipv6", 25: "l2vpn", 16388: "link-state"]
    private static let safis: [Int: String] = [
        1: "unicast", 2: "multicast", 4: "labeled-unicast", 5: "mcast-vpn", 65: "vpls", 70: "evpn", 71: "link-state",
        128: "vpn", 132: "route-target", 133: "flowspec", 134: "flowspec-vpn",
    ]

    static func of(afi: Int, safi: Int) -> String {
        "\(afis[afi] ?? "afi-\(afi)")-\(safis[safi] ?? "safi-\(safi)")"
    }
}
