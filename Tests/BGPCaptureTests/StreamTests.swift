import BGPCapture
import NetTypes
import TestKit
import Testing

/// TCP as captures show it: late, twice, overlapping, missing.
@Suite struct StreamTests {
    /// A packet of raw IPv4 with octets at a sequence number.
    private static func packet(_ sequence: UInt32, _ payload: [UInt8], flags: UInt8 = 0x18, ack: UInt32 = 1) -> [UInt8]
    {
        let length = UInt16(40 + payload.count)
        return [0x45, 0] + number(length) + [0, 0, 0, 0, 64, 6, 0, 0, 10, 99, 0, 1, 10, 99, 0, 2] + number(UInt16(179))
            + number(UInt16(40000)) + number(sequence) + number(ack) + [0x50, flags, 0xff, 0xff, 0, 0, 0, 0] + payload
    }

    /// Four UPDATEs of different prefixes, and the octets of all.
    private static let stream = (1...4).flatMap { index in
        update([Sample.origin, Sample.asPath, Sample.nextHop], nlri: [24, 10, 244, UInt8(index)])
    }

    private static let all = (1...4).compactMap { Prefix("10.244.\($0).0/24") }

    private func prefixes(_ packets: [[UInt8]]) throws -> [Prefix] {
        try Decoded(pcap(packets, linkType: 101)).messages.flatMap(\.announced)
    }

    @Test(arguments: [UInt32(1), 0xffff_fff0, 0x7fff_fff8])
    func `segments in any order, twice and overlapping come to the same stream`(first: UInt32) throws {
        var random = SeededGenerator(seed: UInt64(first) + 5)
        let syn = Self.packet(first &- 1, [], flags: 0x02)
        for _ in 0..<60 {
            var segments: [[UInt8]] = []
            var place = 0
            while place < Self.stream.count {
                let size = Int.random(in: 1...40, using: &random)
                let from = max(0, place - Int.random(in: 0...9, using: &random))
                let to = min(Self.stream.count, place + size)
                segments.append(Self.packet(first &+ UInt32(from), Array(Self.stream[from..<to])))
                if Bool.random(using: &random), let last = segments.last { segments.append(last) }
                place = to
            }
            segments.shuffle(using: &random)
            #expect(try prefixes([syn] + segments) == Self.all)
        }
    }

    @Test func `a gap costs the messages in it, and is told with its size`() throws {
        let size = Self.stream.count / 4
        let syn = Self.packet(0, [], flags: 0x02)
        let head = Self.packet(1, Array(Self.stream[..<(size + 10)]))
        let tail = Self.packet(UInt32(size + 31), Array(Self.stream[(size + 30)...]))
        let decoded = try Decoded(pcap([syn, head, tail], linkType: 101))
        #expect(decoded.messages.flatMap(\.announced) == [Self.all[0], Self.all[2], Self.all[3]])
        #expect(decoded.notes.contains { $0.text.contains("20 octets are not in the capture") }, "\(decoded.notes)")
        #expect(decoded.messages.contains { $0.verdict.action == .incomplete }, "\(decoded.verdicts)")
    }

    @Test func `what the receiver acknowledged is not waited for`() throws {
        let size = Self.stream.count / 4
        let syn = Self.packet(0, [], flags: 0x02)
        let late = Self.packet(UInt32(size + 1), Array(Self.stream[size...]))
        // The other side's acknowledgement of everything.
        var ack = Self.packet(1, [], flags: 0x10, ack: UInt32(Self.stream.count + 1))
        ack.replaceSubrange(12..<24, with: [10, 99, 0, 2, 10, 99, 0, 1, 0x9c, 0x40, 0, 179])
        var decoder = CaptureDecoder()
        let file = pcap([syn, late, ack], linkType: 101)
        let shown = try decoder.append(file[...]).filter { if case .message = $0 { true } else { false } }
        #expect(shown.count == 3)
    }

