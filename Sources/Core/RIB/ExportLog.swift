import BGPWire

/// Messages that a group of peers has in common, until the last of them has taken them.
struct ExportLog {
    /// What one portion of changes made.
    struct Chunk {
        /// The messages for all; what came from a member of the group is in `cuts`.
        var bytes: [UInt8] = []
        /// Parts of `bytes` that a member does not get: announcements and withdrawals of what it announced itself.
        var cuts: [(member: PeerID, range: Range<Int>)] = []
        /// What only one member gets, because it was, or now is, the source of a path.
        var extras: [(member: PeerID, bytes: [UInt8])] = []
        /// By how much the number of paths told has grown, and where a member's number differs from that.
        var growth = 0
        var corrections: [PeerID: Int] = [:]
        var changes: [Change] = []
        /// Members that have not taken it.
        var readers = 0

        /// Exactly what `member` gets.
        func bytes(for member: PeerID) -> [UInt8] {
            let extra = extras.contains { $0.member == member }
            guard extra || cuts.contains(where: { $0.member == member }) else { return bytes }
            var result: [UInt8] = []
            result.reserveCapacity(bytes.count)
            var start = 0
            for cut in cuts where cut.member == member {
                result += bytes[start..<cut.range.lowerBound]
                start = cut.range.upperBound
            }
            result += bytes[start...]
            for extra in extras where extra.member == member { result += extra.bytes }
            return result
        }
    }

    /// What was told of a path before a chunk changed it.
    struct Change: BitwiseCopyable {
        let id: UInt32
        let pathID: UInt32
        let wasTold: Bool
        let source: PeerID

        func wasTold(to member: PeerID) -> Bool { wasTold && source != member }
    }

    /// Octets in messages that a slow member may leave waiting before it goes on by itself, and portions.
    private static let mostBytes = 4 << 20
    static let mostChunks = 256
    let mostChunks: Int

    private(set) var chunks: [Chunk] = []
    /// Number of the first chunk; numbers are never used again.
    private(set) var base = 0
    private(set) var byteCount = 0

    init(mostChunks: Int) { self.mostChunks = mostChunks }

    var end: Int { base + chunks.count }
    var isTooLong: Bool { byteCount > Self.mostBytes || chunks.count > mostChunks }

    subscript(number: Int) -> Chunk { chunks[number - base] }

    mutating func append(_ chunk: Chunk) {
        byteCount += chunk.bytes.count
        chunks.append(chunk)
    }

    /// A member has taken the chunks of `numbers`, or does not want them.
    mutating func dismiss(_ numbers: Range<Int>) {
        for number in numbers { chunks[number - base].readers -= 1 }
    }

    /// The oldest chunk, if nobody needs it any more.
    mutating func popUnread() -> Chunk? {
        guard let first = chunks.first, first.readers == 0 else { return nil }
        chunks.removeFirst()
        base += 1
        byteCount -= first.bytes.count
        return first
    }
}

/// What one member of a group is still to be told, when it is not at one with the group: it has just come, it asked for
/// everything again, or it was too slow. Two bits a prefix.
struct ExportBacklog {
    /// Prefixes to be told as they are when their turn comes. Each is counted as a user of its identifier.
    var due = BitSet()
    /// Of those, the ones of which the member holds something: all that the group was told, but for `saved`.
    var held = BitSet()
    /// With add-path: the path identifiers that the member holds, where they are not the group's any more.
    var saved: [UInt32: [UInt32]] = [:]
    /// Where the next portion begins.
    var cursor: UInt32 = 0
}
