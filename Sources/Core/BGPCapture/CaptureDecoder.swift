import BGPWire
import NetTypes

/// Turns the octets of a capture, in pieces of any size, into its messages with what our speaker would do with each.
///
/// The format is known by the first octets: pcap, pcapng, MRT, text with hexadecimal digits, or the octets of one
/// direction of a session as they are. Memory is bounded whatever the file holds.
package struct CaptureDecoder: Sendable {
    /// Most connections of one file.
    private static let mostSessions = 10_000

    private struct Key: Hashable, Sendable {
        var low: Endpoint
        var high: Endpoint
    }

    private let settings: CaptureSettings
    private var assumed: CaptureSettings
    private var queue = ByteQueue()
    private var reader: (any RecordReader)?
    private var sessions: [SessionDecoder] = []
    private var streams: [[TCPStream]] = []
    private var keys: [Key: Int] = [:]
    /// The session of octets without addresses.
    private var bare: Int?
    private var told: Set<String> = []
    private var entries: [CaptureEntry] = []
    private var number = 0
    /// Packets so far, and those with TCP of other ports.
    private var packets = 0
    private var passedOver = 0
    private var lastTime: CaptureTime?
    private var lastOffset = 0

    package init(_ settings: CaptureSettings = CaptureSettings()) {
        self.settings = settings
        assumed = settings
    }

    /// Takes the next octets of the file.
    package mutating func append(_ bytes: ArraySlice<UInt8>) throws(CaptureError) -> [CaptureEntry] {
        queue.append(bytes)
        try read(isAtEnd: false)
        return take()
    }

    /// The file is at its end.
    package mutating func finish() throws(CaptureError) -> [CaptureEntry] {
        try read(isAtEnd: true)
        if reader is HexReader, bare == nil {
            throw CaptureError(offset: 0, text: "a text without hexadecimal octets")
        }
        for index in sessions.indices {
            let origin =
                index == bare
                ? SessionDecoder.Origin() : SessionDecoder.Origin(time: lastTime, fileOffset: lastOffset)
            for direction in 0...1 {
                deliver(streams[index][direction].finish(), index, direction, origin)
                sessions[index].finish(direction, origin)
            }
            collect(index)
        }
        return take()
    }

    /// Said of a file of packets in which there was no message, once it is at its end: silence could mean anything.
    package var emptiness: CaptureEntry? {
        guard number == 0, reader is PcapReader || reader is PcapngReader else { return nil }
        var text = "no BGP message in \(packets) packet\(packets == 1 ? "" : "s")"
        if let port = settings.port, passedOver > 0 {
            text += ": \(passedOver) \(passedOver == 1 ? "is" : "are") TCP, but not of port \(port) (see --port)"
        }
        return .note(CaptureNote(time: nil, place: .octet(lastOffset), text: text))
    }

    private mutating func take() -> [CaptureEntry] {
        defer { entries = [] }
        return entries
    }

    // MARK: Formats

    private mutating func read(isAtEnd: Bool) throws(CaptureError) {
        if reader == nil {
            // Enough for every format to be told from the others.
            guard queue.count >= 64 || isAtEnd else { return }
            reader = try chooseReader()
        }
        while let record = reader?.next(&queue, isAtEnd: isAtEnd) { handle(record) }
    }

    private func chooseReader() throws(CaptureError) -> any RecordReader {
        guard queue.count > 0 else { throw CaptureError(offset: 0, text: "the file is empty") }
        let magic = queue.u32(at: 0) ?? 0
        if let pcap = PcapReader(magic: magic) { return pcap }
        if magic == PcapngReader.magic { return PcapngReader() }
        if queue.copy(from: 0, count: 16) == [UInt8](repeating: 0xff, count: 16) { return RawReader() }
        let head = queue.copy(from: 0, count: 64)
        if head.starts(with: [0x1f, 0x8b]) || head.starts(with: Array("BZh".utf8)) || head.starts(with: [0xfd, 0x37]) {
            throw CaptureError(offset: 0, text: "the file is compressed; unpack it with gunzip, bunzip2 or unxz first")
        }
        if head.allSatisfy({ $0 >= 32 && $0 < 127 || $0 == 9 || $0 == 10 || $0 == 13 || $0 >= 0x80 }) {
            return HexReader()
        }
        if MRTReader.begins(queue) { return MRTReader() }
        throw CaptureError(
            offset: 0,
            text: "neither pcap, pcapng, MRT nor text with hexadecimal digits: begins with \(Hex.text(head.prefix(8)))")
    }

    private mutating func handle(_ record: CaptureRecord) {
        switch record {
        case .packet(let packet): handle(packet)
        case .message(let message): handle(message)
        case .stream(let bytes):
            let index = bareSession()
            sessions[index].add(bytes, 0, SessionDecoder.Origin())
            collect(index)
        case .words(let words): assumed.adopt(words)
        case .note(let note): entries.append(.note(note))
        }
    }

    private mutating func bareSession() -> Int {
        if let bare { return bare }
        let index = addSession(nil)
        bare = index
        return index
    }

    // MARK: Packets

    private mutating func handle(_ packet: LinkPacket) {
        (lastTime, lastOffset) = (packet.time, packet.offset)
        packets += 1
        switch PacketParser.parse(packet) {
        case .other: break
        case .unreadable(let text):
            // Once each: a file may hold a million of the same.
            guard told.count < 64, told.insert(text).inserted else { return }
            entries.append(.note(CaptureNote(time: packet.time, place: .octet(packet.offset), text: text)))
        case .segment(let segment):
            if let port = settings.port, segment.source.port != port, segment.destination.port != port {
                passedOver += 1
                return
            }
            handle(segment, SessionDecoder.Origin(time: packet.time, fileOffset: packet.offset))
        }
    }

    private mutating func handle(_ segment: TCPSegment, _ origin: SessionDecoder.Origin) {
        guard let (index, direction) = session(segment.source, segment.destination) else { return }
        if segment.isSYN {
            deliver(streams[index][direction].finish(), index, direction, origin)
            sessions[index].finish(direction, origin)
            streams[index][direction].begin(segment.sequence)
            sessions[index].begin(direction)
        } else if !segment.payload.isEmpty || segment.missing > 0 {
            if !streams[index][direction].isStarted { sessions[index].beginWithin(direction) }
            deliver(
                streams[index][direction].add(segment.sequence, segment.payload, missing: segment.missing), index,
                direction, origin)
        }
        if let acknowledgement = segment.acknowledgement, !segment.isSYN {
            deliver(streams[index][1 - direction].acknowledged(acknowledgement), index, 1 - direction, origin)
        }
        if segment.isRST || segment.isFIN {
            for side in segment.isRST ? [0, 1] : [direction] {
                deliver(streams[index][side].finish(), index, side, origin)
                sessions[index].finish(side, origin)
            }
        }
        collect(index)
    }

    private mutating func deliver(
        _ pieces: [TCPStream.Piece], _ index: Int, _ direction: Int, _ origin: SessionDecoder.Origin
    ) {
        for piece in pieces {
            switch piece {
            case .octets(let bytes): sessions[index].add(bytes, direction, origin)
            case .gap(let count): sessions[index].lose(count, direction, origin)
            }
        }
    }

    /// The connection of two ends, and which of its directions this is.
    private mutating func session(_ source: Endpoint, _ destination: Endpoint) -> (Int, Int)? {
        let isLow = (source.address, source.port ?? 0) <= (destination.address, destination.port ?? 0)
        let (low, high) = isLow ? (source, destination) : (destination, source)
        let direction = isLow ? 0 : 1
        if let index = keys[Key(low: low, high: high)] { return (index, direction) }
        guard sessions.count < Self.mostSessions else {
            let text = "more than \(Self.mostSessions) connections: the others are not looked at"
            if told.insert(text).inserted {
                entries.append(.note(CaptureNote(time: lastTime, place: .octet(lastOffset), text: text)))
            }
            return nil
        }
        let index = addSession([low, high])
        keys[Key(low: low, high: high)] = index
        return (index, direction)
    }

    private mutating func addSession(_ ends: [Endpoint]?) -> Int {
        sessions.append(SessionDecoder(number: sessions.count + 1, ends: ends, assumed))
        streams.append([TCPStream(), TCPStream()])
        return sessions.count - 1
    }

    // MARK: Collectors

    private mutating func handle(_ message: LoggedMessage) {
        (lastTime, lastOffset) = (message.time, message.offset)
        guard let (index, direction) = session(message.sender, message.receiver) else { return }
        sessions[index].use(message.hint)
        let origin = SessionDecoder.Origin(time: message.time, fileOffset: message.offset)
        sessions[index].add(message.bytes, direction, origin)
        // A record is a whole message; what is left of it does not belong to the next.
        sessions[index].endRecord(direction, origin)
        collect(index)
    }

    private mutating func collect(_ index: Int) {
        for entry in sessions[index].take() {
            guard case .message(var message) = entry else {
                entries.append(entry)
                continue
            }
            number += 1
            message.number = number
            entries.append(.message(message))
        }
    }
}
