import BFD
import BFDSocket
import ControlAPI
import Dispatch
import NetTypes
import TestKit
import Testing

@testable import NodeAgent

extension Agent {
    fileprivate func takeBFD(_ loop: BFDLoop) { bfd = loop }
}

/// What makes a node's agent be restarted, and what does not.
@Suite struct HealthTests {
    @Test func `a thread of BFD that hangs fails liveness, and a peer that is away does not`() async throws {
        try await AgentHarness.run { rack in
            let agent = try await rack.start(rack.configuration(1, pods: ["10.244.1.0/24"], peers: [rack.raw(99)]))
            let answers = ControlAnswers(agent: agent)
            // With nobody there. A machine that is busy with other tests may need another look.
            #expect(try await poll(within: 60) { await answers.loopChecks().allSatisfy(\.ok) })
            // A key that is not there is told of on the thread itself, which this keeps from going on.
            let gate = DispatchSemaphore(value: 0)
            let loop = try BFDLoop { notice in
                if case .problem = notice { gate.wait() }
            }
            await agent.takeBFD(loop)
            #expect(
                try await poll(within: 60) { await answers.loopChecks().contains { $0.name == "loop bfd" && $0.ok } })
            let target = BFDTarget(address: try #require(IPAddress("127.0.0.1")))
            let settings = BFDSettings(
                desiredMinTx: .milliseconds(300), requiredMinRx: .milliseconds(300), multiplier: 3)
            let key = BFDKeySource(file: "\(rack.directory)/none", keyID: 1, kind: .sha1)
            loop.set(
                "p", BFDOrder(target: target, interfaceName: nil, settings: settings, keySource: key) { _ in })
            #expect(
                try await poll(within: 60) { await answers.loopChecks().contains { $0.name == "loop bfd" && !$0.ok } })
            for _ in 0..<100 { gate.signal() }
            #expect(try await poll(within: 60) { await answers.loopChecks().allSatisfy(\.ok) })
        }
    }
}
