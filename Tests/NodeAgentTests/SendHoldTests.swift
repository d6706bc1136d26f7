import BGPWire
import Dispatch
import NetTypes
import Testing

@testable import NodeAgent

@Suite struct `A peer that does not read` {
    /// Prefixes whose UPDATEs are more than the kernel keeps for both ends of a connection.
    private static let table = (0..<200_000).map {
        Prefix(bits: UInt128(0x2000_0000 + $0 * 256) << 96, length: 24, family: .ipv4)
    }

    /// The UPDATEs of the table, with long attributes for few prefixes each: 9 MB.
    private static func updates() -> [UInt8] {
        var packer = UpdatePacker(fourOctetAS: true)
        for start in stride(from: 0, to: table.count, by: 20) {
            var fields = AttributeFields()
            let numbers = (0..<200).map { ASNumber(rawValue: UInt32(100_000 + start + $0)) }
            fields.asPath = ASPath([.init(kind: 2, numbers: [ASNumber(rawValue: 64720)] + numbers)])
            let nextHop = IPAddress.v4(IPv4Address(rawValue: 0xc000_0263))
            _ = packer.announce(table[start..<(start + 20)], with: PathAttributes(fields, nextHop: nextHop))
        }
        return packer.take()
    }

    @Test func `is let go after the send hold time, and holds up nobody`() async throws {
        try await AgentHarness.run { rack in
            // Only the deaf one has timers: the others may be as slow as the machine is.
            let patient = [20, 22].map { rack.raw($0).dropLast() + ", holdTime: 0s}" }
            let configuration = try rack.configuration(
                1, peers: patient.map(String.init) + [rack.raw(21)], more: "holdTime: 6s\n  sendHoldTime: 7s")
            let agent = try await rack.start(configuration)
            // Made before the sessions are up: on a busy machine it takes longer than the deaf one's hold time.
            let last = try #require(Self.table.last)
            let sending = Self.updates()
            // Used by one thread at a time: the blocking calls stand on threads of their own.
            nonisolated(unsafe) let source = try rack.connect(from: 20, to: 1)
            nonisolated(unsafe) let reader = try rack.connect(from: 22, to: 1)
            let deaf = try rack.connect(from: 21, to: 1)
            for (peer, number) in [(source, 64720), (reader, 64722), (deaf, 64721)] as [(RawPeer, UInt32)] {
                try peer.establish(number)
            }
            try deaf.keepAlive()
            async let sent: Void = onThread { source.send(sending) }
            async let isRead = onThread { try reader.awaitAnnouncement(last) }
            var isGone = false
            for _ in 0..<6 where !isGone {
                isGone = await eventually {
                    await agent.session("raw-21").error?.contains("send hold timer expired") == true
                }
            }
            #expect(isGone, "\(rack.log.all.suffix(5))")
            try await sent
            let isAllRead = try await isRead
            #expect(isAllRead, "the other peer gets all")
            let areUp = [await agent.session("raw-20").isUntouched, await agent.session("raw-22").isUntouched]
            #expect(areUp == [true, true])
            #expect(try deaf.verdict() == "none", "no NOTIFICATION is put behind what was not read")
        }
    }
}
