import BGPWire
import NetTypes
import TestKit
import Testing

/// What the registries know and a speaker of today sends is in the fixtures: messages, attributes, capabilities, codes
/// of errors. Written down here a second time, so that a new number in the code asks for a fixture.
@Suite struct CoverageTests {
    private static let fixtures = Result { try Fixture.all(under: "messages") + Fixture.all(under: "captures") }

    /// Type and body of each whole message of a stream, as far as its lengths can be believed.
    private static func messages(_ bytes: [UInt8]) -> [(type: UInt8, body: ArraySlice<UInt8>)] {
        var rest = bytes[...]
        var found: [(UInt8, ArraySlice<UInt8>)] = []
        while rest.count >= 19 {
            let head = Array(rest.prefix(19))
            let length = Int(head[16]) << 8 | Int(head[17])
            guard length >= 19, rest.count >= length else { break }
            found.append((head[18], rest.dropFirst(19).prefix(length - 19)))
            rest = rest.dropFirst(length)
        }
        return found
    }

    /// The codes of the attributes in an UPDATE's body.
    private static func attributes(_ body: ArraySlice<UInt8>) -> Set<UInt8> {
        var rest = body
        func short() -> Int { Int(rest.popFirst() ?? 0) << 8 | Int(rest.popFirst() ?? 0) }
        let withdrawn = short()
        rest = rest.dropFirst(withdrawn)
        let count = short()
        rest = rest.prefix(count)
        var codes: Set<UInt8> = []
        while let flags = rest.popFirst(), let code = rest.popFirst() {
            codes.insert(code)
            let length = flags & 0x10 == 0 ? Int(rest.popFirst() ?? 0) : short()
            rest = rest.dropFirst(length)
        }
        return codes
    }

    @Test func `every message type`() throws {
        let types = try Self.fixtures.get().flatMap { Self.messages($0.bytes) }.map(\.type)
        #expect(Set(types).isSuperset(of: 1...5))
    }

    @Test func `every attribute of the registry, and every row of the table`() throws {
        let registry: [UInt8] = Array(1...10) + Array(14...18) + Array(20...29)
        let later: [UInt8] = Array(32...40) + [128, 255]
        let bodies = try Self.fixtures.get().flatMap { Self.messages($0.bytes) }.filter { $0.type == 2 }.map(\.body)
        let found = bodies.reduce(into: Set<UInt8>()) { $0.formUnion(Self.attributes($1)) }
        for code in registry + later + AttributeTable.rows.map(\.code) {
            #expect(found.contains(code), "attribute \(code) has no fixture")
        }
    }

    @Test func `every capability of the registry`() throws {
        let transcripts = try Self.fixtures.get().map { Transcript($0.bytes, in: DecodeContext($0)) }
        let opens = transcripts.flatMap(\.messages).compactMap { message -> Open? in
            if case .open(let open) = message { open } else { nil }
        }
        let found = Set(opens.flatMap(\.capabilities).map(\.code))
        for code: UInt8 in [1, 2, 3, 5, 6, 7, 8, 9, 64, 65, 67, 68, 69, 70, 71, 72, 73, 75, 76, 128, 131] {
            #expect(found.contains(code), "capability \(code) has no fixture")
        }
    }

    @Test func `every code and subcode of NOTIFICATION, in words`() throws {
        let known: [UInt8: ClosedRange<UInt8>] = [
            1: 1...3, 2: 1...7, 3: 1...11, 4: 0...0, 5: 1...3, 6: 1...10, 7: 1...1, 8: 0...0,
        ]
        let transcripts = try Self.fixtures.get().map { Transcript($0.bytes, in: DecodeContext($0)) }
        let found = transcripts.flatMap(\.messages).compactMap { message -> NotificationMessage? in
            if case .notification(let notification) = message { notification } else { nil }
        }
        for (code, subcodes) in known {
            for subcode in subcodes {
                let example = found.first { $0.code == code && $0.subcode == subcode }
                #expect(example != nil, "NOTIFICATION \(code).\(subcode) has no fixture")
                #expect(example?.description.contains("subcode") != true, "\(code).\(subcode) has no words")
            }
        }
        #expect(found.contains { $0.code == 2 && $0.subcode == 11 }, "role mismatch (RFC 9234)")
    }

    @Test func `every error that reading messages can find`() throws {
        var found: Set<[UInt8]> = []
        for fixture in try Self.fixtures.get() {
            let transcript = Transcript(fixture.bytes, in: DecodeContext(fixture))
            if let error = transcript.error { found.insert([error.code, error.subcode]) }
            for fault in transcript.messages.compactMap(\.update).flatMap(\.faults) {
                found.insert([3, fault.subcode])
            }
        }
        // 3.7 is not used any more; OPENs that can be read are judged by the session machine.
        let update: [UInt8] = [1, 2, 3, 4, 5, 6, 8, 9, 10, 11]
        let wanted: [[UInt8]] = [[1, 1], [1, 2], [1, 3], [2, 0], [2, 4], [7, 1]] + update.map { [3, $0] }
        for error in wanted { #expect(found.contains(error), "error \(error) has no fixture") }
    }
}
