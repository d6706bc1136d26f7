import BGPWire
import NetTypes
import RoutePolicy
import Testing

@testable import RIB

/// What goes when a session does.
@Suite struct SoleNextHopTests {
    private static let (first, second) = (PeerID(rawValue: 1), PeerID(rawValue: 2))

    private static func rib() -> RIBTables {
        var rib = RIBTables(policy: .node, seed: 3)
        rib.setPeer(first, .external(65001, mode: .all))
        rib.setPeer(second, .external(65002, "192.0.2.2", mode: .all))
        return rib
    }

    private static func announce(_ rib: inout RIBTables, _ prefix: String, via hop: String, from id: PeerID) {
        guard let prefix = Prefix(strict: prefix) else { return }
        rib.apply(.announce([prefix], .path([id == first ? 65001 : 65002]), via: ip(hop)), from: id, at: 0)
    }

    @Test func `next hops that only one peer names are lost with it`() {
        var rib = Self.rib()
        Self.announce(&rib, "10.1.0.0/24", via: "192.0.2.1", from: Self.first)
        Self.announce(&rib, "10.1.0.0/24", via: "192.0.2.2", from: Self.second)
        #expect(rib.soleNextHops(of: Self.first) == [ip("192.0.2.1")])
        #expect(rib.soleNextHops(of: Self.second) == [ip("192.0.2.2")])
    }

    @Test func `a next hop that another peer names too is not, whatever the prefix or the family`() {
        var rib = Self.rib()
        Self.announce(&rib, "10.1.0.0/24", via: "192.0.2.1", from: Self.first)
        Self.announce(&rib, "10.2.0.0/24", via: "192.0.2.1", from: Self.second)
        #expect(rib.soleNextHops(of: Self.first).isEmpty)
        Self.announce(&rib, "2001:db8:9::/48", via: "2001:db8::1", from: Self.first)
        #expect(rib.soleNextHops(of: Self.first) == [ip("2001:db8::1")])
    }
}
