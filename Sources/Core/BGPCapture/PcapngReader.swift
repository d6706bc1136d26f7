import NetTypes

/// A pcapng file: section headers, interfaces and packets; all other blocks are passed over.
struct PcapngReader: RecordReader {
    static let magic = 0x0a0d_0d0a
    private static let longestBlock = 16 << 20

    private enum Block {
        static let interface = 1
        static let oldPacket = 2
        static let simplePacket = 3
        static let enhancedPacket = 6
    }

    private struct Interface {
        var linkType: Int
        var snapLength: Int
        /// Ticks in a second.
        var resolution: UInt64 = 1_000_000
        /// Seconds that are added to every time.
        var shift: Int64 = 0

        func time(_ ticks: UInt64) -> CaptureTime {
            let nanoseconds = UInt128(ticks) * 1_000_000_000 / UInt128(max(1, resolution))
            let (sum, overflow) = Int64(clamping: nanoseconds).addingReportingOverflow(
                min(max(shift, -9_000_000_000), 9_000_000_000) * 1_000_000_000)
            return CaptureTime(nanoseconds: overflow ? 0 : sum)
        }
    }

    private var bigEndian = true
    private var interfaces: [Interface] = []
    private var isLost = false

    mutating func next(_ queue: inout ByteQueue, isAtEnd: Bool) -> CaptureRecord? {
        while !isLost {
            if queue.u32(at: 0) == Self.magic {
                guard let order = queue.u32(at: 8) else { break }
                guard order == 0x1a2b_3c4d || order == 0x4d3c_2b1a else {
                    isLost = true
                    return lost(&queue, "a section has no byte order")
                }
                bigEndian = order == 0x1a2b_3c4d
                interfaces = []
            }
            guard let type = queue.u32(at: 0, bigEndian: bigEndian), let length = queue.u32(at: 4, bigEndian: bigEndian)
            else { break }
            guard length >= 12, length % 4 == 0, length <= Self.longestBlock else {
                isLost = true
                return lost(&queue, "a block says that it has \(length) octets")
            }
            guard queue.count >= length else { break }
            let record = record(type, queue.copy(from: 8, count: length - 12), queue.offset)
            let isRepeated = queue.u32(at: length - 4, bigEndian: bigEndian) == length
            if !isRepeated {
                isLost = true
                return lost(&queue, "a block of \(length) octets ends with another length")
            }
            queue.drop(length)
            if let record { return record }
        }
        if isLost { queue.drop(queue.count) }
        return isAtEnd && queue.count > 0 ? cutOff(&queue, "a block") : nil
    }

    private mutating func record(_ type: Int, _ body: [UInt8], _ offset: Int) -> CaptureRecord? {
        var block = ByteQueue()
        block.append(body[...])
        func u16(_ place: Int) -> Int? { block.u16(at: place, bigEndian: bigEndian) }
        func u32(_ place: Int) -> Int? { block.u32(at: place, bigEndian: bigEndian) }
        switch type {
        case Block.interface:
            guard let linkType = u16(0), let snapLength = u32(4) else { return short(type, offset) }
            interfaces.append(interface(linkType, snapLength, options: block))
            return nil
        case Block.enhancedPacket, Block.oldPacket:
            let number = type == Block.enhancedPacket ? u32(0) : u16(0)
            guard let number, let high = u32(4), let low = u32(8), let captured = u32(12), let length = u32(16) else {
                return short(type, offset)
            }
            return packet(
                block.copy(from: 20, count: captured), captured, length, interface: number,
                ticks: UInt64(high) << 32 | UInt64(low), offset)
        case Block.simplePacket:
            guard let length = u32(0) else { return short(type, offset) }
            let snap = interfaces.first?.snapLength ?? 0
            let captured = snap == 0 ? length : min(length, snap)
            return packet(block.copy(from: 4, count: captured), captured, length, interface: 0, ticks: nil, offset)
        default: return nil
        }
    }

    private func packet(
        _ bytes: [UInt8], _ captured: Int, _ length: Int, interface: Int, ticks: UInt64?, _ offset: Int
    ) -> CaptureRecord {
        guard interfaces.indices.contains(interface) else {
            return note(offset, "a packet is of interface \(interface), which the file does not describe")
        }
        guard bytes.count == captured else {
            return note(offset, "a packet says that it has \(captured) octets, its block has \(bytes.count)")
        }
        let source = interfaces[interface]
        return .packet(
            LinkPacket(
                time: ticks.map(source.time), linkType: source.linkType, bytes: bytes, length: max(length, captured),
                offset: offset))
    }

    /// Options 9 (resolution of time) and 14 (its origin).
    private func interface(_ linkType: Int, _ snapLength: Int, options: ByteQueue) -> Interface {
        var result = Interface(linkType: linkType, snapLength: snapLength)
        var place = 8
        while let code = options.u16(at: place, bigEndian: bigEndian), code != 0,
            let length = options.u16(at: place + 2, bigEndian: bigEndian)
        {
            if code == 9, length == 1, let value = options.byte(at: place + 4) {
                let base: UInt64 = value & 0x80 == 0 ? 10 : 2
                let power = Int(value & 0x7f)
                result.resolution = (0..<min(power, base == 2 ? 62 : 18)).reduce(1) { product, _ in product * base }
            } else if code == 14, length == 8,
                let value = options.number(at: place + 4, octets: 8, bigEndian: bigEndian)
            {
                result.shift = Int64(bitPattern: value)
            }
            place += 4 + (length + 3) / 4 * 4
        }
        return result
    }

    private func short(_ type: Int, _ offset: Int) -> CaptureRecord {
        note(offset, "a block of type \(type) is too short for its fields")
    }

    private func note(_ offset: Int, _ text: String) -> CaptureRecord {
        .note(CaptureNote(place: .octet(offset), text: text))
    }
}
