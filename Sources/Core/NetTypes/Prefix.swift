/// An address prefix; bits beyond its length are always zero.
@usableFromInline package struct Prefix: Hashable, Sendable, BitwiseCopyable {
    /// The address bits, left-aligned for both families.
    @usableFromInline package let bits: UInt128
    /// 0...32 or 0...128.
    @usableFromInline package let length: UInt8
    @usableFromInline package let family: AddressFamily

    @inlinable package static func == (a: Self, b: Self) -> Bool {
        a.bits == b.bits && a.length == b.length && a.family == b.family
    }

    /// Two words instead of four: tables of routes spend much of their time here.
    @usableFromInline package func hash(into hasher: inout Hasher) {
        hasher.combine(UInt64(truncatingIfNeeded: bits >> 64))
        hasher.combine(UInt64(truncatingIfNeeded: bits) ^ UInt64(length) << 8 ^ UInt64(family.rawValue))
    }

    /// The prefix of `length` bits that `address` lies in; nil when the family has no such length.
    package init?(_ address: IPAddress, length: Int) {
        guard (0...address.family.bitWidth).contains(length) else { return nil }
        self.init(bits: address.leftAligned, length: UInt8(length), family: address.family)
    }

    /// Left-aligned bits that are masked here; `length` is cut to what the family allows.
    @inlinable package init(bits: UInt128, length: UInt8, family: AddressFamily) {
        self.length = min(length, UInt8(family.bitWidth))
        self.family = family
        self.bits = bits & Self.mask(self.length)
    }

    /// The host prefix (/32 or /128) of an address.
    package init(host address: IPAddress) {
        self.init(bits: address.leftAligned, length: UInt8(address.family.bitWidth), family: address.family)
    }

    /// Reads `ADDRESS/LENGTH`. Bits beyond the length are cleared; use `strict` where they are an error.
    package init?(_ text: String) {
        guard let (address, length) = Self.parse(text), let prefix = Self(address, length: length) else { return nil }
        self = prefix
    }

    /// Reads `ADDRESS/LENGTH` and refuses bits beyond the length.
    package init?(strict text: String) {
        guard let (address, length) = Self.parse(text), let prefix = Self(address, length: length),
            prefix.bits == address.leftAligned
        else { return nil }
        self = prefix
    }

    /// Splits `ADDRESS/LENGTH` without masking, for texts such as a CNI `address` where the host bits matter.
    package static func parse(_ text: String) -> (address: IPAddress, length: Int)? {
        guard let slash = text.utf8.lastIndex(of: UInt8(ascii: "/")), let address = IPAddress(text[..<slash]) else {
            return nil
        }
        let digits = text.utf8[text.utf8.index(after: slash)...]
        guard (1...3).contains(digits.count) else { return nil }
        var length = 0
        for byte in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            length = length * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return length <= address.family.bitWidth ? (address, length) : nil
    }

    @inlinable static func mask(_ length: UInt8) -> UInt128 { length == 0 ? 0 : UInt128.max << (128 - UInt128(length)) }

    /// The lowest address of the prefix.
    package var address: IPAddress { IPAddress(leftAligned: bits, family: family) }

    /// The highest address of the prefix.
    package var lastAddress: IPAddress { IPAddress(leftAligned: bits | ~Self.mask(length), family: family) }

    package var isDefault: Bool { length == 0 }

    package var isHost: Bool { Int(length) == family.bitWidth }

    package func contains(_ address: IPAddress) -> Bool {
        address.family == family && address.leftAligned & Self.mask(length) == bits
    }

    /// Whether every address of `other` lies in this prefix; true for the same prefix.
    package func contains(_ other: Prefix) -> Bool {
        other.family == family && other.length >= length && other.bits & Self.mask(length) == bits
    }

    package func overlaps(_ other: Prefix) -> Bool { contains(other) || other.contains(self) }
}

extension Prefix: Comparable {
    /// IPv4 before IPv6, then by address, then shorter first.
    @usableFromInline package static func < (a: Self, b: Self) -> Bool {
        (a.family.rawValue, a.bits, a.length) < (b.family.rawValue, b.bits, b.length)
    }
}

extension Prefix: CustomStringConvertible {
    @usableFromInline package var description: String { "\(address)/\(length)" }
}
