import Foundation

/// A message of Protocol Buffers, written field by field: the few kinds of fields that the CRI needs.
package struct ProtocolBuffer: Hashable, Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    private mutating func variable(_ value: UInt64) {
        var rest = value
        while rest > 0x7f {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// A number, truth value or enumeration (wire type 0); zero is what a missing field says.
    package mutating func put(_ field: UInt64, _ value: UInt64) {
        guard value != 0 else { return }
        variable(field << 3)
        variable(value)
    }

    /// Octets of known length (wire type 2).
    private mutating func put(_ field: UInt64, octets: [UInt8]) {
        variable(field << 3 | 2)
        variable(UInt64(octets.count))
        bytes += octets
    }

    package mutating func put(_ field: UInt64, _ text: String) { put(field, octets: Array(text.utf8)) }

    package mutating func put(_ field: UInt64, _ message: ProtocolBuffer) { put(field, octets: message.bytes) }

    /// A map is repeated messages of key and value.
    package mutating func put(_ field: UInt64, _ map: [String: String]) {
        for (key, value) in map.sorted(by: { $0.key < $1.key }) {
            var entry = ProtocolBuffer()
            entry.put(1, key)
            entry.put(2, value)
            put(field, entry)
        }
    }
}

/// A message of Protocol Buffers as it arrived: values by field number, in order.
package struct ProtocolFields: Sendable {
    private var numbers: [UInt64: UInt64] = [:]
    private var octets: [UInt64: [[UInt8]]] = [:]

    package init(_ bytes: some Collection<UInt8>) throws {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let tag = try Self.variable(&rest)
            switch tag & 7 {
            case 0: numbers[tag >> 3] = try Self.variable(&rest)
            case 1: try Self.skip(&rest, 8)
            case 2:
                let length = Int(try Self.variable(&rest))
                octets[tag >> 3, default: []].append(Array(rest.prefix(length)))
                try Self.skip(&rest, length)
            case 5: try Self.skip(&rest, 4)
            default: throw LabError("protocol buffer: wire type \(tag & 7)")
            }
        }
    }

    private static func variable(_ rest: inout ArraySlice<UInt8>) throws -> UInt64 {
        var (value, shift) = (UInt64(0), UInt64(0))
        while let octet = rest.popFirst(), shift < 64 {
            value |= UInt64(octet & 0x7f) << shift
            if octet & 0x80 == 0 { return value }
            shift += 7
        }
        throw LabError("protocol buffer: a number without end")
    }

    private static func skip(_ rest: inout ArraySlice<UInt8>, _ count: Int) throws {
        guard count >= 0, rest.count >= count else { throw LabError("protocol buffer: \(count) octets are not there") }
        rest = rest.dropFirst(count)
    }

    /// A number; 0 if it is not there.
    package func number(_ field: UInt64) -> UInt64 { numbers[field] ?? 0 }

    /// A text; empty if it is not there.
    package func text(_ field: UInt64) -> String { String(decoding: octets[field]?.last ?? [], as: UTF8.self) }

    /// A message; an empty one if it is not there.
    package func message(_ field: UInt64) throws -> ProtocolFields { try ProtocolFields(octets[field]?.last ?? []) }

    /// The messages of a repeated field.
    package func messages(_ field: UInt64) throws -> [ProtocolFields] {
        try (octets[field] ?? []).map { try ProtocolFields($0) }
    }

    /// A map of texts.
    package func map(_ field: UInt64) throws -> [String: String] {
        Dictionary(try messages(field).map { ($0.text(1), $0.text(2)) }) { _, last in last }
    }
}
