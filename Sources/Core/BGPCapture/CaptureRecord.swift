import NetTypes

/// Wall-clock time of a record: nanoseconds since 1970.
package struct CaptureTime: Sendable, Hashable, Comparable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Seconds and a fraction; times that no clock has are cut.
    init(seconds: Int, nanoseconds: Int) {
        self.nanoseconds = Int64(clamping: min(max(seconds, 0), 9_000_000_000) * 1_000_000_000 + nanoseconds)
    }

    package static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }
}

/// One side of a connection.
package struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    package var address: IPAddress
    /// nil where the file does not tell it.
    package var port: UInt16?

    package init(_ address: IPAddress, port: UInt16? = nil) { (self.address, self.port) = (address, port) }

    /// `192.0.2.1:179`, `[2001:db8::1]:179`, or the address alone.
    package var description: String {
        guard let port else { return "\(address)" }
        return address.family == .ipv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }
}

/// Something to tell about the file or a stream in it that is no message: what is cut off, lost, or not understood.
package struct CaptureNote: Sendable, Hashable {
    package var time: CaptureTime?
    /// Octets from the file's begin, or the line of a text.
    package var place: Place
    package var text: String

    package enum Place: Sendable, Hashable {
        case octet(Int)
        case line(Int)
    }
}

/// Why a file cannot be decoded at all.
package struct CaptureError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Octets from the file's begin; nil when it could not be opened.
    package var offset: Int?
    package var text: String

    package init(offset: Int? = nil, text: String) { (self.offset, self.text) = (offset, text) }

    package var description: String { offset.map { "at octet \($0): \(text)" } ?? text }
}

/// What the formats have in common: packets of some link, messages of a known session, octets of nobody knows which.
enum CaptureRecord: Sendable {
    case packet(LinkPacket)
    case message(LoggedMessage)
    /// Octets of one direction of a session; nothing else is known.
    case stream([UInt8])
    /// What a fixture says of the session that its octets are of.
    case words([String])
    case note(CaptureNote)
}

/// A captured packet.
struct LinkPacket: Sendable {
    var time: CaptureTime?
    /// As registered for pcap files.
    var linkType: Int
    var bytes: [UInt8]
    /// Octets on the wire; more than `bytes` when the packet was cut.
    var length: Int
    /// Place of the record in the file.
    var offset: Int
}

/// A message that a collector wrote down (RFC 6396); a path of its table as the UPDATE that would announce it.
struct LoggedMessage: Sendable {
    var time: CaptureTime?
    var sender: Endpoint
    var receiver: Endpoint
    var hint: ContextHint
    var bytes: [UInt8]
    var offset: Int
}

/// What a collector says of the session besides its messages.
struct ContextHint: Sendable, Hashable {
    var fourOctetAS: Bool
    /// nil: not told.
    var isExternal: Bool?
    /// Prefixes have path identifiers (RFC 8050).
    var hasPathIDs: Bool
}

/// A reader of one format: takes whole records from the queue.
protocol RecordReader: Sendable {
    /// The next record; nil when more octets are needed. `isAtEnd`: no more will come.
    mutating func next(_ queue: inout ByteQueue, isAtEnd: Bool) -> CaptureRecord?
}

extension RecordReader {
    /// The note of a file that ends within a record; the rest is dropped.
    func cutOff(_ queue: inout ByteQueue, _ what: String) -> CaptureRecord {
        let offset = queue.offset
        let left = queue.count
        queue.drop(left)
        return .note(
            CaptureNote(place: .octet(offset), text: "the file ends within \(what): \(left) octets are left"))
    }

    /// The note of a length that cannot be; nothing after it can be found, so the rest is dropped.
    func lost(_ queue: inout ByteQueue, _ what: String) -> CaptureRecord {
        let offset = queue.offset
        queue.drop(queue.count)
        return .note(CaptureNote(place: .octet(offset), text: "\(what): the rest of the file cannot be read"))
    }
}
