import BGPWire
import ControlAPI
import Foundation
import NetTypes
import Testing

@testable import NodeAgent

/// Peers of a configured range, made when they call.
struct DynamicPeerTests {
    /// The configuration of an agent that takes who calls from its own network.
    private func configuration(_ harness: AgentHarness, maxPeers: Int = 100, more: String = "") throws
        -> Configuration
    {
        let range = "{name: racks, range: \(harness.network).0/24, asn: 64799, maxPeers: \(maxPeers)\(more)}"
        return try harness.configuration(1, pods: ["10.244.1.0/24"], peers: [range])
    }

    private func names(_ agent: Agent) async -> Set<String> { Set(await agent.peers.map(\.settings.name)) }

    @Test func `each caller is a peer of its own, and goes when its session is gone`() async throws {
        try await AgentHarness.run { harness in
            let agent = try await harness.start(try configuration(harness))
            #expect(await names(agent) == [])
            nonisolated(unsafe) let first = try harness.connect(from: 7, to: 1)
            nonisolated(unsafe) let second = try harness.connect(from: 8, to: 1)
            try await onThread { for peer in [first, second] { try peer.establish(64799) } }
            let expected = Set([7, 8].map { "racks-\(harness.network).\($0)" })
            #expect(await names(agent) == expected)
            let own = try #require(Prefix(strict: "10.244.1.0/24"))
            #expect(try await onThread { try first.awaitAnnouncement(own) })
            for name in expected { #expect(await eventually { await agent.session(name).isEstablished }) }
            let answers = ControlAnswers(agent: agent)
            #expect(
                await answers.allSessions().ranges == [
                    RangeDocument(
                        name: "racks", range: "\(harness.network).0/24", asn: 64799, peers: 2, established: 2,
                        maxPeers: 100, families: ["ipv4-unicast", "ipv6-unicast"])
                ])
            guard case .error(404, let message) = await answers.respond(to: .session("racks")) else {
                Issue.record("a range is no peer")
                return
            }
            #expect(message.hasPrefix("racks is a range of addresses, not a peer; its peers are: racks-"))
            first.close()
            let left = "racks-\(harness.network).8"
            let gone = "racks-\(harness.network).7"
            #expect(await eventually { await names(agent) == [left] })
            #expect(await agent.session(left).isUntouched)
            let book = await agent.history
            #expect(await eventually { book.events(gone).isEmpty && !book.events(left).isEmpty })
        }
    }

    @Test func `no more than the limit, which says so, and place for the next when one goes`() async throws {
        try await AgentHarness.run { harness in
            let agent = try await harness.start(try configuration(harness, maxPeers: 1))
            nonisolated(unsafe) let first = try harness.connect(from: 7, to: 1)
            try await onThread { try first.establish(64799) }
            nonisolated(unsafe) let refused = try harness.connect(from: 8, to: 1)
            #expect(try await onThread { try refused.rest().isEmpty })
            #expect(await names(agent) == ["racks-\(harness.network).7"])
            #expect(harness.log.all.contains { $0.contains("racks has 1 peers already") })
            first.close()
            #expect(await eventually { await names(agent) == [] })
            nonisolated(unsafe) let second = try harness.connect(from: 8, to: 1)
            try await onThread { try second.establish(64799) }
            #expect(await names(agent) == ["racks-\(harness.network).8"])
        }
    }

    @Test func `a peer with an address of its own is not the range's`() async throws {
        try await AgentHarness.run { harness in
            var configuration = try configuration(harness)
            configuration.bgp.peers += try harness.configuration(1, peers: [harness.raw(7)]).bgp.peers
            let agent = try await harness.start(configuration)
            nonisolated(unsafe) let peer = try harness.connect(from: 7, to: 1)
            try await onThread { try peer.establish(64707) }
            #expect(await names(agent) == ["raw-7"])
            #expect(await eventually { await agent.session("raw-7").isEstablished })
        }
    }

    @Test func `a reload keeps the sessions of a range that stays and ends those of one that goes`() async throws {
        try await AgentHarness.run { harness in
            let configuration = try configuration(harness)
            let agent = try await harness.start(configuration)
            nonisolated(unsafe) let peer = try harness.connect(from: 7, to: 1)
            try await onThread { try peer.establish(64799) }
            let name = "racks-\(harness.network).7"
            #expect(await eventually { await agent.session(name).isEstablished })
            await agent.reload(configuration)
            #expect(await agent.session(name).isUntouched)
            var without = configuration
            without.bgp.peers = []
            await agent.reload(without)
            #expect(await names(agent) == [])
            #expect(try await onThread { try peer.verdict() } == "6/3")
        }
    }

    @Test
    func `keys of TCP-AO secure a session where the kernel can, and keep it down with the reason where it cannot`()
        async throws
    {
        try await AgentHarness.run { harness in
            let file = harness.directory + "/keys"
            try Data("1 swordfish\n".utf8).write(to: URL(fileURLWithPath: file))
            let keys = ", tcpAO: {keyFile: \(file)}"
            let one = try await harness.start(
                try harness.configuration(1, peers: [harness.peer(2, of: 1, more: keys)]))
            let two = try await harness.start(
                try harness.configuration(2, peers: [harness.peer(1, of: 2, more: keys)]))
            #expect(
                await eventually {
                    let sessions = [await one.session("host-2"), await two.session("host-1")]
                    return sessions.allSatisfy { session in
                        session.isEstablished || session.error?.contains("needs linux 6.7 or later") == true
                    }
                })
        }
    }

    @Test func `strangers do not fill the log`() async throws {
        try await AgentHarness.run { harness in
            let agent = try await harness.start(try harness.configuration(1))
            let start = ContinuousClock.now
            for _ in 0..<100 {
                nonisolated(unsafe) let stranger = try harness.connect(from: 9, to: 1)
                #expect(try await onThread { try stranger.rest().isEmpty })
            }
            #expect(await names(agent) == [])
            // A line a minute, and the machine may have other things to do meanwhile.
            let minutes = Int((ContinuousClock.now - start) / .seconds(60))
            #expect((1...minutes + 1).contains(harness.log.all.count { $0.contains("refused") }))
        }
    }
}
