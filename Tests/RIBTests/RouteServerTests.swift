import BGPWire
import NetTypes
import RoutePolicy
import Testing

@testable import RIB

/// RFC 7947: what a route server changes of a path between its clients, which is nothing.
@Suite struct `A route server` {
    private static let path = AttributeFields.path([65001, 7]) { fields in
        fields.med = 42
        fields.communities = [0xfde9_0001, Community.noExport.rawValue, Community.noAdvertise.rawValue]
        // Transitive, and one that stays in its AS.
        fields.extendedCommunities = [0x0002_fde9_0000_0001, 0x4004_fde9_4b18_9680]
        fields.largeCommunities = [LargeCommunity(global: 65001, local1: 1, local2: 2)]
        fields.unknown = [RawAttribute(flags: 0xe0, code: 99, value: [1])]
    }

    private static func policy(_ isClient: Bool = true, isExternal: Bool = true) -> ExportPolicy {
        var policy = ExportPolicy(
            mode: .all, localAS: asn(64601), isExternal: isExternal, families: .all, clusterID: RouterID(rawValue: 7))
        policy.ipv4NextHop = ip("192.0.2.10")
        policy.ipv6NextHop = ip("2001:db8::10")
        policy.isRouteServerClient = isClient
        return policy
    }

    private static func client(_ number: UInt32, _ isClient: Bool = true) -> RIBPeer {
        var peer = RIBPeer.external(number)
        peer.isRouteServerClient = isClient
        return peer
    }

    /// What a peer is told of the path, or nil.
    private static func told(
        _ fields: AttributeFields = path, via hop: String = "192.0.2.1", from source: RIBPeer?,
        to policy: ExportPolicy, _ family: AddressFamily = .ipv4
    ) -> PathAttributes? {
        policy.exported(PathAttributes(fields, nextHop: ip(hop)), source: source, family: family, by: .none)
    }

    @Test func `passes a client's path to another client as it came`() throws {
        let told = try #require(Self.told(from: Self.client(65001), to: Self.policy()))
        #expect(told == PathAttributes(Self.path, nextHop: ip("192.0.2.1")))
        let six = try #require(Self.told(via: "2001:db8::1", from: Self.client(65001), to: Self.policy(), .ipv6))
        #expect(six.nextHop == ip("2001:db8::1"))
    }

    @Test func `is a router like any other between a client and a peer that is none`() throws {
        var open = Self.path
        open.communities = [0xfde9_0001]
        for (source, policy) in [
            (Self.client(65001, false), Self.policy()), (Self.client(65001), Self.policy(false)),
        ] {
            #expect(Self.told(from: source, to: policy) == nil, "NO_ADVERTISE is obeyed")
            let told = try #require(Self.told(open, from: source, to: policy))
            let fields = AttributeFields(told)
            #expect(told.nextHop == ip("192.0.2.10"))
            #expect("\(fields.asPath)" == "64601 65001 7")
            #expect(fields.med == nil)
            #expect(fields.extendedCommunities == [0x0002_fde9_0000_0001])
        }
    }

    @Test func `stands in the paths of its own prefixes and of its own AS`() throws {
        let own = try #require(Self.told(AttributeFields(), from: nil, to: Self.policy()))
        #expect("\(AttributeFields(own).asPath)" == "64601" && own.nextHop == ip("192.0.2.10"))
        let inner = AttributeFields.path([]) { $0.localPref = 100 }
        let told = try #require(Self.told(inner, from: .internal_(), to: Self.policy()))
        #expect("\(AttributeFields(told).asPath)" == "64601" && told.nextHop == ip("192.0.2.10"))
        var plain = Self.path
        plain.communities = []
        let inside = try #require(Self.told(plain, from: Self.client(65001), to: Self.policy(isExternal: false)))
        #expect("\(AttributeFields(inside).asPath)" == "65001 7" && AttributeFields(inside).localPref == 100)
    }

    /// A route server that forwards no packets must not put itself in their way.
    @Test func `keeps back what the other client could not reach`() {
        #expect(Self.told(via: "2001:db8::1", from: Self.client(65001), to: Self.policy()) == nil)
        var extended = Self.policy()
        extended.extendedNextHop = .ipv4
        #expect(Self.told(via: "2001:db8::1", from: Self.client(65001), to: extended)?.nextHop == ip("2001:db8::1"))
        #expect(Self.told(via: "fe80::1", from: Self.client(65001), to: Self.policy(), .ipv6) == nil)
    }

    @Test func `may change by policy what it must not by itself`() throws {
        var rule = PolicyRule(.accept)
        rule.actions.prependTimes = 1
        rule.actions.med = 5
        rule.actions.nextHop = .own
        var policy = Self.policy()
        var changes = Policy(name: "changes")
        changes.rules = [rule]
        policy.rules = PolicyChain([changes])
        let attributes = PathAttributes(Self.path, nextHop: ip("192.0.2.1"))
        var route = PolicyRoute(cidr("11.0.0.0/24"), attributes, from: "client")
        let decision = policy.rules.decide(&route)
        let told = try #require(
            policy.exported(attributes, source: Self.client(65001), family: .ipv4, by: decision))
        let fields = AttributeFields(told)
        #expect("\(fields.asPath)" == "64601 65001 7" && fields.med == 5 && told.nextHop == ip("192.0.2.10"))
    }

    @Test func `has its clients in a group of their own, and tells nobody his own paths`() throws {
        var rib = RIBTables(policy: .node, seed: 3)
        let (clients, others) = ((1...3).map { PeerID(rawValue: $0) }, (4...5).map { PeerID(rawValue: $0) })
        for id in clients + others {
            var peer = RIBPeer.external(65000 + UInt32(id.rawValue), "192.0.2.\(id.rawValue)", mode: .all)
            peer.isRouteServerClient = clients.contains(id)
            rib.setPeer(id, peer)
            rib.startExport(to: id, Self.policy(peer.isRouteServerClient))
        }
        #expect(rib.groupCount == 2)
        var plain = AttributeFields.path([65001])
        plain.med = 9
        rib.apply(.announce([cidr("11.0.0.0/24")], plain, via: ip("192.0.2.1")), from: clients[0], at: 0)
        while rib.hasChanges { _ = rib.takeChanges(limit: 10, describing: false) }
        #expect(rib.takeAll(.ipv4, for: clients[0]).isEmpty)
        for (id, path, med) in [(clients[1], "65001", 9), (clients[2], "65001", 9), (others[0], "64601 65001", nil)]
            as [(PeerID, String, UInt32?)]
        {
            let updates = try decode(rib.takeAll(.ipv4, for: id), isExternal: true)
            let told = updates.flatMap(\.announced).map { AttributeFields($0.attributes) }
            #expect(told.map { "\($0.asPath)" } == [path] && told.map(\.med) == [med])
        }
    }
}
