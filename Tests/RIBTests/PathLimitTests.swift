import BGPWire
import NetTypes
import RoutePolicy
import Testing

@testable import RIB

/// A peer that may have so many paths of a family and no more.
@Suite struct `A peer with a limit` {
    private static let id = PeerID(rawValue: 1)
    private static let other = PeerID(rawValue: 2)

    private static func prefixes(_ range: Range<Int>, _ family: AddressFamily = .ipv4) -> [Prefix] {
        range.map {
            family == .ipv4
                ? Prefix(bits: UInt128(0x0b00_0000 + $0 * 256) << 96, length: 24, family: .ipv4)
                : Prefix(bits: UInt128(0x2001_0db8_0000_0000 + $0 * 65536) << 64, length: 48, family: .ipv6)
        }
    }

    private static func rib(most: UInt32 = 5) -> RIBTables {
        var rib = RIBTables(policy: .node, seed: 3)
        var peer = RIBPeer.external(65001, mode: .all)
        peer.mostPaths = most
        rib.setPeer(id, peer)
        rib.setPeer(other, .external(65002, "192.0.2.2", mode: .all))
        return rib
    }

    private static func announce(
        _ rib: inout RIBTables, _ prefixes: [Prefix], from id: PeerID = id, path: [UInt32] = [65001]
    ) {
        let hop = prefixes.first?.family == .ipv6 ? "2001:db8::1" : "192.0.2.1"
        rib.apply(.announce(prefixes, .path(path), via: ip(hop)), from: id, at: 0)
    }

    @Test func `keeps the first of them, family by family, and changes those`() {
        var rib = Self.rib()
        Self.announce(&rib, Self.prefixes(0..<8))
        Self.announce(&rib, Self.prefixes(0..<3, .ipv6))
        #expect(rib.counts(Self.id, .ipv4).received == 5 && rib.counts(Self.id, .ipv4).blocked == 3)
        #expect(rib.counts(Self.id, .ipv6).received == 3 && rib.counts(Self.id, .ipv6).blocked == 0)
        #expect(rib.blocked(Self.id) == (3, false))
        Self.announce(&rib, Self.prefixes(0..<5), path: [65001, 9])
        #expect(rib.counts(Self.id, .ipv4).blocked == 3)
        let paths = rib.paths(PathQuery(.usable, prefix: Self.prefixes(4..<5)[0]))
        #expect(paths.map { "\(AttributeFields($0.attributes).asPath)" } == ["65001 9"])
        #expect(rib.sizes == (5, 3, 2), "nothing is left of what was not taken")
    }

    @Test func `has room again when some are withdrawn, until it is asked again`() {
        var rib = Self.rib()
        Self.announce(&rib, Self.prefixes(0..<8))
        rib.apply(Update(withdrawn: Self.prefixes(0..<2)), from: Self.id, at: 1)
        #expect(rib.blocked(Self.id) == (3, true))
        rib.forgetBlocked(Self.id)
        #expect(rib.blocked(Self.id) == (0, false))
        Self.announce(&rib, Self.prefixes(2..<8))
        #expect(rib.counts(Self.id, .ipv4).received == 5)
        #expect(rib.blocked(Self.id) == (1, false))
        rib.markStale(.ipv4, of: Self.id)
        #expect(rib.blocked(Self.id) == (0, false), "its table comes once more")
    }

    @Test func `that comes back with other paths may have as many, while the old ones wait for the sweep`() {
        var rib = Self.rib()
        Self.announce(&rib, Self.prefixes(0..<5))
        rib.markStale(.ipv4, of: Self.id)
        Self.announce(&rib, Self.prefixes(10..<15))
        #expect(rib.counts(Self.id, .ipv4).received == 10 && rib.counts(Self.id, .ipv4).counted == 5)
        Self.announce(&rib, Self.prefixes(0..<1), path: [65001, 9])
        #expect(rib.blocked(Self.id) == (1, false), "one that it had before is one too many now")
        rib.sweepStale(.ipv4, of: Self.id)
        #expect(rib.counts(Self.id, .ipv4).received == 5)
        #expect(rib.paths(PathQuery(.usable)).map(\.prefix) == Self.prefixes(10..<15))
    }

    @Test func `has no more than twice as many however often it begins anew`() {
        var rib = Self.rib()
        for round in 0..<10 {
            rib.markStale(.ipv4, of: Self.id)
            Self.announce(&rib, Self.prefixes(round * 10..<round * 10 + 8))
        }
        #expect(rib.counts(Self.id, .ipv4).received == 10)
        rib.removePaths(of: Self.id)
        while rib.hasWork || rib.hasChanges {
            rib.work(limit: 10)
            _ = rib.takeChanges(limit: 10, describing: false)
        }
        #expect(rib.sizes == (0, 0, 0))
    }

    @Test func `does not keep others from the same prefixes`() {
        var rib = Self.rib(most: 1)
        Self.announce(&rib, Self.prefixes(0..<3), from: Self.other, path: [65002])
        Self.announce(&rib, Self.prefixes(0..<3))
        #expect(rib.counts(Self.other, .ipv4).received == 3)
        #expect(rib.counts(Self.id, .ipv4).received == 1)
        rib.removePeer(Self.id)
        rib.removePeer(Self.other)
        while rib.hasWork || rib.hasChanges {
            rib.work(limit: 10)
            _ = rib.takeChanges(limit: 10, describing: false)
        }
        #expect(rib.sizes == (0, 0, 0))
    }

    /// What a policy changed is kept twice, as it came and as it is used: both counts must go.
    @Test func `leaves nothing of what a policy would have changed`() {
        var rib = Self.rib(most: 2)
        var rule = PolicyRule(.accept)
        rule.actions.localPref = 300
        var changes = Policy(name: "changes")
        changes.rules = [rule]
        rib.setImportRules(PolicyChain([changes]), name: "tor", for: Self.id)
        Self.announce(&rib, Self.prefixes(0..<2))
        for number in 2..<10 { Self.announce(&rib, Self.prefixes(number..<number + 1), path: [65001, UInt32(number)]) }
        #expect(rib.counts(Self.id, .ipv4).received == 2 && rib.blocked(Self.id).count == 8)
        #expect(rib.sizes == (2, 0, 2), "as it came and as it is used")
    }

    @Test func `gets another limit without losing what it has`() {
        var rib = Self.rib()
        Self.announce(&rib, Self.prefixes(0..<5))
        rib.updatePeer(Self.id) { $0.mostPaths = 3 }
        #expect(rib.counts(Self.id, .ipv4).received == 5)
        Self.announce(&rib, Self.prefixes(5..<6))
        #expect(rib.blocked(Self.id) == (1, false))
        rib.updatePeer(Self.id) { $0.mostPaths = 6 }
        #expect(rib.blocked(Self.id) == (1, true))
    }
}
