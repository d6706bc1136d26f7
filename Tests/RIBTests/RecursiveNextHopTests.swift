import BGPWire
import NetTypes
import Testing

@testable import RIB

/// Next hops that a route of ours leads to.
@Suite struct RecursiveNextHopTests {
    private static let (tor, reflector) = (PeerID(rawValue: 1), PeerID(rawValue: 2))
    private static let far = "203.0.113.9"

    private static func rib() -> RIBTables {
        var rib = RIBTables(policy: .node, seed: 3)
        rib.setPeer(tor, .external(65001, mode: .all))
        rib.setPeer(reflector, .internal_())
        return rib
    }

    private static func announce(_ rib: inout RIBTables, _ prefix: String, via hop: String, from id: PeerID) {
        guard let prefix = Prefix(strict: prefix) else { return }
        rib.apply(.announce([prefix], .path(id == tor ? [65001] : []), via: ip(hop)), from: id, at: 0)
    }

    private static func withdraw(_ rib: inout RIBTables, _ prefix: String, from id: PeerID) {
        guard let prefix = Prefix(strict: prefix) else { return }
        rib.apply(Update(withdrawn: [prefix]), from: id, at: 0)
    }

    /// Runs until nothing changes any more, and tells what is in the Loc-RIB.
    private static func settle(_ rib: inout RIBTables) -> Set<String> {
        for _ in 0..<100 {
            rib.work(limit: 1000)
            let changes = rib.takeChanges(limit: 1000, describing: true)
            if changes.isEmpty, !rib.hasWork, !rib.hasChanges { break }
        }
        #expect(!rib.hasWork && !rib.hasChanges, "it comes to rest")
        return Set(rib.paths(PathQuery(.usable)).map(\.prefix.description))
    }

    @Test func `a path whose next hop a route of ours leads to is used as long as that is there`() {
        var rib = Self.rib()
        Self.announce(&rib, "10.244.9.0/24", via: Self.far, from: Self.reflector)
        #expect(Self.settle(&rib).isEmpty)
        Self.announce(&rib, "203.0.113.9/32", via: "192.0.2.1", from: Self.tor)
        #expect(Self.settle(&rib) == ["10.244.9.0/24", "203.0.113.9/32"])
        Self.withdraw(&rib, "203.0.113.9/32", from: Self.tor)
        #expect(Self.settle(&rib).isEmpty)
        Self.announce(&rib, "203.0.113.0/24", via: "192.0.2.1", from: Self.tor)
        #expect(Self.settle(&rib) == ["10.244.9.0/24", "203.0.113.0/24"])
        rib.removePaths(of: Self.tor)
        #expect(Self.settle(&rib).isEmpty)
    }

    @Test func `no route leads to its own next hop, alone or in a circle, and nothing swings to and fro`() {
        var rib = Self.rib()
        Self.announce(&rib, "203.0.113.0/24", via: Self.far, from: Self.reflector)
        Self.announce(&rib, "10.1.0.0/16", via: "10.2.0.1", from: Self.reflector)
        Self.announce(&rib, "10.2.0.0/16", via: "10.1.0.1", from: Self.reflector)
        #expect(Self.settle(&rib).isEmpty)
        // A longer one leads there without it; a better path of that one by way of itself does not count.
        Self.announce(&rib, "203.0.113.9/32", via: "192.0.2.1", from: Self.tor)
        #expect(Self.settle(&rib) == ["203.0.113.0/24", "203.0.113.9/32"])
        Self.announce(&rib, "203.0.113.9/32", via: Self.far, from: Self.reflector)
        #expect(Self.settle(&rib) == ["203.0.113.0/24", "203.0.113.9/32"])
        let used = rib.paths(PathQuery(.usable, prefix: Prefix(strict: "203.0.113.9/32")))
        #expect(used.map(\.peer) == [Self.tor])
        Self.announce(&rib, "10.2.0.0/24", via: "192.0.2.1", from: Self.tor)
        #expect(Self.settle(&rib).isSuperset(of: ["10.1.0.0/16", "10.2.0.0/16"]))
        Self.withdraw(&rib, "10.2.0.0/24", from: Self.tor)
        #expect(Self.settle(&rib) == ["203.0.113.0/24", "203.0.113.9/32"])
    }

    @Test func `the default route leads to nobody`() {
        var rib = Self.rib()
        Self.announce(&rib, "0.0.0.0/0", via: "192.0.2.1", from: Self.tor)
        Self.announce(&rib, "10.244.9.0/24", via: Self.far, from: Self.reflector)
        #expect(Self.settle(&rib) == ["0.0.0.0/0"])
    }
}
