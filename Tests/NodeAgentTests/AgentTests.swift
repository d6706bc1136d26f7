import BGPWire
import ControlAPI
import Foundation
import NetTypes
import TestKit
import Testing

@testable import NodeAgent

private func parsed(_ text: String) throws -> Prefix { try #require(Prefix(strict: text)) }

@Suite struct `Agents on loopback` {
    @Test func `pass routes on between peers and take them back`() async throws {
        try await AgentHarness.run { rack in
            let hub = try await rack.start(
                rack.configuration(
                    1, pods: ["10.244.1.0/24"], peers: [rack.raw(98), rack.raw(99), rack.peer(2, of: 1)]))
            let other = try await rack.start(rack.configuration(2, peers: [rack.peer(1, of: 2)]))
            let learned = try parsed("10.244.7.0/24"), own = try parsed("10.244.1.0/24")
            let (source, target) = (try rack.connect(from: 98, to: 1), try rack.connect(from: 99, to: 1))
            try source.establish(64798)
            try target.establish(64799)
            source.announce(learned, path: [64798])
            #expect(await eventually { await hub.learned() == [learned] })
            #expect(try target.awaitAnnouncement(learned))
            #expect(try source.awaitAnnouncement(own))
            #expect(await eventually { await hub.advertised(to: "host-2") == [own, learned] })
            #expect(await hub.advertised(to: "raw-98") == [own], "never back to where it came from")
            #expect(await eventually { await other.session("host-1").isUntouched })
            source.reset()
            #expect(try target.awaitWithdrawal(learned))
            #expect(await hub.learned().isEmpty)
            #expect(rack.log.all.contains { $0.contains("peer is down") && $0.contains("raw-98") })
        }
    }

    @Test func `a reload touches only what changed`() async throws {
        try await AgentHarness.run { rack in
            let peers = [rack.peer(2, of: 1), rack.peer(3, of: 1)]
            let hub = try await rack.start(rack.configuration(1, pods: ["10.244.1.0/24"], peers: peers))
            let two = try await rack.start(rack.configuration(2, peers: [rack.peer(1, of: 2)]))
            let three = try await rack.start(rack.configuration(3, peers: [rack.peer(1, of: 3)]))
            let four = try await rack.start(rack.configuration(4, peers: [rack.peer(1, of: 4)]))
            let first = try parsed("10.244.1.0/24"), second = try parsed("10.244.11.0/24")
            #expect(await eventually { await hub.advertised(to: "host-2") == [first] })
            #expect(await eventually { await hub.advertised(to: "host-3") == [first] })
            #expect(await !hub.session("host-4").isEstablished)

            // One peer goes, one comes, and the podCIDRs change.
            let changed = try rack.configuration(1, pods: ["10.244.11.0/24"], peers: [peers[0], rack.peer(4, of: 1)])
            await hub.reload(changed)
            #expect(await eventually { await hub.advertised(to: "host-2") == [second] })
            #expect(await eventually { await hub.advertised(to: "host-4") == [second] })
            #expect(await hub.session("host-2").isUntouched)
            #expect(await two.session("host-1").isUntouched)
            #expect(await eventually { rack.log.all.contains { $0.lowercased().contains("peer de-configured") } })
            #expect(await eventually { await !three.session("host-1").isEstablished })

            // The same file again changes nothing at all.
            await hub.reload(changed)
            #expect(await hub.session("host-2").isUntouched)
            #expect(await hub.session("host-4").isUntouched)

            // One peer's own key: only its session begins anew.
            let held = try rack.configuration(
                1, pods: ["10.244.11.0/24"], peers: [peers[0], rack.peer(4, of: 1, more: ", holdTime: 30s")])
            await hub.reload(held)
            #expect(await eventually { await four.session("host-1").count == 2 })
            #expect(await eventually { await hub.advertised(to: "host-4") == [second] })
            #expect(await hub.session("host-2").isUntouched)

            // What cannot change while it runs leaves all as it is.
            await hub.reload(try rack.configuration(5, peers: []))
            #expect(await hub.session("host-2").isUntouched)
            #expect(rack.log.all.contains { $0.contains("bgp.asn changed: this needs a restart") })
        }
    }

    @Test func `a table of which a peer may be told nothing does not hold its End-of-RIB back`() async throws {
        try await AgentHarness.run { rack in
            let own = try parsed("10.244.1.0/24")
            let quiet = "{name: quiet, address: \(rack.network).97, asn: 64797, passive: true}"
            let hub = try await rack.start(
                rack.configuration(1, pods: ["10.244.1.0/24"], peers: [rack.raw(98), quiet]))
            let source = try rack.connect(from: 98, to: 1)
            try source.establish(64798)
            let many = (0..<20_000).map {
                Prefix(bits: UInt128(0x0b00_0000 + $0 * 256) << 96, length: 24, family: .ipv4)
            }
            source.announce(many, path: [64798])
            #expect(await eventually { await hub.learned().count == many.count })
            let target = try rack.connect(from: 97, to: 1)
            try target.establish(64797)
            #expect(try target.firstTable() == [own])
            source.close()
            #expect(await eventually { await hub.learned().isEmpty })
        }
    }

    @Test func `a stopped agent is let go with all its loops`() async throws {
        weak var agent: Agent?
        weak var speaker: SpeakerLoop?
        weak var loop: PeerLoop?
        try await AgentHarness.run { rack in
            let hub = try await rack.start(rack.configuration(1, peers: [rack.peer(2, of: 1), rack.raw(99)]))
            let raw = try rack.connect(from: 99, to: 1)
            try raw.establish(64799)
            #expect(await eventually { await hub.session("raw-99").isEstablished })
            agent = hub
            speaker = await hub.speaker
            loop = await hub.peers.last?.loop
            #expect(agent != nil && speaker != nil && loop != nil)
        }
        #expect(await eventually { agent == nil && speaker == nil && loop == nil })
    }

    @Test func `a stop says goodbye with words`() async throws {
        try await AgentHarness.run { rack in
            let hub = try await rack.start(rack.configuration(1, peers: [rack.peer(2, of: 1)]))
            let two = try await rack.start(rack.configuration(2, peers: [rack.peer(1, of: 2)]))
            #expect(await eventually { await two.session("host-1").isEstablished })
            await hub.stop(reason: "test")
            #expect(await eventually { rack.log.all.contains { $0.contains("Administrative Shutdown) received") } })
            await hub.stop(reason: "twice does no harm")
        }
    }
}

@Suite struct `An agent that cannot start` {
    /// The words of the failure; nothing is left that a second agent would stumble over.
    private func failure(_ configuration: Configuration, _ rack: AgentHarness) async -> String {
        do {
            _ = try await rack.start(configuration)
            return "it started"
        } catch {
            return "\(error)"
        }
    }

    @Test func `names the port in use and leaves no socket behind`() async throws {
        try await AgentHarness.run { rack in
            _ = try await rack.start(rack.configuration(1))
            var taken = try rack.configuration(2)
            taken.bgp.listenAddress = IPAddress("\(rack.network).1")
            let words = await failure(taken, rack)
            #expect(
                words.contains("cannot listen for BGP") && words.contains("17900") && words.contains("in use"),
                "\(words)")
            #expect(!FileManager.default.fileExists(atPath: taken.control.socket))
            // With another address the same node starts.
            let agent = try await rack.start(rack.configuration(2))
            let socket = await agent.configuration.control.socket
            #expect(FileManager.default.fileExists(atPath: socket))
        }
    }

    @Test func `names a state directory that cannot be made`() async throws {
        try await AgentHarness.run { rack in
            try Data().write(to: URL(fileURLWithPath: "\(rack.directory)/file"))
            var configuration = try rack.configuration(1)
            configuration.node.stateDir = "\(rack.directory)/file/state"
            configuration.control.socket = "\(rack.directory)/file/state/martletd.sock"
            let words = await failure(configuration, rack)
            #expect(words.contains("node.stateDir") && words.contains("Not a directory"), "\(words)")
            let good = try rack.configuration(1)
            #expect(await failure(good, rack) == "it started")
        }
    }

    @Test func `does not disturb an agent that runs on its socket`() async throws {
        try await AgentHarness.run { rack in
            let first = try await rack.start(rack.configuration(1, peers: [rack.peer(2, of: 1)]))
            _ = try await rack.start(rack.configuration(2, peers: [rack.peer(1, of: 2)]))
            #expect(await eventually { await first.session("host-2").isEstablished })
            var second = try rack.configuration(3)
            second.control = try rack.configuration(1).control
            let words = await failure(second, rack)
            #expect(words.contains("another martletd answers on \(second.control.socket)"), "\(words)")
            #expect(FileManager.default.fileExists(atPath: second.control.socket))
            #expect(await first.session("host-2").isUntouched)
            #expect(!rack.log.all.contains { $0.contains("martletd stops") })
        }
    }
}
