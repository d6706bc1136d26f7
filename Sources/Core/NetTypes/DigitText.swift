/// Text of numbers, digit by digit. Swift's own conversions are generic and are not specialized in a static library:
/// the few that write one address cost a plugin a hundredth of its life.
package struct DigitText {
    private var bytes: [UInt8] = []

    /// - Parameter capacity: octets that are expected.
    package init(capacity: Int) { bytes.reserveCapacity(capacity) }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package mutating func append(_ character: Unicode.Scalar) { bytes.append(UInt8(ascii: character)) }

    /// Without leading zeros.
    package mutating func append(decimal value: UInt32) {
        var divisor: UInt32 = 1
        while value / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }

    /// Lower case, with leading zeros up to `width` digits.
    package mutating func append(hex value: UInt64, width: Int = 1) {
        var shift = max(width, (67 - value.leadingZeroBitCount) / 4) * 4
        while shift > 0 {
            shift -= 4
            let digit = UInt8(value >> UInt64(shift) & 15)
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}
