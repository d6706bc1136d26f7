import CNetlink
import NetTypes

/// One message from the kernel, read with checks: a kernel newer than us may send more than we know.
struct LibnlReply {
    let type: UInt16
    let flags: UInt16
    let sequence: UInt32
    /// What follows the netlink header.
    let body: [UInt8]

    /// Splits a datagram into messages; what is cut off at its end is dropped.
    static func split(_ datagram: ArraySlice<UInt8>) -> [LibnlReply] {
        var replies: [LibnlReply] = []
        var rest = datagram
        while let length: UInt32 = rest.number(at: 0), length >= 16, Int(length) <= rest.count,
            let type: UInt16 = rest.number(at: 4), let flags: UInt16 = rest.number(at: 6),
            let sequence: UInt32 = rest.number(at: 8)
        {
            let message = rest.prefix(Int(length))
            replies.append(LibnlReply(type: type, flags: flags, sequence: sequence, body: Array(message.dropFirst(16))))
            rest = rest.dropFirst(Int(length + 3 & ~3))
        }
        return replies
    }

    /// A number of the fixed header, which starts at `offset` of the body.
    func number<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type = T.self, at offset: Int) -> T? {
        body[...].number(at: offset)
    }

    /// Attributes after a fixed header of `octets`.
    func attributes(after octets: Int) -> ReplyAttributes { ReplyAttributes(bytes: body.dropFirst(octets)) }
}

/// A sequence of attributes, such as a nest's content. Each question walks it: there are few questions, and a
/// dictionary would cost more than all of them.
struct ReplyAttributes {
    let bytes: ArraySlice<UInt8>

    /// An attribute's value; of duplicates the first.
    subscript(_ type: some BinaryInteger) -> ArraySlice<UInt8>? {
        let wanted = UInt16(truncatingIfNeeded: type)
        let value = bytes.withUnsafeBytes { Self.value(of: wanted, in: $0) }
        return value.map { bytes[(bytes.startIndex + $0.lowerBound)..<(bytes.startIndex + $0.upperBound)] }
    }

    /// Where the attribute's value is. The octets are not sliced on the way: a link has fifty attributes.
    private static func value(of wanted: UInt16, in bytes: UnsafeRawBufferPointer) -> Range<Int>? {
        var position = 0
        while position + 4 <= bytes.count {
            let length = Int(bytes.loadUnaligned(fromByteOffset: position, as: UInt16.self))
            guard length >= 4, length <= bytes.count - position else { return nil }
            let type = bytes.loadUnaligned(fromByteOffset: position + 2, as: UInt16.self)
            // The top two bits are flags (nested, network byte order).
            if type & 0x3fff == wanted { return (position + 4)..<(position + length) }
            position += (length + 3) & ~3
        }
        return nil
    }

    func nested(_ type: some BinaryInteger) -> ReplyAttributes? { self[type].map { ReplyAttributes(bytes: $0) } }

    func number(_ type: some BinaryInteger) -> UInt32? { self[type].flatMap { $0.number(at: 0) } }

    /// Text up to its zero octet.
    func text(_ type: some BinaryInteger) -> String? {
        self[type].map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    func address(_ type: some BinaryInteger) -> IPAddress? { self[type].flatMap { IPAddress(bytes: $0) } }

    func mac(_ type: some BinaryInteger) -> MACAddress? { self[type].flatMap { MACAddress(bytes: $0) } }
}

extension ArraySlice<UInt8> {
    /// A number in the machine's byte order, `offset` octets into the slice; nil beyond its end.
    func number<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type = T.self, at offset: Int) -> T? {
        guard offset >= 0, offset + MemoryLayout<T>.size <= count else { return nil }
        return withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: T.self) }
    }
}
