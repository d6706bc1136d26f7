import ControlAPI
import NetTypes
import TestKit
import Testing

@testable import NodeAgent

/// Paths that an operator describes.
@Suite struct `A dry run of policies` {
    private func run(_ body: (ControlAnswers, AgentHarness) async throws -> Void) async throws {
        try await AgentHarness.run { rack in
            let policies = """
                policies: [{name: from-99, rules: [{match: {nextHops: [\(rack.network).99]}, action: reject}]}]
                """
            let to = rack.raw(98).replacing("export: all", with: "export: all, exportPolicies: [from-99]")
            let configuration = try rack.configuration(
                1, pods: ["10.244.1.0/24"], peers: [rack.raw(99), to], more: policies)
            let agent = try await rack.start(configuration)
            nonisolated(unsafe) let raw = try rack.connect(from: 98, to: 1)
            try await onThread { try raw.establish(64798) }
            #expect(await eventually { await agent.advertised(to: "raw-98").count == 1 })
            try await body(ControlAnswers(agent: agent), rack)
        }
    }

    private func query(_ peer: String, _ prefix: String, _ change: (inout PolicyQuery) -> Void) -> PolicyQuery {
        var query = PolicyQuery(peer: peer, prefix: cidr(prefix), direction: .export)
        query.path.med = 5
        change(&query)
        return query
    }

    @Test func `takes what is not said from the peer that the path is from, not from who is told`() async throws {
        try await run { answers, rack in
            guard
                case .policy(let other) = await answers.policyTest(
                    query("raw-98", "10.9.0.0/16") { $0.source = "raw-99" }),
                case .policy(let own) = await answers.policyTest(query("raw-98", "10.9.0.0/16") { $0.source = "local" })
            else {
                Issue.record("no answer")
                return
            }
            #expect(other.before.nextHop == "\(rack.network).99" && other.before.asPath == "64799")
            #expect(!other.accepted && other.verdict == "Rejected by policy from-99 rule 1.", "\(other.verdict)")
            #expect(own.before.nextHop == "self" && own.before.asPath.isEmpty && own.accepted)
        }
    }

    @Test func `makes up no IPv4 next hop for an IPv6 prefix`() async throws {
        try await run { answers, _ in
            for hop in [nil, "192.0.2.7"] {
                let asked = query("raw-98", "fd00:10:244:7::/64") { query in
                    query.direction = .import
                    query.path.nextHop = hop
                }
                guard case .error(let status, let message) = await answers.policyTest(asked) else {
                    Issue.record("there is an answer with \(hop ?? "no next hop")")
                    continue
                }
                #expect(status == 400 && message.contains("next hop of an IPv6 prefix"), "\(message)")
            }
            let given = query("raw-98", "fd00:10:244:7::/64") { query in
                query.direction = .import
                query.path.nextHop = "2001:db8::7"
            }
            guard case .policy(let document) = await answers.policyTest(given) else {
                Issue.record("no answer")
                return
            }
            #expect(document.before.nextHop == "2001:db8::7")
        }
    }
}
