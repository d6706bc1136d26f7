import DispatchIO
import NetTypes
import TestKit
import Testing

@testable import NodeAgent

@Suite struct DelayTests {
    @Test func `R16: a timer that is more than a second late is told, once a minute`() async throws {
        try await AgentHarness.run { rack in
            let agent = try await rack.start(rack.configuration(1, peers: [rack.raw(2)]))
            let loop = try #require(await agent.peers.first?.loop)
            let now = Instant.now
            func lines() -> [String] { rack.log.all.filter { $0.contains("a timer was late") } }
            await loop.noteDelay(of: nil, at: now)
            await loop.noteDelay(of: now + .seconds(5), at: now)
            await loop.noteDelay(of: now + .milliseconds(-900), at: now)
            #expect(lines() == [])
            await loop.noteDelay(of: now + .milliseconds(-3200), at: now)
            await loop.noteDelay(of: now + .milliseconds(-2000), at: now + .seconds(1))
            #expect(lines().count == 1)
            #expect(lines().first?.contains("late=3s peer=raw-2") == true, "\(lines())")
            await loop.noteDelay(of: now + .seconds(58), at: now + .seconds(61))
            #expect(lines().count == 3, "the second line, and how many were left out: \(lines())")
        }
    }
}
