import BGPCapture
import NetTypes
import TestKit
import Testing

/// Files of every format come to the same messages.
@Suite struct FormatTests {
    /// A session: OPENs, KEEPALIVEs, an UPDATE.
    private static let session: Recording = {
        var session = Recording()
        session.send(Sample.open(as: 64601, id: 1))
        session.receive(Sample.open(as: 65000, id: 2))
        session.send(Sample.keepalive)
        session.receive(Sample.keepalive + Sample.good)
        session.end()
        return session
    }()

    private static let names = ["OPEN", "OPEN", "KEEPALIVE", "KEEPALIVE", "UPDATE"]

    private func check(_ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) throws {
        let decoded = try Decoded(bytes)
        #expect(decoded.names == Self.names, "\(decoded.text)", sourceLocation: sourceLocation)
        #expect(decoded.notes.isEmpty, "\(decoded.notes)", sourceLocation: sourceLocation)
        #expect(
            decoded.messages.last?.announced.map(\.description) == ["10.244.1.0/24"], sourceLocation: sourceLocation)
    }

    /// Each packet of the records (begin and end are two packets) by itself.
    private static var packets: [[UInt8]] {
        session.records.flatMap { record in
            var rest = record[...]
            var list: [[UInt8]] = []
            while rest.count > 16 {
                let count = rest.dropFirst(8).prefix(4).reduce(0) { $0 << 8 | Int($1) }
                list.append(Array(rest.dropFirst(16).prefix(count)))
                rest = rest.dropFirst(16 + count)
            }
            return list
        }
    }

    @Test(arguments: [1, 2, 3, 15, 16, 17, 64, 1000])
    func `a file in pieces of any size comes to the same`(size: Int) throws {
        let whole = try Decoded(Self.session.bytes)
        #expect(whole.names == Self.names)
        #expect(try Decoded(Self.session.bytes, piece: size).text == whole.text)
    }

    @Test(arguments: [true, false], [true, false])
    func `pcap of both byte orders and both units of time is read`(bigEndian: Bool, nanoseconds: Bool) throws {
        let bytes = pcap(Self.packets, linkType: 101, bigEndian: bigEndian, nanoseconds: nanoseconds)
        try check(bytes)
        let time = try Decoded(bytes).messages.first?.time
        #expect(time?.nanoseconds == (nanoseconds ? 1_700_000_000_000_000_005 : 1_700_000_000_000_005_000))
    }

    static let links: [(name: String, type: UInt32, header: [UInt8])] = [
        ("Ethernet", 1, [UInt8](repeating: 2, count: 12) + [8, 0]),
        ("Ethernet with a VLAN", 1, [UInt8](repeating: 2, count: 12) + [0x81, 0, 0, 7, 8, 0]),
        ("Ethernet with two VLANs", 1, [UInt8](repeating: 2, count: 12) + [0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 8, 0]),
        ("raw", 12, []), ("IPv4", 228, []), ("null", 0, [2, 0, 0, 0]), ("loopback", 108, [0, 0, 0, 2]),
        ("cooked", 113, [UInt8](repeating: 0, count: 14) + [8, 0]),
        ("cooked with a VLAN", 113, [UInt8](repeating: 0, count: 14) + [0x81, 0, 0, 7, 8, 0]),
        ("cooked, second version", 276, [8, 0] + [UInt8](repeating: 0, count: 18)),
    ]

    @Test(arguments: links)
    func `packets of every link are read`(name: String, type: UInt32, header: [UInt8]) throws {
        try check(pcap(Self.packets.map { header + $0 }, linkType: type))
    }

    @Test(arguments: [true, false])
    func `pcapng of both byte orders is read, unknown blocks passed over`(bigEndian: Bool) throws {
        let order = number(UInt32(0x1a2b_3c4d), bigEndian)
        let version = number(UInt16(1), bigEndian) + number(UInt16(0), bigEndian)
        var bytes = block(0x0a0d_0d0a, order + version + [UInt8](repeating: 0xff, count: 8), bigEndian: bigEndian)
        // An interface whose times are in nanoseconds.
        let options = number(UInt16(9), bigEndian) + number(UInt16(1), bigEndian) + [9, 0, 0, 0, 0, 0, 0, 0]
        bytes += block(
            1,
            number(UInt16(101), bigEndian) + number(UInt16(0), bigEndian) + number(UInt32(262_144), bigEndian)
                + options, bigEndian: bigEndian)
        bytes += block(0x0bad, [1, 2, 3], bigEndian: bigEndian)
        for (index, packet) in Self.packets.enumerated() {
            let length = number(UInt32(packet.count), bigEndian)
            if index == 0 {
                bytes += block(3, length + packet, bigEndian: bigEndian)
            } else {
                let head = [0, 1, UInt32(index)].flatMap { number($0, bigEndian) }
                bytes += block(6, head + length + length + packet, bigEndian: bigEndian)
            }
        }
        try check(bytes)
        #expect(try Decoded(bytes).messages.first?.time?.nanoseconds == 1 << 32 | 2)
    }

    @Test func `IPv6 with extension headers is read, and a fragment is told`() throws {
        let local = Endpoint(.v6(IPv6Address(rawValue: 0xfd99 << 112 | 1)), port: 179)
        var session = Recording(local, Endpoint(.v6(IPv6Address(rawValue: 0xfd99 << 112 | 2)), port: 40000))
        session.send(Sample.keepalive)
        try #require(session.bare.count == 2)
        let plain = session.bare[1]
        func with(_ next: UInt8, _ header: [UInt8]) -> [UInt8] {
            let length = plain.count - 40 + header.count
            return Array(plain[..<4]) + [UInt8(length >> 8), UInt8(length & 255), next] + plain[7..<40] + header
                + plain[40...]
        }
        let options = with(0, [6, 0, 1, 4, 0, 0, 0, 0])
        #expect(try Decoded(pcap([options], linkType: 229)).names == ["KEEPALIVE"])
        let atomic = with(44, [6, 0, 0, 0, 0, 0, 0, 1])
        #expect(try Decoded(pcap([atomic], linkType: 229)).names == ["KEEPALIVE"])
        let fragment = try Decoded(pcap([with(44, [6, 0, 0, 1, 0, 0, 0, 1])], linkType: 229))
        #expect(fragment.names.isEmpty)
        #expect(fragment.notes.map(\.text) == ["a fragment of an IPv6 packet is not put together"])
    }

    @Test func `a file that ends within a packet is told, with what came before it`() throws {
        let bytes = Self.session.bytes
        let decoded = try Decoded(Array(bytes.dropLast(100)))
        #expect(decoded.names.starts(with: ["OPEN", "OPEN", "KEEPALIVE"]))
        #expect(decoded.notes.contains { $0.text.contains("the file ends within") })
        for length in stride(from: 1, to: bytes.count, by: 7) { _ = try? Decoded(Array(bytes.prefix(length))) }
    }

    @Test(arguments: [(179, 0), (1790, 4)] as [(UInt16, Int)])
    func `a file without a message says so, and what there is in place of it`(port: UInt16, foreign: Int) throws {
        let local = Endpoint(Recording.local.address, port: port)
        var session = Recording(local, Recording.remote)
        if foreign > 0 { session.send(Sample.keepalive) }
        session.end()
        var decoder = CaptureDecoder()
        _ = try decoder.append(session.bytes[...])
        _ = try decoder.finish()
        let emptiness = try #require(decoder.emptiness)
        let text = try #require(CapturePrinter().text(emptiness))
        #expect(text.contains("no BGP message in"), "\(text)")
        #expect(text.contains("TCP, but not of port 179") == (foreign > 0), "\(text)")
        var settings = CaptureSettings()
        settings.port = nil
        var every = CaptureDecoder(settings)
        _ = try every.append(session.bytes[...])
        _ = try every.finish()
        #expect((every.emptiness == nil) == (foreign > 0))
    }

    @Test func `what is no capture is refused with its first octets`() {
        #expect(throws: CaptureError.self) { try Decoded([]) }
        #expect(throws: CaptureError(offset: 0, text: "the file is empty")) { try Decoded([]) }
        #expect(throws: CaptureError.self) { try Decoded(Array("hello, world\n".utf8)) }
        #expect(throws: CaptureError.self) { try Decoded([0x7f, 0x45, 0x4c, 0x46] + [UInt8](repeating: 0, count: 80)) }
        do throws(CaptureError) {
            _ = try Decoded([0x1f, 0x8b, 8, 0] + [UInt8](repeating: 1, count: 80))
            Issue.record("gzip was taken for a capture")
        } catch {
            #expect("\(error)".contains("gunzip"))
        }
    }
}
