import NetTypes
import TestKit
import Testing

@testable import BFD

@Suite struct ControlPacketTests {
    private static let plain: [UInt8] = [
        0x20, 0xc8, 3, 24, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50, 0, 0, 0, 0,
    ]

    private func changed(_ place: Int, _ value: UInt8) -> [UInt8] {
        var bytes = Self.plain
        bytes[place] = value
        return bytes
    }

    @Test func `a packet comes back as it was`() throws {
        let packet = try ControlPacket.decode(Self.plain.span.bytes)
        #expect(packet.state == .up && packet.isIndependent && !packet.poll && packet.multiplier == 3)
        #expect(packet.discriminator == 1 && packet.peerDiscriminator == 2)
        #expect(packet.desiredMinTx == 50_000 && packet.requiredMinRx == 50_000)
        var writer = ByteWriter()
        packet.encode(into: &writer)
        #expect(writer.bytes == Self.plain)
        #expect(try ControlPacket.decode((Self.plain + [1, 2, 3]).span.bytes) == packet, "what follows is not its own")
    }

    @Test(arguments: [
        (0, 0x40, ControlPacket.Flaw.version), (3, 23, .length), (3, 25, .length), (2, 0, .multiplier),
        (1, 0xc1, .multipoint), (7, 0, .discriminator), (11, 0, .peerDiscriminator), (1, 0xcc, .length),
    ])
    func `what is no packet is refused`(place: Int, value: UInt8, flaw: ControlPacket.Flaw) {
        #expect(throws: flaw) { try ControlPacket.decode(changed(place, value).span.bytes) }
    }

    @Test func `every beginning of a packet is too short`() {
        for count in 0..<24 {
            #expect(throws: ControlPacket.Flaw.length) {
                try ControlPacket.decode(Array(Self.plain.prefix(count)).span.bytes)
            }
        }
    }

    @Test func `a section of authentication must fit its type and the packet`() throws {
        func packet(_ section: [UInt8]) -> [UInt8] {
            var bytes = Self.plain + section
            bytes[1] |= 0x04
            bytes[3] = UInt8(bytes.count)
            return bytes
        }
        let digest = [UInt8](repeating: 0xaa, count: 20)
        let good = packet([5, 28, 9, 0, 0, 0, 1, 0] + digest)
        let decoded = try ControlPacket.decode(good.span.bytes)
        #expect(decoded.authentication == .init(type: 5, keyID: 9, sequence: 256))
        // A password, or a type of later: known to be there, and nothing more.
        #expect(try ControlPacket.decode(packet([1, 4, 9, 65]).span.bytes).authentication?.type == 1)
        for section: [UInt8] in [[5, 27, 9, 0, 0, 0, 1, 0] + digest, [4, 200, 9, 0], [1, 1], [4, 28, 9]] {
            #expect(throws: ControlPacket.Flaw.self) { try ControlPacket.decode(packet(section).span.bytes) }
        }
    }

    @Test(arguments: try Fixture.all(under: "bfd"))
    func `packets of others are read and written as they were`(fixture: Fixture) throws {
        var rest = fixture.bytes[...]
        var text = ""
        while let length = rest.dropFirst(3).first.map(Int.init) {
            let bytes = Array(rest.prefix(length))
            rest = rest.dropFirst(length)
            let packet = try ControlPacket.decode(bytes.span.bytes)
            var writer = ByteWriter()
            packet.encode(into: &writer)
            var again = writer.bytes
            if packet.authentication != nil, again.count == bytes.count {
                again.replaceSubrange(ControlPacket.digestRange, with: bytes[ControlPacket.digestRange])
            }
            #expect(again == bytes)
            text += describe(packet) + "\n"
        }
        if Fixture.isUpdating { return try fixture.write(text: text) }
        #expect(text == fixture.text)
    }

    private func describe(_ packet: ControlPacket) -> String {
        let flags = [
            (packet.poll, "poll"), (packet.final, "final"), (packet.isIndependent, "independent"),
            (packet.demand, "demand"),
        ].filter(\.0).map(\.1)
        let section = packet.authentication.map { ", authentication \($0.type) key \($0.keyID) number \($0.sequence)" }
        return "\(packet.state) (\(packet.diagnostic))" + (flags.isEmpty ? "" : " [\(flags.joined(separator: " "))]")
            + ", multiplier \(packet.multiplier), discriminators \(packet.discriminator) \(packet.peerDiscriminator), "
            + "tx \(packet.desiredMinTx) rx \(packet.requiredMinRx) echo \(packet.requiredMinEchoRx)" + (section ?? "")
    }
}
