/// An IPv4 or IPv6 address.
@usableFromInline package enum IPAddress: Hashable, Sendable, BitwiseCopyable {
    case v4(IPv4Address)
    case v6(IPv6Address)

    @inlinable package static func == (a: Self, b: Self) -> Bool {
        switch (a, b) {
        case (.v4(let a), .v4(let b)): a == b
        case (.v6(let a), .v6(let b)): a == b
        default: false
        }
    }

    /// Reads either text form.
    package init?(_ text: Substring) {
        if let address = IPv4Address(text) {
            self = .v4(address)
        } else if let address = IPv6Address(text) {
            self = .v6(address)
        } else {
            return nil
        }
    }

    package init?(_ text: String) { self.init(text[...]) }

    /// The address whose bits stand left-aligned in `bits`, as `leftAligned` gives them.
    package init(leftAligned bits: UInt128, family: AddressFamily) {
        switch family {
        case .ipv4: self = .v4(IPv4Address(rawValue: UInt32(truncatingIfNeeded: bits >> 96)))
        case .ipv6: self = .v6(IPv6Address(rawValue: bits))
        }
    }

    @inlinable package var family: AddressFamily {
        switch self {
        case .v4: .ipv4
        case .v6: .ipv6
        }
    }

    /// The bits of the address at the top of a 128-bit number, so that both families are masked alike.
    @inlinable package var leftAligned: UInt128 {
        switch self {
        case .v4(let address): UInt128(address.rawValue) << 96
        case .v6(let address): address.rawValue
        }
    }

    /// The octets in network order: 4 or 16.
    package var bytes: [UInt8] {
        let bits = leftAligned
        return (0..<family.octets).map { UInt8(truncatingIfNeeded: bits >> (120 - 8 * UInt128($0))) }
    }

    /// Reads 4 or 16 octets in network order.
    package init?(bytes: some Collection<UInt8>) {
        switch bytes.count {
        case 4: self = .v4(IPv4Address(rawValue: bytes.reduce(0) { $0 << 8 | UInt32($1) }))
        case 16: self = .v6(IPv6Address(rawValue: bytes.reduce(0) { $0 << 8 | UInt128($1) }))
        default: return nil
        }
    }

    /// The same, for the octets that the plugin reads most: a generic function costs a process its first look at the
    /// types in it, which is more than the reading.
    package init?(bytes: ArraySlice<UInt8>) {
        var value: UInt128 = 0
        for byte in bytes { value = value << 8 | UInt128(byte) }
        switch bytes.count {
        case 4: self = .v4(IPv4Address(rawValue: UInt32(truncatingIfNeeded: value)))
        case 16: self = .v6(IPv6Address(rawValue: value))
        default: return nil
        }
    }

    package var isUnspecified: Bool { leftAligned == 0 }

    package var isLinkLocal: Bool {
        switch self {
        case .v4(let address): address.rawValue >> 16 == 0xa9fe
        case .v6(let address): address.isLinkLocal
        }
    }

    /// The next address of the same family, or nil after the last one.
    package var next: Self? {
        switch self {
        case .v4(let address):
            address.rawValue == .max ? nil : .v4(IPv4Address(rawValue: address.rawValue + 1))
        case .v6(let address):
            address.rawValue == .max ? nil : .v6(IPv6Address(rawValue: address.rawValue + 1))
        }
    }
}

extension IPAddress: Comparable {
    /// IPv4 before IPv6, then numeric.
    @usableFromInline package static func < (a: Self, b: Self) -> Bool {
        (a.family.rawValue, a.leftAligned) < (b.family.rawValue, b.leftAligned)
    }
}

extension IPAddress: CustomStringConvertible {
    @usableFromInline package var description: String {
        switch self {
        case .v4(let address): address.description
        case .v6(let address): address.description
        }
    }
}
