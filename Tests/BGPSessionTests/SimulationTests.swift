import BGPWire
import NetTypes
import Testing

@testable import BGPSession

/// Two peers that call each other over a network which delivers in order within a connection and in any order between
/// connections; a seed decides.
@Suite struct SimulationTests {
    @Test(arguments: [0, 1, 2, 3, 4, 5])
    func `two peers that call at once end with one session, the same on both sides`(variant: UInt32) {
        let restart = variant.isMultiple(of: 2) ? PeerConfiguration.GracefulRestartOptions() : nil
        let identifiers: [(UInt32, UInt32)] = [(1, 2), (0xf000_0000, 5), (7, 7)]
        let (left, right) = identifiers[Int(variant) / 2]
        for seed in UInt64(0)..<1000 {
            var world = World(left, right, restart, seed: seed)
            world.start(0)
            world.start(1)
            world.settle()
            let pair = world.sessions
            #expect(pair.0 != nil && pair.0 == pair.1, "seed \(seed): \(pair)")
            #expect(world.downs == [], "seed \(seed)")
            #expect(world.openLinks == 1, "seed \(seed)")
            guard pair.0 != nil, pair.0 == pair.1 else { return }
        }
    }

    @Test func `peers that start at any time have one session within ten seconds`() {
        for seed in UInt64(0)..<1000 {
            var world = World(1, 2, .init(), seed: seed)
            let late = Int(seed % 2)
            world.start(1 - late)
            world.steps(Int(seed % 17))
            world.start(late)
            world.settle()
            while world.sessions.0 == nil, world.now < Instant(nanoseconds: 10_000_000_000) { world.advance() }
            let pair = world.sessions
            #expect(pair.0 != nil && pair.0 == pair.1, "seed \(seed): \(pair)")
            #expect(world.openLinks == 1, "seed \(seed)")
        }
    }

    @Test func `a peer that crashes and comes back replaces its session, routes kept`() {
        for seed in UInt64(0)..<1000 {
            var world = World(1, 2, .init(), seed: seed)
            world.start(0)
            world.start(1)
            world.settle()
            world.crash(0)
            world.start(0)
            world.settle()
            let pair = world.sessions
            #expect(pair.0 != nil && pair.0 == pair.1, "seed \(seed): \(pair)")
            #expect(world.downs.map(\.kind) == [.replaced], "seed \(seed)")
            #expect(world.downs.map(\.keepsRoutes) == [true], "seed \(seed)")
        }
    }
}
