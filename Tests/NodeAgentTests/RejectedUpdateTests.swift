import BGPWire
import ControlAPI
import NetTypes
import RIB
import Testing

@testable import NodeAgent

/// What is kept of UPDATEs that are refused, and why.
@Suite struct `A peer's bad UPDATE` {
    private static func bytes(_ update: [UInt8]) -> [UInt8] {
        let length = 19 + update.count
        return [UInt8](repeating: 0xff, count: 16) + [UInt8(length >> 8), UInt8(length & 255), 2] + update
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// An announcement of 10.1.0.0/16 with ORIGIN 9, which is treated as a withdrawal.
    private static let badOrigin = bytes(
        [0, 0, 0, 20, 0x40, 1, 1, 9, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0x1f, 0x40, 3, 4, 192, 0, 2, 99, 16, 10, 1])
    /// Attributes that are longer than the message: nothing can be found in it.
    private static let cut = bytes([0, 0, 0xff, 0xff, 0x40])

    @Test func `is in the history with its octets, whether it ends the session or not`() async throws {
        try await AgentHarness.run { rack in
            let agent = try await rack.start(rack.configuration(1, peers: [rack.raw(99)]))
            let raw = try rack.connect(from: 99, to: 1)
            try raw.establish(64799)
            #expect(await eventually { await agent.session("raw-99").isEstablished })
            raw.send(Self.badOrigin)
            raw.send(Self.cut)
            #expect(try raw.verdict() == "3/1")
            let events = await agent.history.events("raw-99").filter { $0.kind == .fault }
            #expect(events.map(\.message) == [Self.hex(Self.badOrigin), Self.hex(Self.cut)])
            #expect(events.first?.text.contains("ORIGIN is 9, needs 0, 1 or 2; treatAsWithdraw") == true)
            #expect(events.last?.text.contains("Malformed Attribute List") == true)
        }
    }

    @Test func `may be the first message after OPEN, which stands for the KEEPALIVE too`() async throws {
        try await AgentHarness.run { rack in
            let agent = try await rack.start(rack.configuration(1, peers: [rack.raw(99)]))
            let raw = try rack.connect(from: 99, to: 1)
            raw.send(RawPeer.open(64799))
            raw.send(Self.badOrigin)
            #expect(await eventually { await agent.session("raw-99").isEstablished })
            let events = await agent.history.events("raw-99").filter { $0.kind == .fault }
            #expect(events.map(\.message) == [Self.hex(Self.badOrigin)])
        }
    }

    @Test func `may be a route leak, which is kept and says so`() async throws {
        try await AgentHarness.run { rack in
            let line = rack.raw(99).replacing("passive: true", with: "passive: true, role: provider")
            let agent = try await rack.start(rack.configuration(1, peers: [line]))
            let raw = try rack.connect(from: 99, to: 1)
            try raw.establish(64799)
            #expect(await eventually { await agent.session("raw-99").isEstablished })
            let hop = IPAddress.v4(IPv4Address(rawValue: 0xc000_0263))
            for (text, mark) in [("11.1.0.0/16", nil), ("11.2.0.0/16", ASNumber(rawValue: 7))] {
                var fields = AttributeFields()
                fields.asPath = ASPath(sequence: [ASNumber(rawValue: 64799)])
                fields.onlyToCustomer = mark
                var packer = UpdatePacker(fourOctetAS: true)
                let prefix = try #require(Prefix(text))
                _ = packer.announce([prefix], with: PathAttributes(fields, nextHop: hop))
                raw.send(packer.take())
            }
            #expect(await eventually { await agent.learned() == [Prefix("11.1.0.0/16")] })
            let speaker = try #require(await agent.speaker)
            var rejected: [PathView] = []
            #expect(
                await eventually {
                    rejected = await speaker.paths(PathQuery(.rejected(nil))).views
                    return rejected.count == 1
                })
            #expect(rejected.first?.standing == .rejected(.routeLeak))
            let document = rejected.first.map { RouteDocument($0, names: [:], at: 0) }
            #expect(document?.reason.contains("route leak") == true && document?.onlyToCustomer == 7)
        }
    }
}