    @Test func `a capture that begins within a session begins at the next marker`() throws {
        let decoded = try Decoded(pcap([Self.packet(5000, Array(Self.stream.dropFirst(30)))], linkType: 101))
        #expect(decoded.messages.flatMap(\.announced) == Array(Self.all[1...]))
        #expect(decoded.notes.map(\.text).first?.contains("passed over, up to the next marker") == true)
        #expect(decoded.messages.first?.streamOffset == nil)
    }

    @Test func `packets cut by the capture length are a gap`() throws {
        let whole = Self.packet(1, Self.stream)
        var file = pcap([Self.packet(0, [], flags: 0x02)], linkType: 101)
        let cut = Array(whole.prefix(100))
        file += [1, 0, UInt32(cut.count), UInt32(whole.count)].flatMap { number($0) } + cut
        file += [2, 0].flatMap { number(UInt32($0)) }
        let next = Self.packet(UInt32(1 + Self.stream.count), Sample.keepalive)
        file += [UInt32(next.count), UInt32(next.count)].flatMap { number($0) } + next
        let decoded = try Decoded(file)
        #expect(decoded.messages.first?.announced == [Self.all[0]])
        #expect(decoded.names.last == "KEEPALIVE")
    }

    @Test func `messages after a malformed header are found again`() throws {
        let bad = [UInt8](repeating: 0xff, count: 16) + [0, 5, 2]
        let decoded = try Decoded(
            pcap([Self.packet(0, [], flags: 2), Self.packet(1, bad + Self.stream)], linkType: 101))
        #expect(decoded.messages.flatMap(\.announced) == Self.all)
        #expect(
            decoded.verdicts.first
                == "session reset: NOTIFICATION 1/2 Message Header Error / Bad Message Length: 5 octets (RFC 4271 section 6.1)"
        )
    }

    @Test func `other ports are looked at when asked for`() throws {
        var session = Recording(Endpoint(.v4(.any), port: 1179), Recording.remote)
        session.send(Sample.keepalive)
        #expect(try Decoded(session.bytes).names == [])
        #expect(try Decoded(session.bytes) { $0.port = 1179 }.names == ["KEEPALIVE"])
        #expect(try Decoded(session.bytes) { $0.port = nil }.names == ["KEEPALIVE"])
    }

    @Test func `octets that were dropped while writing are told by their number`() throws {
        var session = Recording()
        session.send(Sample.open(as: 64601) + Sample.keepalive)
        session.skip(777, .sent)
        session.send(Sample.good)
        let decoded = try Decoded(session.bytes)
        #expect(decoded.names == ["OPEN", "KEEPALIVE", "UPDATE"])
        #expect(decoded.notes.map(\.text).contains { $0.hasSuffix("777 octets are not in the capture") })
    }

    @Test func `the packets have right checksums`() throws {
        for end in [IPAddress.v4(IPv4Address(rawValue: 1)), .v6(IPv6Address(rawValue: 1))] {
            var session = Recording(Endpoint(end, port: 179), Endpoint(end, port: 40000))
            session.send(Sample.open(as: 64601))
            for packet in session.bare.dropFirst() {
                let header = end.family == .ipv4 ? 20 : 40
                let tcp = Array(packet.dropFirst(header))
                let addresses = Array(packet[(end.family == .ipv4 ? 12 : 8)..<header])
                let pseudo = addresses + [0, 6] + number(UInt16(tcp.count))
                #expect(sum(pseudo + tcp) == 0xffff)
                if end.family == .ipv4 { #expect(sum(Array(packet.prefix(20))) == 0xffff) }
            }
        }
    }

    private func sum(_ bytes: [UInt8]) -> Int {
        var sum = stride(from: 0, to: bytes.count, by: 2).reduce(0) {
            $0 + Int(bytes[$1]) << 8 + ($1 + 1 < bytes.count ? Int(bytes[$1 + 1]) : 0)
        }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        return sum
    }
}
