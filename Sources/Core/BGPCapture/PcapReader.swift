import NetTypes

/// A pcap file after its first four octets told the byte order and the unit of time.
struct PcapReader: RecordReader {
    /// More than any link carries: capture programs write at most 256 KiB of a packet.
    static let longestPacket = 1 << 20

    private let bigEndian: Bool
    private let isNanoseconds: Bool
    private var linkType: Int?
    private var isLost = false

    /// nil when `magic`, read in network order, begins no pcap file.
    init?(magic: Int) {
        switch magic {
        case 0xa1b2_c3d4: (bigEndian, isNanoseconds) = (true, false)
        case 0xd4c3_b2a1: (bigEndian, isNanoseconds) = (false, false)
        case 0xa1b2_3c4d: (bigEndian, isNanoseconds) = (true, true)
        case 0x4d3c_b2a1: (bigEndian, isNanoseconds) = (false, true)
        default: return nil
        }
    }

    mutating func next(_ queue: inout ByteQueue, isAtEnd: Bool) -> CaptureRecord? {
        guard !isLost else {
            queue.drop(queue.count)
            return nil
        }
        if linkType == nil {
            guard let field = queue.u32(at: 20, bigEndian: bigEndian) else {
                return isAtEnd && queue.count > 0 ? cutOff(&queue, "the header of the file") : nil
            }
            // The high bits tell the length of a frame check sequence.
            linkType = field & 0x0fff_ffff
            queue.drop(24)
        }
        guard let seconds = queue.u32(at: 0, bigEndian: bigEndian),
            let fraction = queue.u32(at: 4, bigEndian: bigEndian),
            let captured = queue.u32(at: 8, bigEndian: bigEndian), let length = queue.u32(at: 12, bigEndian: bigEndian)
        else { return isAtEnd && queue.count > 0 ? cutOff(&queue, "the header of a packet") : nil }
        guard captured <= Self.longestPacket else {
            isLost = true
            return lost(&queue, "a packet says that it has \(captured) octets")
        }
        guard queue.count >= 16 + captured else { return isAtEnd ? cutOff(&queue, "a packet of \(captured)") : nil }
        let packet = LinkPacket(
            time: CaptureTime(seconds: seconds, nanoseconds: isNanoseconds ? fraction : fraction * 1000),
            linkType: linkType ?? 0, bytes: queue.copy(from: 16, count: captured), length: max(length, captured),
            offset: queue.offset)
        queue.drop(16 + captured)
        return .packet(packet)
    }
}
