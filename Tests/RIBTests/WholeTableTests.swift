import BGPWire
import NetTypes
import Testing

@testable import RIB

/// What concerns a whole table is done in portions.
@Suite struct `Passes over a table` {
    private static let peer = PeerID(rawValue: 1)

    private static func prefixes(_ count: Int) -> [Prefix] {
        (0..<count).map { Prefix(bits: UInt128(0x0b00_0000 + $0 * 256) << 96, length: 24, family: .ipv4) }
    }

    private static func table(_ count: Int) -> RIBTables {
        var rib = RIBTables(policy: .node, seed: 4)
        rib.setPeer(peer, .external(65001, mode: .all))
        announce(prefixes(count), to: &rib)
        return rib
    }

    private static func announce(_ prefixes: [Prefix], to rib: inout RIBTables) {
        rib.apply(.announce(prefixes, .path([65001]), via: ip("192.0.2.1")), from: peer, at: 0)
        while rib.hasChanges { _ = rib.takeChanges(limit: 10000, describing: false) }
    }

    @Test func `a lost peer's paths go in portions, and what it announces meanwhile stays`() {
        var rib = Self.table(50_000)
        rib.removePaths(of: Self.peer)
        let first = rib.counts(Self.peer, .ipv4).received
        #expect(first > 0 && first < 50_000 && rib.hasWork)
        // The session is up again before the pass is done.
        Self.announce(Array(Self.prefixes(50_000).suffix(1000)), to: &rib)
        var turns = 0
        while rib.hasWork {
            rib.work(limit: 1000)
            turns += 1
        }
        #expect(turns > 20)
        let counts = rib.counts(Self.peer, .ipv4)
        #expect(counts.received == 1000 && counts.stale == 0 && counts.best == 1000)
        let left = Set(rib.paths(PathQuery(.usable)).map(\.prefix))
        #expect(left == Set(Self.prefixes(50_000).suffix(1000)))
    }

    @Test func `a second loss during the pass takes the rest too`() {
        var rib = Self.table(50_000)
        rib.removePaths(of: Self.peer)
        Self.announce(Array(Self.prefixes(50_000).suffix(1000)), to: &rib)
        rib.markStale(.ipv4, of: Self.peer)
        rib.work(limit: 100)
        Self.announce(Array(Self.prefixes(50_000).suffix(10)), to: &rib)
        rib.sweepStale(.ipv4, of: Self.peer)
        while rib.hasWork { rib.work(limit: 1000) }
        let counts = rib.counts(Self.peer, .ipv4)
        #expect(counts.received == 10 && counts.stale == 0)
    }

    @Test func `paths kept over a restart outlive the pass that removes older ones`() {
        var rib = Self.table(50_000)
        rib.removePaths(of: Self.peer)
        Self.announce(Array(Self.prefixes(50_000).suffix(1000)), to: &rib)
        rib.markStale(.ipv4, of: Self.peer)
        while rib.hasWork { rib.work(limit: 1000) }
        let counts = rib.counts(Self.peer, .ipv4)
        #expect(counts.received == 1000 && counts.stale == 1000)
    }

    @Test func `a new policy reaches every path in portions, and at once what comes in meanwhile`() {
        var rib = Self.table(50_000)
        rib.policy.requiresConnectedNextHop = true
        rib.policy.linkSubnets = []
        let first = rib.counts(Self.peer, .ipv4).rejected
        #expect(first > 0 && first < 50_000)
        Self.announce(Array(Self.prefixes(50_001).suffix(1)), to: &rib)
        #expect(rib.counts(Self.peer, .ipv4).rejected == first + 1)
        while rib.hasWork { rib.work(limit: 5000) }
        #expect(rib.counts(Self.peer, .ipv4).rejected == 50_001)
    }

    @Test func `a peer that is removed is forgotten when its last path is gone`() {
        var rib = Self.table(50_000)
        rib.removePeer(Self.peer)
        var isKnown = rib.knows(Self.peer)
        #expect(isKnown)
        rib.apply(.announce(Self.prefixes(1), .path([65001]), via: ip("192.0.2.1")), from: Self.peer, at: 0)
        while rib.hasWork { rib.work(limit: 5000) }
        isKnown = rib.knows(Self.peer)
        #expect(!isKnown)
        while rib.hasChanges { _ = rib.takeChanges(limit: 10000, describing: false) }
        let sizes = rib.sizes
        #expect(sizes == (0, 0, 0))
    }

    @Test func `neither family waits until the other is quiet`() {
        var rib = Self.table(0)
        rib.apply(.announce(Self.prefixes(5000), .path([65001]), via: ip("192.0.2.1")), from: Self.peer, at: 0)
        let ipv6 = (0..<20).map {
            Prefix(bits: UInt128(0x2a00_0000_0000_0000 + UInt64($0)) << 64, length: 64, family: .ipv6)
        }
        rib.apply(.announce(ipv6, .path([65001]), via: ip("2001:db8::1")), from: Self.peer, at: 0)
        let changes = rib.takeChanges(limit: 100, describing: true)
        #expect(changes.count == 100)
        #expect(changes.count { $0.prefix.family == .ipv6 } == 20, "all of the few")
        rib.apply(Update(withdrawn: ipv6), from: Self.peer, at: 0)
        let single = rib.takeChanges(limit: 1, describing: true)
        #expect(single.count == 1)
    }

    @Test func `epochs come around without mistaking an old path for a new one`() {
        var rib = Self.table(3)
        Self.announce(Array(Self.prefixes(3).prefix(1)), to: &rib)
        for round in 0..<1000 {
            rib.markStale(.ipv4, of: Self.peer)
            let stale = rib.counts(Self.peer, .ipv4).stale
            #expect(stale == 3, "round \(round)")
            Self.announce(Array(Self.prefixes(3).prefix(1)), to: &rib)
            let left = rib.counts(Self.peer, .ipv4).stale
            #expect(left == 2, "round \(round)")
        }
        rib.sweepStale(.ipv4, of: Self.peer)
        let counts = rib.counts(Self.peer, .ipv4)
        #expect(counts.received == 1 && counts.stale == 0)
    }
}
