import NetTypes

/// Writes what went over a connection as a pcap file that other programs read: packets with made-up IP and TCP headers
/// whose addresses, ports, order and times are true. Sequence numbers count the octets of the capture, and jump where
/// some are missing.
package struct SyntheticPackets: Sendable {
    /// Who sent.
    package enum Direction: Int, Sendable, Hashable {
        case sent = 0
        case received = 1
    }

    /// Most octets in a packet.
    private static let segment = 16_384
    /// Longest jump, so that a reader can still tell forward from back.
    private static let longestJump = 1 << 28

    private enum Flags {
        static let fin: UInt8 = 0x01
        static let syn: UInt8 = 0x02
        static let push: UInt8 = 0x08
        static let ack: UInt8 = 0x10
    }

    private let ends: [Endpoint]
    /// The next sequence number of both directions.
    private var next: [UInt32] = [0, 0]
    /// Octets are missing before the next packet.
    private var isGap = [false, false]

    /// The head of a file: microseconds, packets begin with IP.
    package static let fileHeader: [UInt8] = [
        0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 101,
    ]

    /// Both ends must be of one family; the local one sends.
    package init(local: Endpoint, remote: Endpoint) { ends = [local, remote] }

    /// The packets of a connection's begin.
    package mutating func begin(at time: CaptureTime) -> [UInt8] {
        next = [0, 0]
        let first = packet(.sent, [], Flags.syn, time)
        next[0] = 1
        let second = packet(.received, [], Flags.syn | Flags.ack, time)
        next[1] = 1
        return first + second
    }

    /// The packets of octets in one direction.
    package mutating func octets(
        _ bytes: ArraySlice<UInt8>, _ direction: Direction, at time: CaptureTime
    ) -> [UInt8] {
        var result: [UInt8] = []
        var rest = bytes
        while !rest.isEmpty {
            let part = rest.prefix(Self.segment)
            rest = rest.dropFirst(part.count)
            result += packet(direction, part, Flags.push | Flags.ack, time)
            next[direction.rawValue] &+= UInt32(part.count)
            guard isGap[direction.rawValue] else { continue }
            // Who reads the file need not wait for what is missing: the other side has it.
            isGap[direction.rawValue] = false
            result += packet(direction == .sent ? .received : .sent, [], Flags.ack, time)
        }
        return result
    }

    /// So many octets of a direction are not in the file.
    package mutating func skip(_ count: Int, _ direction: Direction) {
        guard count > 0 else { return }
        next[direction.rawValue] &+= UInt32(min(count, Self.longestJump))
        isGap[direction.rawValue] = true
    }

    /// The packets of a connection's end.
    package func ended(at time: CaptureTime) -> [UInt8] {
        packet(.sent, [], Flags.fin | Flags.ack, time) + packet(.received, [], Flags.fin | Flags.ack, time)
    }

    private func packet(
        _ direction: Direction, _ payload: ArraySlice<UInt8>, _ flags: UInt8, _ time: CaptureTime
    ) -> [UInt8] {
        let (source, destination) = (ends[direction.rawValue], ends[1 - direction.rawValue])
        var tcp = ByteWriter(capacity: 20 + payload.count)
        tcp.integer(source.port ?? 0)
        tcp.integer(destination.port ?? 0)
        tcp.integer(next[direction.rawValue])
        tcp.integer(flags & Flags.ack == 0 ? 0 : next[1 - direction.rawValue])
        tcp.append([0x50, flags, 0xff, 0xff, 0, 0, 0, 0])
        tcp.append(payload)
        let isIPv4 = source.address.family == .ipv4
        let pseudo = Self.sum(source.address.bytes) + Self.sum(destination.address.bytes) + 6 + UInt64(tcp.count)
        tcp.patch(Self.checksum(pseudo + Self.sum(tcp.bytes)), at: 16)
        var ip = isIPv4 ? ipv4(source.address, destination.address, tcp.count) : ByteWriter(capacity: 40)
        if !isIPv4 {
            ip.append([0x6c, 0, 0, 0])
            ip.integer(UInt16(truncatingIfNeeded: tcp.count))
            ip.append([6, 64] + source.address.bytes + destination.address.bytes)
        }
        var record = ByteWriter(capacity: 16 + ip.count + tcp.count)
        record.integer(UInt32(truncatingIfNeeded: time.nanoseconds / 1_000_000_000))
        record.integer(UInt32(truncatingIfNeeded: time.nanoseconds / 1000 % 1_000_000))
        record.integer(UInt32(ip.count + tcp.count))
        record.integer(UInt32(ip.count + tcp.count))
        record.append(ip.bytes)
        record.append(tcp.bytes)
        return record.bytes
    }

    private func ipv4(_ source: IPAddress, _ destination: IPAddress, _ length: Int) -> ByteWriter {
        var ip = ByteWriter(capacity: 20)
        ip.append([0x45, 0xc0])
        ip.integer(UInt16(truncatingIfNeeded: 20 + length))
        ip.append([0, 0, 0x40, 0, 64, 6, 0, 0] + source.bytes + destination.bytes)
        ip.patch(Self.checksum(Self.sum(ip.bytes)), at: 10)
        return ip
    }

    /// The sum of 16-bit words, an odd octet being the high half of one (RFC 1071).
    private static func sum(_ bytes: [UInt8]) -> UInt64 {
        bytes.enumerated().reduce(0) { $0 + ($1.offset % 2 == 0 ? UInt64($1.element) << 8 : UInt64($1.element)) }
    }

    private static func checksum(_ sum: UInt64) -> UInt16 {
        var sum = sum
        while sum > 0xffff { sum = (sum & 0xffff) + (sum >> 16) }
        return ~UInt16(truncatingIfNeeded: sum)
    }
}
