import ControlAPI
import Foundation
import NetTypes
import TestKit
import Testing

@testable import NodeAgent

private func parsed(_ text: String) throws -> Prefix { try #require(Prefix(strict: text)) }

/// Two nodes with one podCIDR, and our own announcement that comes back.
@Suite struct `A podCIDR of this node` {
    private static func configuration(
        _ rack: AgentHarness, pods: [String] = ["10.244.1.0/24"], more: String = ""
    ) throws -> Configuration {
        let peer = "{name: raw-99, address: \(rack.network).99, asn: 64799, passive: true\(more)}"
        return try rack.configuration(1, pods: pods, peers: [peer])
    }

    private static func sessions(_ rack: AgentHarness) -> String {
        (try? String(contentsOfFile: "\(rack.directory)/1/sessions.json", encoding: .utf8)) ?? ""
    }

    @Test func `that somebody else announces is rejected, and everybody hears of it, until it is over`() async throws {
        try await AgentHarness.run { rack in
            let hub = try await rack.start(Self.configuration(rack))
            let peer = try rack.connect(from: 99, to: 1)
            try peer.establish(64799)
            let (own, inside) = (try parsed("10.244.1.0/24"), try parsed("10.244.1.64/26"))
            peer.announce(
                [own, inside, try parsed("10.244.2.0/24"), try parsed("10.244.0.0/16")], path: [64799, 64602])
            #expect(await eventually { await hub.conflicts.count == 2 })
            let conflicts = await hub.conflicts
            #expect(conflicts.map(\.prefix) == [own, inside], "what only covers ours is nobody's fault")
            #expect(conflicts[0].description == "10.244.1.0/24 is announced by raw-99, AS path 64799 64602")
            #expect(await hub.learned() == [try parsed("10.244.2.0/24")])
            #expect(Self.sessions(rack).contains("\"conflict\":\"10.244.1.0/24 is announced by raw-99"))
            let answers = ControlAnswers(agent: hub)
            #expect(await answers.metrics().contains("martlet_podcidr_conflicts 2\n"))
            // The loops are asked too, and have three seconds: little where tests hold all threads.
            #expect(
                await eventually { await answers.readyChecks().contains { $0.name == "podCIDRs" && !$0.ok } })
            let history = await hub.history
            #expect(history.events("raw-99").contains { $0.text.contains("podCIDR conflict: 10.244.1.0/24") })
            #expect(rack.log.all.contains { $0.contains("another node has a podCIDR of this one") })

            peer.withdraw([own])
            #expect(await eventually { await hub.conflicts.map(\.prefix) == [inside] })
            peer.close()
            #expect(await eventually { await hub.conflicts.isEmpty })
            #expect(!Self.sessions(rack).contains("conflict"))
            #expect(rack.log.all.contains { $0.contains("podCIDR conflict is over") })
        }
    }

    @Test func `that another has already is in conflict as soon as it is configured here`() async throws {
        try await AgentHarness.run { rack in
            let hub = try await rack.start(Self.configuration(rack))
            let peer = try rack.connect(from: 99, to: 1)
            try peer.establish(64799)
            let other = try parsed("10.244.7.0/24")
            peer.announce(other, path: [64799])
            #expect(await eventually { await hub.learned() == [other] })
            await hub.reload(try Self.configuration(rack, pods: ["10.244.7.0/24"]))
            #expect(await eventually { await hub.conflicts.map(\.prefix) == [other] })
            #expect(await hub.learned().isEmpty, "it never overrides ours")
            await hub.reload(try Self.configuration(rack))
            #expect(await eventually { await hub.conflicts.isEmpty })
            #expect(await eventually { await hub.learned() == [other] })
        }
    }

    @Test(arguments: [false, true])
    func `that is reflected is rejected, and no conflict`(sharesNumber: Bool) async throws {
        try await AgentHarness.run { rack in
            let more = sharesNumber ? ", allowOwnAS: 1" : ""
            let hub = try await rack.start(Self.configuration(rack, more: more))
            let peer = try rack.connect(from: 99, to: 1)
            try peer.establish(64799)
            let (own, last) = (try parsed("10.244.1.0/24"), try parsed("10.244.3.0/24"))
            peer.announce(own, path: [64799, 64601])
            peer.announce(last, path: [64799])
            #expect(await eventually { await hub.learned() == [last] })
            #expect(await hub.conflicts.isEmpty)
            #expect(!rack.log.all.contains { $0.contains("another node has a podCIDR") })
        }
    }
}
