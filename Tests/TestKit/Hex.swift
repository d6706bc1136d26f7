/// A hex text could not be read.
package struct MalformedHex: Error, CustomStringConvertible {
    package let line: String

    package var description: String { "not hex: \(line)" }
}

/// Reads octets written as hex digits. Blanks between octets are free; `#` starts a comment that ends with its line.
package func hex(_ text: String) throws(MalformedHex) -> [UInt8] {
    var bytes: [UInt8] = []
    for line in text.split(separator: "\n") {
        var high: UInt8?
        for character in line.prefix(while: { $0 != "#" }) where !character.isWhitespace {
            guard let digit = character.hexDigitValue.map(UInt8.init) else { throw MalformedHex(line: String(line)) }
            if let first = high {
                bytes.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        guard high == nil else { throw MalformedHex(line: String(line)) }
    }
    return bytes
}

/// Octets as hex digits, 16 to a line.
package func hexText(_ bytes: some Collection<UInt8>) -> String {
    var lines: [String] = []
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
        lines.append(rest.prefix(16).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " "))
        rest = rest.dropFirst(16)
    }
    return lines.joined(separator: "\n")
}
