/// An autonomous system number of four octets (RFC 6793).
@usableFromInline package struct ASNumber: RawRepresentable, Hashable, Comparable, Sendable, BitwiseCopyable {
    @usableFromInline package let rawValue: UInt32

    @inlinable package init(rawValue: UInt32) { self.rawValue = rawValue }

    @inlinable package static func == (a: Self, b: Self) -> Bool { a.rawValue == b.rawValue }

    /// Reads `64512` or `asdot` notation `1.10` (RFC 5396).
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        switch parts.count {
        case 1:
            guard let value = UInt32(parts[0]) else { return nil }
            rawValue = value
        case 2:
            guard let high = UInt16(parts[0]), let low = UInt16(parts[1]) else { return nil }
            rawValue = UInt32(high) << 16 | UInt32(low)
        default: return nil
        }
    }

    /// What stands in a two-octet field for a number that does not fit (RFC 6793 section 9).
    package static let trans = Self(rawValue: 23456)

    @inlinable package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

extension ASNumber: CustomStringConvertible {
    @usableFromInline package var description: String { String(rawValue) }
}

/// A BGP identifier: four octets, not zero (RFC 6286), written like an IPv4 address.
@usableFromInline package struct RouterID: RawRepresentable, Hashable, Comparable, Sendable, BitwiseCopyable {
    @usableFromInline package let rawValue: UInt32

    @inlinable package init(rawValue: UInt32) { self.rawValue = rawValue }

    @inlinable package static func == (a: Self, b: Self) -> Bool { a.rawValue == b.rawValue }

    package init?(_ text: some StringProtocol) {
        guard let address = IPv4Address(String(text)) else { return nil }
        rawValue = address.rawValue
    }

    @inlinable package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

extension RouterID: CustomStringConvertible {
    @usableFromInline package var description: String { IPv4Address(rawValue: rawValue).description }
}

/// A 48-bit Ethernet address in the low bits of a number.
package struct MACAddress: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue & 0xffff_ffff_ffff }

    /// Reads six pairs of hex digits separated by colons.
    package init?(_ text: String) {
        guard text.utf8.count == 17 else { return nil }
        var value: UInt64 = 0
        for (index, byte) in text.utf8.enumerated() {
            if index % 3 == 2 {
                guard byte == UInt8(ascii: ":") else { return nil }
            } else {
                guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
                value = value << 4 | UInt64(digit)
            }
        }
        rawValue = value
    }

    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 6 else { return nil }
        rawValue = bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The same, without a generic function's cost in a process that lives for a millisecond.
    package init?(bytes: ArraySlice<UInt8>) {
        guard bytes.count == 6 else { return nil }
        var value: UInt64 = 0
        for byte in bytes { value = value << 8 | UInt64(byte) }
        rawValue = value
    }

    package var bytes: [UInt8] {
        var result: [UInt8] = []
        var shift: UInt64 = 48
        while shift > 0 {
            shift -= 8
            result.append(UInt8(truncatingIfNeeded: rawValue >> shift))
        }
        return result
    }

    /// The link-local address that the kernel makes of this MAC (modified EUI-64, RFC 4291 appendix A).
    package var linkLocal: IPv6Address {
        let high = UInt128(rawValue >> 24 ^ 0x02_0000)
        let low = UInt128(rawValue & 0xff_ffff)
        return IPv6Address(rawValue: 0xfe80 << 112 | high << 40 | 0xff_fe00_0000 | low)
    }
}

extension MACAddress: CustomStringConvertible {
    @usableFromInline package var description: String {
        var digits = DigitText(capacity: 17)
        var shift: UInt64 = 48
        while shift > 0 {
            if shift < 48 { digits.append(":") }
            shift -= 8
            digits.append(hex: rawValue >> shift & 255, width: 2)
        }
        return digits.text
    }
}
