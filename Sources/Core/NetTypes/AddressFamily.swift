/// IPv4 or IPv6: everything Martlet routes is unicast of one of the two.
package enum AddressFamily: UInt8, Sendable, Hashable, CaseIterable, BitwiseCopyable {
    case ipv4 = 4
    case ipv6 = 6

    /// Bits in an address of this family.
    package var bitWidth: Int { self == .ipv4 ? 32 : 128 }

    /// Octets in an address of this family.
    package var octets: Int { self == .ipv4 ? 4 : 16 }
}

extension AddressFamily: CustomStringConvertible {
    package var description: String { self == .ipv4 ? "ipv4" : "ipv6" }
}
