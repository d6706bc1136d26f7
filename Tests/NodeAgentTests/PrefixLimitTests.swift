import BGPWire
import ControlAPI
import NetTypes
import Testing

@testable import NodeAgent

/// The most prefixes that a peer may send, from the first one to the session after it (RFC 4486, Cease 1).
struct PrefixLimitTests {
    private static func prefixes(_ range: Range<UInt32>) -> [Prefix] {
        range.map { Prefix(bits: UInt128(0x0b00_0000 + $0 * 256) << 96, length: 24, family: .ipv4) }
    }

    private static func session(_ agent: Agent) async throws -> SessionDocument {
        try #require(await ControlAnswers(agent: agent).sessions(await agent.peers).first)
    }

    private static func holds(_ count: Int, _ agent: Agent) async -> Bool {
        await eventually { (try? await session(agent))?.families[0].received == count }
    }

    @Test func `blocks what is over it, and asks for it again when there is room`() async throws {
        try await AgentHarness.run { harness in
            let peer =
                "{name: tor, address: \(harness.network).7, asn: 64799, passive: true, "
                + "maxPrefixes: {limit: 10, action: block, restartAfter: 1s}}"
            let agent = try await harness.start(
                try harness.configuration(1, pods: ["10.244.1.0/24"], peers: [peer]))
            nonisolated(unsafe) let raw = try harness.connect(from: 7, to: 1)
            try await onThread {
                try raw.establish(64799)
                raw.announce(Self.prefixes(0..<25), path: [64799])
            }
            #expect(await Self.holds(10, agent))
            #expect(await eventually { (try? await Self.session(agent))?.families[0].blocked == 15 })
            #expect(try await Self.session(agent).isEstablished)
            #expect(harness.log.all.count { $0.contains("the others are not taken") } == 1)
            // What is there may change all the same.
            try await onThread { raw.announce(Self.prefixes(0..<10), path: [64799, 1]) }
            try await onThread { raw.withdraw(Self.prefixes(0..<4)) }
            #expect(await Self.holds(6, agent))
            let refresh = try await onThread { try raw.awaitRefresh() }
            #expect(refresh.map(\.afi) == 1, "it is asked for all again")
            try await onThread { raw.announce(Self.prefixes(4..<13), path: [64799]) }
            #expect(await Self.holds(9, agent))
            #expect(try await Self.session(agent).families[0].blocked == nil)
            #expect(try await Self.session(agent).isEstablished)
        }
    }

    @Test func `is warned of once, ends the session at one more, and lets it come back`() async throws {
        try await AgentHarness.run { harness in
            let peer =
                "{name: tor, address: \(harness.network).7, asn: 64799, passive: true, "
                + "maxPrefixes: {limit: 10, warnAt: 80, restartAfter: 1s}}"
            let agent = try await harness.start(
                try harness.configuration(1, pods: ["10.244.1.0/24"], peers: [peer]))
            nonisolated(unsafe) let first = try harness.connect(from: 7, to: 1)
            try await onThread {
                try first.establish(64799)
                first.announce(Self.prefixes(0..<8), path: [64799])
            }
            #expect(await Self.holds(8, agent))
            try await onThread { first.announce(Self.prefixes(8..<10), path: [64799]) }
            #expect(await Self.holds(10, agent), "the limit itself is allowed")
            #expect(try await Self.session(agent).families[0].rejected == 10, "rejected ones are counted")
            #expect(harness.log.all.count { $0.contains("comes near its prefix limit") } == 1)
            // The same prefixes once more are no more prefixes.
            try await onThread { first.announce(Self.prefixes(0..<10), path: [64799, 1]) }
            try await onThread { first.announce(Self.prefixes(10..<11), path: [64799]) }
            #expect(try await onThread { try first.verdict() } == "6/1")
            let reason = try await Self.session(agent).lastNotification
            #expect(reason?.code == 6 && reason?.subcode == 1 && reason?.direction == .sent)
            let history = await agent.history
            #expect(history.events("tor").contains { "\($0)".contains("Maximum Number of Prefixes") })
            #expect(
                await eventually {
                    guard let next = try? harness.connect(from: 7, to: 1) else { return false }
                    nonisolated(unsafe) let again = next
                    let isUp = (try? await onThread { try again.establish(64799) }) != nil
                    again.close()
                    return isUp
                }, "after restartAfter")
        }
    }
}
