import ControlAPI
import NetTypes
import TestKit
import Testing

@testable import NodeAgent

/// What `explain` says of routes that a peer is not told, or that are not there.
@Suite struct `Explain` {
    private static let policies = """
        policies: [{name: to-b, rules: [{name: not-nine, match: {prefixes: [10.244.9.0/24]}, action: reject}]}]
          aggregates: [{prefix: 10.244.64.0/20, summaryOnly: true}, {prefix: 10.244.96.0/20}]
        """

    /// An agent that `raw-99` tells three prefixes, and `raw-98` too many.
    private func run(_ body: (Agent) async throws -> Void) async throws {
        try await AgentHarness.run { rack in
            let limited = rack.raw(98).replacing(
                "export: all", with: "export: all, exportPolicies: [to-b], maxPrefixes: {limit: 1, action: block}")
            let configuration = try rack.configuration(
                1, pods: ["10.244.1.0/24"], peers: [rack.raw(99), limited, rack.raw(97)], more: Self.policies)
            let agent = try await rack.start(configuration)
            nonisolated(unsafe) let first = try rack.connect(from: 99, to: 1)
            nonisolated(unsafe) let second = try rack.connect(from: 98, to: 1)
            try await onThread {
                try first.establish(64799)
                try second.establish(64798)
                first.announce(["10.244.9.0/24", "10.244.65.0/24", "10.244.97.0/24"].map(cidr), path: [64799])
                second.announce(["10.244.20.0/24", "10.244.21.0/24"].map(cidr), path: [64798])
            }
            #expect(await eventually { await agent.advertised(to: "raw-99").count == 4 })
            #expect(await eventually { await agent.advertised(to: "raw-98").count == 4 })
            try await body(agent)
        }
    }

    private func explain(_ text: String, _ agent: Agent) async throws -> ExplainDocument {
        guard case .explain(let document) = await ControlAnswers(agent: agent).explain(cidr(text)) else {
            throw SystemFailure()
        }
        return document
    }

    private struct SystemFailure: Error {}

    /// Why each peer is not told of a destination.
    private func silence(_ text: String, _ agent: Agent) async throws -> [String: String] {
        let rows = try await explain(text, agent).announcements.filter { !$0.announced }
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.peer, $0.detail) })
    }

    @Test func `names the rule, built-in or of a policy, that keeps a route from a peer`() async throws {
        try await run { agent in
            #expect(
                try await silence("10.244.9.7/32", agent) == [
                    "raw-99": "it came from this peer", "raw-98": "rejected by policy to-b rule 1 (not-nine)",
                    "raw-97": "the session is down",
                ])
            let inside = try await silence("10.244.65.7/32", agent)
            #expect(inside["raw-98"] == "an aggregate with summaryOnly stands for it", "\(inside)")
            #expect(try await silence("10.244.97.7/32", agent)["raw-98"] == nil)
        }
    }

    @Test func `does not call an aggregate of ours learned`() async throws {
        try await run { agent in
            let whole = try await explain("10.244.64.0/20", agent)
            #expect(whole.verdict == .aggregate && whole.summary.contains("is an aggregate of this node"))
            let hole = try await explain("10.244.79.1/32", agent)
            #expect(hole.verdict == .aggregate, "\(hole.summary)")
            #expect(hole.summary.contains("10.244.79.1 lies in 10.244.64.0/20, an aggregate of this node"))
            #expect(try await explain("10.244.65.1/32", agent).verdict == .learned)
        }
    }

    @Test func `tells that what is missing may be among what a peer had no room for`() async throws {
        try await run { agent in
            let miss = try await explain("10.244.21.5/32", agent).nearMisses
            #expect(miss.map(\.source) == ["raw-98"])
            #expect(miss.first?.reason.contains("1 announcement was not taken (maxPrefixes.action: block)") == true)
            #expect(try await explain("fd00:10:244:5::1/128", agent).nearMisses.isEmpty)
        }
    }
}
