import CNetlink
import NetTypes

/// Requests under construction. Netlink is in the byte order of the machine, addresses excepted.
struct NetlinkWriter {
    /// The first `count` octets are written.
    private var room: [UInt8] = []
    private var count = 0
    private var messageStart = 0

    /// What was written.
    var bytes: [UInt8] { Array(room[..<count]) }

    /// Starts a message of this type; `endMessage` fills in its length.
    mutating func beginMessage(_ type: UInt16, flags: UInt16, sequence: UInt32) {
        messageStart = count
        append(UInt32(0))
        append(type)
        append(flags)
        append(sequence)
        append(UInt32(0))
    }

    mutating func endMessage() { patch(UInt32(count - messageStart), at: messageStart) }

    /// Sets more flags in the header of the message under construction.
    mutating func addFlags(_ flags: UInt16) {
        guard count >= messageStart + 8 else { return }
        room[messageStart + 6] |= UInt8(truncatingIfNeeded: flags)
        room[messageStart + 7] |= UInt8(truncatingIfNeeded: flags >> 8)
    }

    mutating func append<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        let start = count
        count += MemoryLayout<T>.size
        if count > room.count { room += Array(repeating: 0, count: max(256, count)) }
        store(value, at: start)
    }

    private mutating func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        room.withUnsafeMutableBytes { $0.storeBytes(of: value, toByteOffset: offset, as: T.self) }
    }

    mutating func append(_ address: IPAddress) {
        switch address {
        case .v4(let address): append(address.rawValue.bigEndian)
        case .v6(let address): append(address.rawValue.bigEndian)
        }
    }

    /// An attribute, or a next hop, whose body `body` writes; padded to four octets.
    mutating func attribute(_ type: Int, _ body: (inout NetlinkWriter) -> Void) {
        let start = count
        append(UInt16(0))
        append(UInt16(truncatingIfNeeded: type))
        body(&self)
        patch(UInt16(truncatingIfNeeded: count - start), at: start)
        pad()
    }

    /// A structure that begins with its own 16-bit length, as `rtnexthop` does.
    mutating func measured(_ body: (inout NetlinkWriter) -> Void) {
        let start = count
        append(UInt16(0))
        body(&self)
        patch(UInt16(truncatingIfNeeded: count - start), at: start)
        pad()
    }

    private mutating func pad() { while count % 4 != 0 { append(UInt8(0)) } }

    private mutating func patch<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        if offset + MemoryLayout<T>.size <= count { store(value, at: offset) }
    }

    mutating func removeAll() { count = 0 }
}

/// The header of a message (`nlmsghdr`), and where its body lies.
struct NetlinkHeader {
    static let octets = 16
    let type: UInt16
    let flags: UInt16
    let sequence: UInt32
    let portID: UInt32
    let body: Range<Int>
}

/// An attribute (`rtattr`) without the flag bits of its type, and where its value lies.
struct NetlinkAttribute {
    let type: Int
    let value: Range<Int>
}

extension RawSpan {
    /// A number in the byte order of the machine, or nil outside of the bytes.
    func native<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _ type: T.Type) -> T? {
        guard offset >= 0, offset <= byteCount - MemoryLayout<T>.size else { return nil }
        return unsafeLoadUnaligned(fromByteOffset: offset, as: T.self)
    }

    /// The message that begins at `offset`, and where the next one does; nil at the end or when the rest is no message.
    func message(at offset: Int, end: Int) -> (header: NetlinkHeader, next: Int)? {
        guard let length = native(offset, UInt32.self).map(Int.init), length >= NetlinkHeader.octets,
            length <= end - offset, let type = native(offset + 4, UInt16.self),
            let flags = native(offset + 6, UInt16.self),
            let sequence = native(offset + 8, UInt32.self), let portID = native(offset + 12, UInt32.self)
        else { return nil }
        let header = NetlinkHeader(
            type: type, flags: flags, sequence: sequence, portID: portID,
            body: offset + NetlinkHeader.octets..<offset + length)
        return (header, offset + (length + 3) & ~3)
    }

    /// The attribute that begins at `offset`, and where the next one does; nil at the end or when its length is wrong.
    func attribute(at offset: Int, end: Int) -> (attribute: NetlinkAttribute, next: Int)? {
        guard let length = native(offset, UInt16.self).map(Int.init), let type = native(offset + 2, UInt16.self),
            length >= 4, length <= end - offset
        else { return nil }
        let attribute = NetlinkAttribute(type: Int(type & 0x3fff), value: offset + 4..<offset + length)
        return (attribute, offset + (length + 3) & ~3)
    }

    /// A 32-bit number that fills the range exactly.
    func number(_ range: Range<Int>) -> UInt32? { range.count == 4 ? native(range.lowerBound, UInt32.self) : nil }

    /// An address of exactly the family's length.
    func address(_ range: Range<Int>, family: AddressFamily) -> IPAddress? {
        guard range.count == family.octets else { return nil }
        switch family {
        case .ipv4:
            return native(range.lowerBound, UInt32.self).map { .v4(IPv4Address(rawValue: UInt32(bigEndian: $0))) }
        case .ipv6:
            return native(range.lowerBound, UInt128.self).map { .v6(IPv6Address(rawValue: UInt128(bigEndian: $0))) }
        }
    }

    /// Text that ends at the first zero or at the end.
    func text(_ range: Range<Int>) -> String {
        let bytes = copy(range).prefix { $0 != 0 }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension AddressFamily {
    /// `AF_INET` or `AF_INET6`.
    var systemValue: UInt8 { self == .ipv4 ? 2 : 10 }

    init?(systemValue: UInt8) {
        switch systemValue {
        case 2: self = .ipv4
        case 10: self = .ipv6
        default: return nil
        }
    }
}
