/// An IPv4 address as an unsigned number in host order, so that comparison is numeric.
@usableFromInline package struct IPv4Address: RawRepresentable, Hashable, Comparable, Sendable, BitwiseCopyable {
    @usableFromInline package let rawValue: UInt32

    @inlinable package init(rawValue: UInt32) { self.rawValue = rawValue }

    @inlinable package static func == (a: Self, b: Self) -> Bool { a.rawValue == b.rawValue }

    package init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
        rawValue = UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d)
    }

    /// Reads dotted-decimal text of exactly four numbers without leading zeros (which C libraries read as octal).
    package init?(_ text: Substring) {
        var value: UInt32 = 0
        var (parts, digits, number): (Int, Int, UInt32) = (0, 0, 0)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                guard digits < 3, digits == 0 || number > 0 else { return nil }
                number = number * 10 + UInt32(byte - UInt8(ascii: "0"))
                digits += 1
            case UInt8(ascii: "."):
                guard digits > 0, number <= 255, parts < 3 else { return nil }
                value = value << 8 | number
                (parts, digits, number) = (parts + 1, 0, 0)
            default: return nil
            }
        }
        guard parts == 3, digits > 0, number <= 255 else { return nil }
        rawValue = value << 8 | number
    }

    package init?(_ text: String) { self.init(text[...]) }

    package static let any = Self(rawValue: 0)

    @inlinable package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

extension IPv4Address: CustomStringConvertible {
    @usableFromInline package var description: String {
        var digits = DigitText(capacity: 15)
        var shift: UInt32 = 32
        while shift > 0 {
            if shift < 32 { digits.append(".") }
            shift -= 8
            digits.append(decimal: rawValue >> shift & 255)
        }
        return digits.text
    }
}
