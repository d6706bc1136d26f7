/// IPv4 or IPv6: everything Martlet routes is unicast of one of the two.
@usableFromInline package enum AddressFamily: UInt8, Sendable, Hashable, CaseIterable, BitwiseCopyable {
    case ipv4 = 4
    case ipv6 = 6

    /// Bits in an address of this family.
    @inlinable package var bitWidth: Int { self == .ipv4 ? 32 : 128 }

    /// Octets in an address of this family.
    package var octets: Int { self == .ipv4 ? 4 : 16 }

    // Written out, here and in the other small types, so that other modules compare in place: what the compiler makes
    // is called through tables of witnesses there, ten times for every UPDATE.
    @inlinable package static func == (a: Self, b: Self) -> Bool {
        switch (a, b) {
        case (.ipv4, .ipv4), (.ipv6, .ipv6): true
        default: false
        }
    }
}

extension AddressFamily: CustomStringConvertible {
    @usableFromInline package var description: String { self == .ipv4 ? "ipv4" : "ipv6" }
}
