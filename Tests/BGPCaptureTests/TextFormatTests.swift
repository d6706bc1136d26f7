import BGPCapture
import NetTypes
import TestKit
import Testing

/// Hexadecimal text, raw octets, and collectors' files.
@Suite struct TextFormatTests {
    private static let octets = Sample.keepalive + Sample.good

    private static func digits(_ bytes: [UInt8], _ separator: String) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: separator)
    }

    /// Lines with offsets, in groups, with characters beside them.
    private static func dump(_ head: (Int) -> String, group: Int, gap: String, tail: String) -> String {
        stride(from: 0, to: octets.count, by: 16).map { offset in
            let line = Array(octets[offset..<min(offset + 16, octets.count)])
            let groups = stride(from: 0, to: line.count, by: group).map {
                digits(Array(line[$0..<min($0 + group, line.count)]), group == 8 ? " " : "")
            }
            return head(offset) + groups.joined(separator: gap) + tail
        }.joined(separator: "\n")
    }

    private static func hex(_ number: Int, width: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: width - digits.count) + digits
    }

    static let texts: [(name: String, text: String)] = [
        ("one string", digits(octets, "")), ("blanks", digits(octets, " ")), ("colons", digits(octets, ":")),
        ("a list in C", octets.map { "0x" + hex(Int($0), width: 2) }.joined(separator: ", ")),
        ("comments", "# a file\n" + digits(octets, " ") + " # the end\n// really\n"),
        ("hexdump -C", dump({ hex($0, width: 8) + "  " }, group: 8, gap: "  ", tail: "  |ff ff.aa|")),
        ("xxd", dump({ hex($0, width: 8) + ": " }, group: 2, gap: " ", tail: "  ab..cd")),
        ("tcpdump -X", dump({ "\t0x" + hex($0, width: 4) + ":  " }, group: 2, gap: " ", tail: "  ab.cd")),
        ("od, Wireshark", dump({ hex($0, width: 4) + "  " }, group: 8, gap: "  ", tail: "   ab.cd")),
    ]

    @Test(arguments: texts)
    func `octets are read however they are written`(name: String, text: String) throws {
        let decoded = try Decoded(Array(text.utf8))
        #expect(decoded.names == ["KEEPALIVE", "UPDATE"], "\(text)\n\(decoded.text)")
        #expect(decoded.notes.isEmpty, "\(decoded.notes)")
    }

    @Test func `a word that is no octet is told with its line`() throws {
        let decoded = try Decoded(Array("# good\n\(Self.digits(Sample.keepalive, " "))\nzz top\u{7}\n".utf8))
        #expect(decoded.names == ["KEEPALIVE"])
        #expect(decoded.notes.map(\.place) == [.line(3)])
        #expect(decoded.notes.first?.text == "\"zz\" are no hexadecimal octets")
    }

    @Test func `octets without any frame are read`() throws {
        #expect(try Decoded(Self.octets).names == ["KEEPALIVE", "UPDATE"])
    }

    @Test func `every fixture is read, and resets the session exactly when its text says so`() throws {
        let fixtures = try Fixture.all(under: "messages") + Fixture.all(under: "captures")
        for fixture in fixtures {
            let digits = Self.digits(fixture.bytes, " ")
            let context = fixture.directives["context"].map { "# context: \($0)\n" } ?? ""
            let decoded = try Decoded(Array((context + digits).utf8))
            let refused = decoded.messages.contains { $0.verdict.action == .sessionReset }
            #expect(refused == (fixture.text ?? "").contains("error "), "\(fixture)\n\(decoded.text)")
            let octets = decoded.messages.flatMap(\.bytes)
            #expect(octets.count <= fixture.bytes.count, "\(fixture)")
        }
    }

    // MARK: MRT

    private static func head(_ subtype: UInt16, peer: UInt32 = 65000, local: UInt32 = 64601) -> [UInt8] {
        let isWide = [4, 5, 7, 9, 11].contains(subtype)
        let numbers = isWide ? number(peer) + number(local) : number(UInt16(peer)) + number(UInt16(local))
        return numbers + [0, 0, 0, 1, 10, 99, 0, 2, 10, 99, 0, 1]
    }

    @Test func `messages and states of a collector are read in the width that it names`() throws {
        let narrow = update([Sample.origin, [0x40, 2, 4, 2, 1, 0xfd, 0xe8], Sample.nextHop])
        let file =
            mrt(16, 5, Self.head(5) + [0, 5, 0, 6]) + mrt(16, 4, Self.head(4) + Sample.good)
            + mrt(16, 1, Self.head(1) + narrow) + mrt(16, 7, Self.head(7) + Sample.keepalive)
            + mrt(17, 4, number(UInt32(250_000)) + Self.head(4) + Sample.good)
        let decoded = try Decoded(file)
        #expect(decoded.names == ["UPDATE", "UPDATE", "KEEPALIVE", "UPDATE"], "\(decoded.text)")
        #expect(decoded.messages.allSatisfy { $0.verdict.action == .accepted }, "\(decoded.verdicts)")
        #expect(decoded.notes.map(\.text) == ["peer 10.99.0.2 (AS 65000): state OpenConfirm to Established"])
        #expect(decoded.messages[0].sender?.description == "10.99.0.2")
        #expect(decoded.messages[2].sender?.description == "10.99.0.1")
        #expect(decoded.messages[3].time?.nanoseconds == 1_700_000_000_250_000_000)
    }

    @Test func `a collector's peer in the same AS is internal`() throws {
        let file = mrt(16, 4, Self.head(4, peer: 64601) + Sample.good)
        let decoded = try Decoded(file)
        #expect(decoded.verdicts == ["treat-as-withdraw: LOCAL_PREF is missing (RFC 7606 section 3 d)"])
    }

    @Test func `a table dump is read as the UPDATEs that would announce it`() throws {
        let peers = number(UInt32(1)) + [0, 0, 0, 1, 2] + [10, 99, 0, 2] + [10, 99, 0, 2] + number(UInt32(65000))
        let attributes = Sample.origin + Sample.asPath + Sample.nextHop
        let v4 =
            number(UInt32(0)) + [24, 10, 244, 1, 0, 1, 0, 0] + number(UInt32(5)) + [0, UInt8(attributes.count)]
            + attributes
        let hop: [UInt8] = [0x80, 14, 17, 16, 0xfd, 0x99] + [UInt8](repeating: 0, count: 13) + [1]
        let attributes6 = Sample.origin + Sample.asPath + hop
        let v6 =
            number(UInt32(1)) + [16, 0xfd, 0, 0, 1, 0, 0] + number(UInt32(5)) + [0, UInt8(attributes6.count)]
            + attributes6
        let decoded = try Decoded(mrt(13, 1, peers) + mrt(13, 2, v4) + mrt(13, 4, v6))
        #expect(decoded.verdicts == Array(repeating: "accepted: 1 announced (RFC 4271 section 4.3)", count: 2))
        #expect(decoded.messages.flatMap(\.announced).map(\.description) == ["10.244.1.0/24", "fd00::/16"])
        #expect(decoded.messages.first?.sender?.description == "10.99.0.2")
        #expect(decoded.notes.map(\.text) == ["a table of 1 peer"])
    }

    @Test func `a record that is too short for its fields is told, and the next one read`() throws {
        let decoded = try Decoded(mrt(16, 4, [1, 2, 3]) + mrt(16, 4, Self.head(4) + Sample.keepalive))
        #expect(decoded.names == ["KEEPALIVE"])
        #expect(decoded.notes.first?.text == "a record of a session is too short for its fields")
    }
}
