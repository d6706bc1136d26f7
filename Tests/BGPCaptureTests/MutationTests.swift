import BGPCapture
import NetTypes
import TestKit
import Testing

/// Files that are broken in any way.
@Suite struct MutationTests {
    /// Good files of every format.
    private static func files() throws -> [[UInt8]] {
        var session = Recording()
        session.send(Sample.open(as: 64601))
        session.receive(Sample.open(as: 65000, id: 2))
        session.receive(Sample.keepalive + Sample.good)
        session.end()
        let fixtures = try Fixture.all(under: "captures").filter { $0.name.hasSuffix("session") }
        var pcapng = block(0x0a0d_0d0a, number(UInt32(0x1a2b_3c4d)) + [UInt8](repeating: 0, count: 12))
        pcapng += block(1, [0, 101, 0, 0, 0, 4, 0, 0, 0, 9, 0, 1, 9, 0, 0, 0])
        for packet in session.bare {
            let length = number(UInt32(packet.count))
            pcapng += block(6, [UInt8](repeating: 0, count: 12) + length + length + packet)
        }
        let head = number(UInt32(65000)) + number(UInt32(64601)) + [0, 0, 0, 1, 10, 99, 0, 2, 10, 99, 0, 1]
        let peers = number(UInt32(1)) + [0, 0, 0, 1, 2, 10, 99, 0, 2, 10, 99, 0, 2] + number(UInt32(65000))
        let path = Sample.origin + Sample.asPath + Sample.nextHop
        let table =
            number(UInt32(0)) + [24, 10, 244, 1, 0, 1, 0, 0, 0, 0, 0, 5, 0, UInt8(path.count)] + path
        let log = mrt(16, 4, head + Sample.good) + mrt(13, 1, peers) + mrt(13, 2, table)
        return [session.bytes, pcapng, log, Array("# context: internal\n0000  ff ff  |..|\n".utf8)]
            + fixtures.map(\.bytes)
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `no mutation of a good file traps, in one piece or in many`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let files = try Self.files()
        for round in 0..<2500 {
            var bytes = files[round % files.count]
            for _ in 0...Int.random(in: 0..<5, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<8, using: &random) {
                case 0: bytes[place] = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &random) ?? 0
                case 1: bytes.removeSubrange(place..<min(bytes.count, place + 4))
                case 2: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 40)], at: place)
                case 3: bytes.removeLast(bytes.count - place)
                default: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                }
            }
            let form = CapturePrinter.Form.allCases[round % 3]
            let whole = try? Decoded(bytes, form: form)
            let pieces = try? Decoded(bytes, piece: Int.random(in: 1...50, using: &random), form: form)
            #expect(whole?.text == pieces?.text, "seed \(seed), round \(round)")
        }
    }
}
