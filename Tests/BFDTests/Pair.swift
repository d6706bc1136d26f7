import NetTypes

@testable import BFD

/// Stands for SHA-1: every octet and the key count.
func sampleKey(_ kind: PacketKey.Kind = .meticulousSHA1, id: UInt8 = 1, secret: UInt8 = 7) -> PacketKey {
    PacketKey(kind: kind, keyID: id) { packet in
        var sum = UInt64(secret)
        for (place, byte) in packet.enumerated() where !ControlPacket.digestRange.contains(place) {
            sum = (sum &* 0x100_0000_01b3) ^ UInt64(byte)
        }
        return (0..<20).map { UInt8(truncatingIfNeeded: sum >> (8 * (UInt64($0) % 8))) }
    }
}

func settings(_ milliseconds: Int, _ multiplier: UInt8 = 3) -> BFDSettings {
    BFDSettings(
        desiredMinTx: .milliseconds(milliseconds), requiredMinRx: .milliseconds(milliseconds), multiplier: multiplier)
}

/// Two sessions with a wire between them, and a clock that goes from deadline to deadline.
struct Pair {
    enum Side: Int, CaseIterable {
        case left, right

        var other: Side { self == .left ? .right : .left }
    }

    var sessions: [BFDSession]
    var now = Instant(nanoseconds: 0)
    /// Whether packets of a side arrive.
    var isOpen = [true, true]
    var hopLimit: UInt8 = 255
    /// All that was sent, decoded.
    var sent: [(side: Side, packet: ControlPacket, at: Instant)] = []
    var changes: [(side: Side, change: BFDChange, at: Instant)] = []
    var refusals: [BFDSession.Refusal] = []
    /// The octets of the last packet of a side.
    var last: [Side: [UInt8]] = [:]

    init(_ left: BFDSettings, _ right: BFDSettings, keys: [PacketKey?] = [nil, nil]) {
        sessions = [
            BFDSession(left, key: keys[0], discriminator: 11, seed: 1, at: now),
            BFDSession(right, key: keys[1], discriminator: 22, seed: 2, at: now),
        ]
    }

    subscript(side: Side) -> BFDSession {
        get { sessions[side.rawValue] }
        set { sessions[side.rawValue] = newValue }
    }

    mutating func run(_ time: Duration) {
        let end = now + time
        while true {
            let due = Side.allCases.compactMap { side in sessions[side.rawValue].nextDeadline.map { ($0, side) } }
                .min { $0.0 < $1.0 }
            guard let (when, side) = due, when <= end else { break }
            now = max(now, when)
            take(sessions[side.rawValue].tick(at: now), side)
        }
        now = end
    }

    mutating func take(_ reaction: BFDSession.Reaction, _ side: Side) {
        if let change = reaction.change { changes.append((side, change, now)) }
        guard reaction.sends else { return }
        var writer = ByteWriter()
        let bytes = sessions[side.rawValue].nextPacket(isFinal: reaction.isFinal, into: &writer, at: now)
        deliver(bytes, from: side)
    }

    mutating func deliver(_ bytes: [UInt8], from side: Side) {
        guard let packet = try? ControlPacket.decode(bytes.span.bytes) else { return }
        sent.append((side, packet, now))
        last[side] = bytes
        guard isOpen[side.rawValue] else { return }
        do throws(BFDSession.Refusal) {
            let reaction = try sessions[side.other.rawValue].receive(
                packet, bytes.span.bytes, hopLimit: hopLimit, at: now)
            take(reaction, side.other)
        } catch {
            refusals.append(error)
        }
    }

    mutating func packets(of side: Side, after start: Instant) -> [(packet: ControlPacket, at: Instant)] {
        sent.filter { $0.side == side && $0.at > start }.map { ($0.packet, $0.at) }
    }
}
