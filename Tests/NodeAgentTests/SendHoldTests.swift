import BGPWire
import DispatchIO
import NetTypes
import Testing

@testable import NodeAgent

@Suite struct `A peer that does not read` {
    /// Prefixes whose UPDATEs fill what the kernel keeps for both ends of a connection.
    private static let table = (0..<500_000).map {
        Prefix(bits: UInt128(0x2000_0000 + $0 * 256) << 96, length: 24, family: .ipv4)
    }

    /// The UPDATEs of a whole table, by many attributes so that they are long.
    private static func updates() -> [UInt8] {
        var packer = UpdatePacker(fourOctetAS: true)
        for start in stride(from: 0, to: table.count, by: 50) {
            var fields = AttributeFields()
            let numbers = (0..<50).map { ASNumber(rawValue: UInt32(100_000 + start + $0)) }
            fields.asPath = ASPath([.init(kind: 2, numbers: [ASNumber(rawValue: 64720)] + numbers)])
            let nextHop = IPAddress.v4(IPv4Address(rawValue: 0xc000_0263))
            _ = packer.announce(table[start..<(start + 50)], with: PathAttributes(fields, nextHop: nextHop))
        }
        return packer.take()
    }

    @Test func `is let go after the send hold time, and holds up nobody`() async throws {
        try await AgentHarness.run { rack in
            let configuration = try rack.configuration(
                1, peers: [rack.raw(20), rack.raw(21), rack.raw(22)], more: "holdTime: 3s\n  sendHoldTime: 4s")
            let agent = try await rack.start(configuration)
            let (source, deaf, reader) = (
                try rack.connect(from: 20, to: 1), try rack.connect(from: 21, to: 1), try rack.connect(from: 22, to: 1)
            )
            try source.establish(64720)
            try deaf.establish(64721)
            try reader.establish(64722)
            source.send(Self.updates())
            let last = try #require(Self.table.last)
            for peer in [source, deaf, reader] { peer.send(.keepalive) }
            let isRead = try reader.awaitAnnouncement(last)
            #expect(isRead, "the other peer gets all, and its session lives on")
            let isGone = await eventually {
                for peer in [source, deaf, reader] { peer.send(.keepalive) }
                return await agent.session("raw-21").error?.contains("send hold timer expired") == true
            }
            #expect(isGone)
            let isSourceUp = await agent.session("raw-20").isUntouched
            #expect(isSourceUp)
            let isReaderUp = await agent.session("raw-22").isUntouched
            #expect(isReaderUp)
            #expect(try deaf.verdict() == "none", "no NOTIFICATION is put behind what was not read")
        }
    }
}
