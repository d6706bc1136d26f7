/// A JSON document as a tree that keeps every key, in order: what a plugin does not know it must still pass on.
///
/// Own code instead of `JSONDecoder`: a plugin lives for two milliseconds, FoundationEssentials' decoder was measured
/// at +0.8 ms and 2.5 times the memory of a parser like this one per call, and it forgets unknown keys.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    /// The text of the number: nothing is lost by passing it through a floating-point type.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([JSONMember])
}

/// One key of an object with its value.
package struct JSONMember: Hashable, Sendable {
    package let name: String
    package var value: JSONValue

    package init(_ name: String, _ value: JSONValue) {
        self.name = name
        self.value = value
    }
}

extension JSONValue {
    /// The value of a key in an object; nil when it is absent, null, or this is no object. Exact spelling wins, then
    /// any letter case counts (callers written in Go send `HostPort` for `hostPort`); of duplicates the last one.
    package subscript(_ key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        let found =
            members.last { $0.name == key }
            ?? members.last { Self.sameLetters($0.name, key) }
        return found?.value == .null ? nil : found?.value
    }

    package var string: String? { if case .string(let text) = self { text } else { nil } }

    /// A whole number that fits; nil for fractions and exponents.
    package var int: Int? { if case .number(let text) = self { Int(text) } else { nil } }

    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

    package var array: [JSONValue]? { if case .array(let values) = self { values } else { nil } }

    package var members: [JSONMember]? { if case .object(let members) = self { members } else { nil } }

    /// Replaces the value of a key (whatever its letter case) where it stands, or appends it. Does nothing in a
    /// non-object.
    package mutating func set(_ key: String, _ value: JSONValue) {
        guard case .object(var members) = self else { return }
        if let index = members.lastIndex(where: { Self.sameLetters($0.name, key) }) {
            members[index].value = value
        } else {
            members.append(JSONMember(key, value))
        }
        self = .object(members)
    }

    /// An object of the members whose value is not nil.
    package static func object(of members: (String, JSONValue?)...) -> JSONValue {
        .object(members.compactMap { name, value in value.map { JSONMember(name, $0) } })
    }

    package static func number(_ value: some FixedWidthInteger) -> JSONValue { .number(String(value)) }

    /// Equal but for the case of ASCII letters: keys of CNI are ASCII.
    private static func sameLetters(_ a: String, _ b: String) -> Bool {
        guard a.utf8.count == b.utf8.count else { return false }
        return zip(a.utf8, b.utf8).allSatisfy { lower($0) == lower($1) }
    }

    private static func lower(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}

extension JSONValue: CustomStringConvertible {
    /// The compact text of the value.
    package var description: String {
        var bytes: [UInt8] = []
        write(into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends the compact text (RFC 8259) to `bytes`.
    package func write(into bytes: inout [UInt8]) {
        switch self {
        case .null: bytes += "null".utf8
        case .bool(let value): bytes += (value ? "true" : "false").utf8
        case .number(let text): bytes += text.utf8
        case .string(let text): Self.write(text, into: &bytes)
        case .array(let values):
            bytes.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                value.write(into: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.write(member.name, into: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.write(into: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ text: String, into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): bytes += "\\n".utf8
            case UInt8(ascii: "\r"): bytes += "\\r".utf8
            case UInt8(ascii: "\t"): bytes += "\\t".utf8
            case 0..<0x20: bytes += ((byte < 16 ? "\\u000" : "\\u00") + String(byte, radix: 16)).utf8
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
