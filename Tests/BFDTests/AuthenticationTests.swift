import NetTypes
import Testing

@testable import BFD

@Suite struct AuthenticationTests {
    @Test(arguments: PacketKey.Kind.allCases)
    func `two sides with the same key come up, and only packets with it count`(kind: PacketKey.Kind) {
        var pair = Pair(settings(50), settings(50), keys: [sampleKey(kind), sampleKey(kind)])
        pair.run(.seconds(10))
        #expect(pair.sessions.map(\.state) == [.up, .up])
        #expect(pair.refusals.isEmpty)
        #expect(pair.sent.allSatisfy { $0.packet.authentication?.type == kind.rawValue })
    }

    private static let strangers: [(PacketKey?, BFDSession.Refusal)] = [
        (sampleKey(secret: 8), .digest), (sampleKey(id: 2), .authentication), (sampleKey(.sha1), .authentication),
        (nil, .authentication),
    ]

    @Test(arguments: strangers)
    func `another key, kind or none is refused`(key: PacketKey?, refusal: BFDSession.Refusal) {
        var pair = Pair(settings(50), settings(50), keys: [sampleKey(), key])
        pair.run(.seconds(5))
        #expect(pair.sessions.map(\.state) == [.down, .down])
        #expect(Set(pair.refusals) == [refusal])
    }

    @Test func `a meticulous number counts once, and a far one not at all`() throws {
        var pair = Pair(settings(50), settings(50), keys: [sampleKey(), sampleKey()])
        pair.run(.seconds(5))
        let old = try #require(pair.last[.left])
        pair.deliver(old, from: .left)
        #expect(pair.refusals == [.sequence])
        // Ten packets are lost, and the next number is out of reach until the peer is forgotten.
        pair.isOpen[0] = false
        pair.run(.milliseconds(140))
        var numbers = SequenceNumbers(received: 0xffff_fffe, sent: 0)
        #expect(numbers.admits(2, kind: .meticulousSHA1, multiplier: 3), "numbers go round")
        #expect(!numbers.admits(0xffff_fffe, kind: .meticulousSHA1, multiplier: 3))
        #expect(numbers.admits(0xffff_fffe, kind: .sha1, multiplier: 3))
        #expect(numbers.admits(7, kind: .sha1, multiplier: 3) && !numbers.admits(8, kind: .sha1, multiplier: 3))
        #expect(!numbers.admits(0xffff_fffd, kind: .sha1, multiplier: 3))
        numbers.received = nil
        #expect(numbers.admits(77, kind: .meticulousSHA1, multiplier: 3))
    }

    @Test func `a peer that begins with other numbers is believed after twice the detection time`() {
        var pair = Pair(settings(50), settings(50), keys: [sampleKey(), sampleKey()])
        pair.run(.seconds(5))
        // The peer has restarted, with another discriminator and another number.
        pair[.right] = BFDSession(settings(50), key: sampleKey(), discriminator: 33, seed: 9, at: pair.now)
        pair.run(.milliseconds(10))
        #expect(pair.refusals.contains(.sequence))
        pair.run(.seconds(6))
        #expect(pair.sessions.map(\.state) == [.up, .up])
    }

    @Test func `keyed numbers move with what is said, meticulous ones always`() {
        for kind in PacketKey.Kind.allCases {
            var pair = Pair(settings(50), settings(50), keys: [sampleKey(kind), sampleKey(kind)])
            pair.run(.seconds(5))
            let start = pair.now
            pair.run(.seconds(1))
            let numbers = pair.packets(of: .left, after: start).compactMap(\.packet.authentication?.sequence)
            #expect(Set(numbers).count == (kind == .sha1 ? 1 : numbers.count))
        }
    }
}
