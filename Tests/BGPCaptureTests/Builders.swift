import BGPCapture
import NetTypes
import TestKit

/// A message with its header.
func message(_ type: UInt8, _ body: [UInt8] = []) -> [UInt8] {
    let length = body.count + 19
    return [UInt8](repeating: 0xff, count: 16) + [UInt8(length >> 8), UInt8(length & 255), type] + body
}

/// An UPDATE of attributes and prefixes of IPv4.
func update(_ attributes: [[UInt8]], nlri: [UInt8] = [24, 10, 244, 1], withdrawn: [UInt8] = []) -> [UInt8] {
    let list = attributes.flatMap { $0 }
    return message(
        2,
        [0, UInt8(withdrawn.count)] + withdrawn + [UInt8(list.count >> 8), UInt8(list.count & 255)] + list + nlri)
}

enum Sample {
    static let keepalive = message(4)
    static let origin: [UInt8] = [0x40, 1, 1, 0]
    static let asPath: [UInt8] = [0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe8]
    static let nextHop: [UInt8] = [0x40, 3, 4, 10, 99, 0, 1]
    static let good = update([origin, asPath, nextHop])

    /// AS 65000, both families, four-octet AS.
    static func open(as number: UInt16, id: UInt8 = 1, capabilities: [UInt8]? = nil) -> [UInt8] {
        let list: [UInt8] =
            capabilities ?? [1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1, 65, 4, 0, 0, UInt8(number >> 8), UInt8(number & 255)]
        return message(
            1,
            [4, UInt8(number >> 8), UInt8(number & 255), 0, 90, 10, 99, 0, id, UInt8(list.count + 2), 2]
                + [UInt8(list.count)] + list)
    }
}

/// A pcap file of one session, in the making.
struct Recording {
    static let local = Endpoint(.v4(IPv4Address(rawValue: 0x0a63_0001)), port: 179)
    static let remote = Endpoint(.v4(IPv4Address(rawValue: 0x0a63_0002)), port: 40000)

    private(set) var bytes = SyntheticPackets.fileHeader
    private var packets: SyntheticPackets
    private var time: Int64 = 1_700_000_000_000_000_000
    /// Each record of the file.
    private(set) var records: [[UInt8]] = []

    init(_ local: Endpoint = Self.local, _ remote: Endpoint = Self.remote, begins: Bool = true) {
        packets = SyntheticPackets(local: local, remote: remote)
        if begins { add(packets.begin(at: tick())) }
    }

    private mutating func tick() -> CaptureTime {
        time += 1_000_000
        return CaptureTime(nanoseconds: time)
    }

    private mutating func add(_ record: [UInt8]) {
        records.append(record)
        bytes += record
    }

    mutating func send(_ octets: [UInt8]) { add(packets.octets(octets[...], .sent, at: tick())) }
    mutating func receive(_ octets: [UInt8]) { add(packets.octets(octets[...], .received, at: tick())) }
    mutating func skip(_ count: Int, _ direction: SyntheticPackets.Direction) { packets.skip(count, direction) }
    mutating func end() { add(packets.ended(at: tick())) }

    /// The packets without the heads of their records.
    var bare: [[UInt8]] { records.map { Array($0.dropFirst(16)) } }
}

/// What a capture comes to.
struct Decoded {
    var messages: [DecodedMessage] = []
    var notes: [CaptureNote] = []
    var text = ""

    /// Decodes `bytes` in pieces of `size`.
    init(
        _ bytes: [UInt8], piece size: Int = .max, form: CapturePrinter.Form = .full,
        _ change: (inout CaptureSettings) -> Void = { _ in }
    ) throws(CaptureError) {
        var settings = CaptureSettings()
        change(&settings)
        var decoder = CaptureDecoder(settings)
        var rest = bytes[...]
        while !rest.isEmpty {
            take(try decoder.append(rest.prefix(size)), form)
            rest = rest.dropFirst(size)
        }
        take(try decoder.finish(), form)
    }

    private mutating func take(_ entries: [CaptureEntry], _ form: CapturePrinter.Form) {
        var printer = CapturePrinter()
        printer.form = form
        for entry in entries {
            text += printer.text(entry) ?? ""
            switch entry {
            case .message(let message): messages.append(message)
            case .note(let note): notes.append(note)
            }
        }
    }

    var names: [String] { messages.map(\.name) }
    var verdicts: [String] { messages.map(\.verdict.line) }
}

/// A pcap file with records of any link type and byte order.
func pcap(_ packets: [[UInt8]], linkType: UInt32, bigEndian: Bool = true, nanoseconds: Bool = false) -> [UInt8] {
    var bytes: [UInt8] = []
    func add(_ value: UInt32, octets: Int = 4) {
        let big = (0..<octets).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * (octets - 1 - $0))) }
        bytes += bigEndian ? big : big.reversed()
    }
    add(nanoseconds ? 0xa1b2_3c4d : 0xa1b2_c3d4)
    add(2, octets: 2)
    add(4, octets: 2)
    for value in [0, 0, 262_144, linkType] as [UInt32] { add(value) }
    for packet in packets {
        for value in [1_700_000_000, 5, UInt32(packet.count), UInt32(packet.count)] { add(value) }
        bytes += packet
    }
    return bytes
}

/// A block of a pcapng file.
func block(_ type: UInt32, _ body: [UInt8], bigEndian: Bool = true) -> [UInt8] {
    let padded = body + [UInt8](repeating: 0, count: (4 - body.count % 4) % 4)
    let length = number(UInt32(padded.count + 12), bigEndian)
    return number(type, bigEndian) + length + padded + length
}

func number(_ value: UInt32, _ bigEndian: Bool = true) -> [UInt8] {
    let big = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
    return bigEndian ? big : big.reversed()
}

func number(_ value: UInt16, _ bigEndian: Bool = true) -> [UInt8] {
    let big = [UInt8(value >> 8), UInt8(value & 255)]
    return bigEndian ? big : big.reversed()
}

/// A record of a collector's file (RFC 6396).
func mrt(_ type: UInt16, _ subtype: UInt16, _ body: [UInt8]) -> [UInt8] {
    number(UInt32(1_700_000_000)) + number(type) + number(subtype) + number(UInt32(body.count)) + body
}

/// SplitMix64: the same seed gives the same numbers everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
