import BGPWire
import NetTypes
import TestKit
import Testing

@Suite struct MutationTests {
    /// Changes some octets, and now and then cuts, doubles or drops a part.
    private func mutated(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0...Int.random(in: 0..<4, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0: bytes[place] = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &random) ?? 0
            case 1: bytes.removeSubrange(place..<min(bytes.count, place + 4))
            case 2: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 16)], at: place)
            case 3: bytes.removeLast(bytes.count - place)
            default: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
        }
        return bytes
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `no mutation of a good message traps, and what is read can be written and read again`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let fixtures = try Fixture.all(under: "messages") + Fixture.all(under: "captures")
        let contexts = [
            DecodeContext(), DecodeContext(isExternal: false), DecodeContext(fourOctetAS: false),
            DecodeContext(families: .ipv6, isExternal: false, maximumLength: 65535),
        ]
        for round in 0..<2500 {
            let fixture = try #require(fixtures.randomElement(using: &random))
            let context = contexts[round % contexts.count]
            var bytes = mutated(fixture.bytes, &random)
            if bytes.count >= 19, bytes.count <= 4096, Bool.random(using: &random) {
                // Repairs the header, so that the body is what is tested.
                bytes.replaceSubrange(
                    0..<18,
                    with: [UInt8](repeating: 0xff, count: 16) + [UInt8(bytes.count >> 8), UInt8(bytes.count & 255)])
            }
            let transcript = Transcript(bytes, in: context)
            #expect(!transcript.lines.isEmpty || bytes.isEmpty)
            check(transcript, context, "seed \(seed), round \(round), \(fixture)")
        }
    }

    private func check(_ transcript: Transcript, _ context: DecodeContext, _ place: String) {
        for message in transcript.messages {
            var writer = ByteWriter()
            message.encode(into: &writer, in: context)
            let again = Transcript(writer.bytes, in: context)
            #expect(!again.isMalformed, "\(place): \(message) became \(again.text)")
            guard let update = message.update else {
                #expect(again.messages == [message], "\(place)")
                continue
            }
            for announcement in update.announced {
                let fields = AttributeFields(announcement.attributes)
                let copy = PathAttributes(
                    fields, nextHop: announcement.attributes.nextHop,
                    linkLocalNextHop: announcement.attributes.linkLocalNextHop)
                #expect(copy == announcement.attributes, "\(place)")
            }
        }
    }
}
