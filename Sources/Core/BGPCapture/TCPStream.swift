import NetTypes

/// Puts the segments of one direction in order: late ones wait, repeated octets go, what never came is a gap.
///
/// What waits is bounded; when the bound is reached, or the receiver acknowledged what we did not see, the gap is given
/// up.
struct TCPStream: Sendable {
    enum Piece: Sendable, Equatable {
        /// Octets that follow each other.
        case octets([UInt8])
        /// So many octets are not in the capture.
        case gap(Int)
    }

    /// Most octets, and segments, that wait for what is missing before them.
    static let mostOctets = 1 << 20
    static let mostSegments = 1024

    private struct Waiting: Sendable {
        var sequence: UInt32
        var bytes: [UInt8]
        var missing: Int

        var length: UInt32 { UInt32(truncatingIfNeeded: bytes.count + missing) }
    }

    /// The next octet's sequence number; nil before the first segment.
    private var next: UInt32?
    private var waiting: [Waiting] = []
    private var waitingOctets = 0
    /// A segment, or the SYN, was seen.
    var isStarted: Bool { next != nil }

    /// Takes a SYN: a connection begins.
    mutating func begin(_ sequence: UInt32) {
        self = Self()
        next = sequence &+ 1
    }

    /// How far `sequence` is ahead of what is expected.
    private func distance(_ sequence: UInt32) -> Int { Int(Int32(bitPattern: sequence &- (next ?? sequence))) }

    /// Takes a segment's octets and gives what is in order now.
    mutating func add(_ sequence: UInt32, _ bytes: ArraySlice<UInt8>, missing: Int) -> [Piece] {
        let lost = min(max(0, missing), 1 << 20)
        guard !bytes.isEmpty || lost > 0 else { return [] }
        if next == nil { next = sequence }
        let segment = Waiting(sequence: sequence, bytes: Array(bytes), missing: lost)
        guard distance(sequence) > 0 else { return deliver(segment) + drain() }
        let place = waiting.firstIndex { distance($0.sequence) > distance(sequence) } ?? waiting.endIndex
        waiting.insert(segment, at: place)
        waitingOctets += segment.bytes.count
        guard waitingOctets > Self.mostOctets || waiting.count > Self.mostSegments else { return [] }
        return giveUp()
    }

    /// The receiver has everything before `sequence`: what is missing there will not come any more.
    mutating func acknowledged(_ sequence: UInt32) -> [Piece] {
        guard let first = waiting.first, distance(sequence) >= distance(first.sequence) + Int(first.length) else {
            return []
        }
        return giveUp()
    }

    /// The capture ends, or the connection: what waits is all there is.
    mutating func finish() -> [Piece] {
        var pieces: [Piece] = []
        while !waiting.isEmpty { pieces += giveUp() }
        return pieces
    }

    private mutating func giveUp() -> [Piece] {
        guard let first = waiting.first else { return [] }
        let gap = distance(first.sequence)
        next = first.sequence
        return (gap > 0 ? [.gap(gap)] : []) + drain()
    }

    private mutating func drain() -> [Piece] {
        var pieces: [Piece] = []
        while let first = waiting.first, distance(first.sequence) <= 0 {
            waiting.removeFirst()
            waitingOctets -= first.bytes.count
            pieces += deliver(first)
        }
        return pieces
    }

    /// Gives what is new of a segment that does not begin ahead.
    private mutating func deliver(_ segment: Waiting) -> [Piece] {
        let known = -distance(segment.sequence)
        let end = segment.sequence &+ segment.length
        guard distance(end) > 0 else { return [] }
        next = end
        let fresh = segment.bytes.dropFirst(known)
        let gap = segment.missing - max(0, known - segment.bytes.count)
        return (fresh.isEmpty ? [] : [.octets(Array(fresh))]) + (gap > 0 ? [.gap(gap)] : [])
    }
}
