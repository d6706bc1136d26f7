import BGPSession
import BGPWire
import NetTypes
import RIB
import Testing

@testable import BGPSpeaker

/// Each procedure from the first OPEN to its end, event by event: octets in, and in lines what every peer and the
/// kernel is told. Collisions, timers and back-off are in BGPSessionTests, their pace in AdvertisementPaceTests,
/// the limit of prefixes in PrefixLimitTests.
@Suite struct ProcedureTests {
    @Test func `a peer of two-octet AS numbers (RFC 6793)`() {
        let scene = Scene(as: 4_200_000_001)
        scene.add("old", as: 65001, wide: false)
        scene.add("new", as: 4_200_000_002)
        #expect(
            scene.up("old") == [
                "to old: OPEN", "to old: KEEPALIVE", "old is up: ipv4+ipv6, two-octet AS", "to old: End-of-RIB ipv4",
                "to old: End-of-RIB ipv6",
            ])
        _ = scene.up("new")
        #expect(
            scene.announces("new", ["10.1.0.0/24"], path: [4_200_000_002, 7]) == [
                "kernel: +10.1.0.0/24 via 192.0.2.2", "to old: +10.1.0.0/24 [4200000001 4200000002 7] via 192.0.2.10",
            ])
        #expect(
            scene.announces("old", ["10.2.0.0/24"], path: [65001, 4_200_000_009, 8]) == [
                "kernel: +10.2.0.0/24 via 192.0.2.1",
                "to new: +10.2.0.0/24 [4200000001 65001 4200000009 8] via 192.0.2.10",
            ])
        scene.listsCodes = true
        #expect(
            scene.announces("new", ["10.1.0.0/24"], path: [4_200_000_002, 9]) == [
                "kernel: +10.1.0.0/24 via 192.0.2.2",
                "to old: +10.1.0.0/24 [4200000001 4200000002 9] via 192.0.2.10 [1, 2, 3, 17]",
            ])
        #expect(scene.withdraws("old", ["10.2.0.0/24"]) == ["kernel: -10.2.0.0/24", "to new: -10.2.0.0/24"])
    }

    @Test func `extended messages (RFC 8654)`() {
        let scene = Scene()
        scene.add("wide", as: 65001, [.extendedMessage])
        scene.add("narrow", as: 65002)
        scene.add("source", as: 65003, [.extendedMessage])
        #expect(
            scene.up("wide") == [
                "to wide: OPEN", "to wide: KEEPALIVE", "wide is up: ipv4+ipv6, extended messages",
                "to wide: End-of-RIB ipv4", "to wide: End-of-RIB ipv6",
            ])
        for name in ["narrow", "source"] { _ = scene.up(name) }
        let prefixes = (0..<2000).map { "10.\(64 + $0 / 250).\($0 % 250).0/24" }
        let table = scene.announces("source", prefixes)
        for name in ["kernel", "to wide", "to narrow"] {
            #expect(table.count { $0.hasPrefix("\(name): +") } == 2000)
        }
        #expect(scene.longest["wide", default: 0] > 4096)
        #expect(scene.longest["narrow", default: 0] <= 4096)
        // Longer than all that the one peer can be told: it must not keep what was said before.
        let long = scene.announces("source", [prefixes[0]]) { fields in
            fields.communities = (0..<1100).map { 0x0001_0000 + $0 }
        }
        #expect(
            long.map { $0.prefix(24) } == [
                "kernel: +10.64.0.0/24 vi", "to wide: +10.64.0.0/24 [", "to narrow: -10.64.0.0/24",
            ])
    }

    @Test func `add-path, both ways (RFC 7911)`() {
        let scene = Scene()
        scene.add("source", as: 65001, [.addPath([AddPathFamily(afi: 1, receives: false, sends: true)])]) {
            configuration, _ in configuration.takesPathIDs = true
        }
        scene.add("other", as: 65002)
        scene.add("sink", as: 65003, [.addPath([AddPathFamily(afi: 1, receives: true, sends: false)])]) {
            configuration, peer in
            configuration.sendsPathIDs = true
            peer.pathSelection = .all
        }
        #expect(
            scene.up("source") == [
                "to source: OPEN", "to source: KEEPALIVE", "source is up: ipv4+ipv6, paths from it: ipv4",
                "to source: End-of-RIB ipv4", "to source: End-of-RIB ipv6",
            ])
        _ = scene.up("other")
        #expect(
            scene.up("sink") == [
                "to sink: OPEN", "to sink: KEEPALIVE", "sink is up: ipv4+ipv6, paths to it: ipv4",
                "to sink: End-of-RIB ipv4", "to sink: End-of-RIB ipv6",
            ])
        #expect(
            scene.announces("source", ["10.1.0.0/24"], path: [65001, 7], id: 5) == [
                "kernel: +10.1.0.0/24 via 192.0.2.1", "to other: +10.1.0.0/24 [64601 65001 7] via 192.0.2.10",
                "to sink: +10.1.0.0/24 path 1 [64601 65001 7] via 192.0.2.10",
            ])
        #expect(
            scene.announces("source", ["10.1.0.0/24"], path: [65001, 8, 9], id: 6) == [
                "to sink: +10.1.0.0/24 path 2 [64601 65001 8 9] via 192.0.2.10"
            ])
        #expect(
            scene.announces("other", ["10.1.0.0/24"]) == [
                "kernel: +10.1.0.0/24 via 192.0.2.2", "to source: +10.1.0.0/24 [64601 65002] via 192.0.2.10",
                "to other: -10.1.0.0/24", "to sink: +10.1.0.0/24 path 3 [64601 65002] via 192.0.2.10",
            ])
        #expect(scene.withdraws("source", ["10.1.0.0/24"], id: 5) == ["to sink: -10.1.0.0/24 path 1"])
        #expect(scene.loses("source") == ["source is down: connection reset by peer", "to sink: -10.1.0.0/24 path 2"])
    }

    @Test func `route refresh with begin and end, asked for by both sides (RFC 2918, RFC 7313)`() {
        let scene = Scene(own: ["10.9.0.0/24"])
        scene.add("tor", as: 65001, [.enhancedRouteRefresh])
        scene.add("plain", as: 65002)
        #expect(
            scene.up("tor") == [
                "to tor: OPEN", "to tor: KEEPALIVE", "tor is up: ipv4+ipv6, enhanced refresh",
                "kernel: +10.9.0.0/24 of this node", "to tor: +10.9.0.0/24 [64601] via 192.0.2.10",
                "to tor: End-of-RIB ipv4", "to tor: End-of-RIB ipv6",
            ])
        _ = scene.up("plain")
        #expect(
            scene.announces("tor", ["10.1.0.0/24", "10.2.0.0/24"]) == [
                "kernel: +10.1.0.0/24 via 192.0.2.1", "kernel: +10.2.0.0/24 via 192.0.2.1",
                "to plain: +10.1.0.0/24 [64601 65001] via 192.0.2.10",
                "to plain: +10.2.0.0/24 [64601 65001] via 192.0.2.10",
            ])
        #expect(scene.endsRIB("tor", .ipv4, .ipv6) == [])
        func refresh(_ subtype: UInt8) -> Message { .routeRefresh(RouteRefresh(afi: 1, subtype: subtype, safi: 1)) }
        #expect(
            scene.says("tor", refresh(0)) == [
                "to tor: ROUTE-REFRESH ipv4-unicast begin", "to tor: +10.9.0.0/24 [64601] via 192.0.2.10",
                "to tor: ROUTE-REFRESH ipv4-unicast end",
            ])
        #expect(
            scene.says("plain", refresh(0)) == [
                "to plain: +10.9.0.0/24 [64601] via 192.0.2.10", "to plain: +10.1.0.0/24 [64601 65001] via 192.0.2.10",
                "to plain: +10.2.0.0/24 [64601 65001] via 192.0.2.10",
            ])
        #expect(scene.asksForRefresh("tor", .ipv4) == ["to tor: ROUTE-REFRESH ipv4-unicast request"])
        #expect(scene.says("tor", refresh(1)) == [])
        #expect(scene.announces("tor", ["10.2.0.0/24"]) == [])
        #expect(scene.says("tor", refresh(2)) == ["kernel: -10.1.0.0/24", "to plain: -10.1.0.0/24"])
    }

    @Test func `roles and ONLY_TO_CUSTOMER (RFC 9234)`() {
        let scene = Scene(own: ["10.9.0.0/24"])
        func role(_ name: String, _ number: UInt32, ours: BGPRole, theirs: BGPRole?, strict: Bool = false) {
            scene.add(name, as: number, theirs.map { [.role($0.rawValue)] } ?? []) { configuration, peer in
                configuration.role = ours
                configuration.strictRole = strict
                peer.role = ours
            }
        }
        role("provider", 65001, ours: .customer, theirs: .provider)
        role("customer", 65002, ours: .provider, theirs: .customer)
        role("peer", 65003, ours: .peer, theirs: .peer)
        role("confused", 65004, ours: .customer, theirs: .customer)
        role("silent", 65005, ours: .provider, theirs: nil, strict: true)
        #expect(
            scene.up("confused") == [
                "to confused: OPEN", "to confused: OPEN Message Error / Role Mismatch",
                "kernel: +10.9.0.0/24 of this node",
            ])
        #expect(scene.up("silent") == ["to silent: OPEN", "to silent: OPEN Message Error / Role Mismatch"])
        #expect(
            scene.up("provider") == [
                "to provider: OPEN", "to provider: KEEPALIVE", "provider is up: ipv4+ipv6",
                "to provider: +10.9.0.0/24 [64601] via 192.0.2.10", "to provider: End-of-RIB ipv4",
                "to provider: End-of-RIB ipv6",
            ])
        #expect(
            scene.up("customer") == [
                "to customer: OPEN", "to customer: KEEPALIVE", "customer is up: ipv4+ipv6",
                "to customer: +10.9.0.0/24 [64601] via 192.0.2.10 only-to-customer 64601",
                "to customer: End-of-RIB ipv4", "to customer: End-of-RIB ipv6",
            ])
        _ = scene.up("peer")
        #expect(
            scene.announces("provider", ["10.1.0.0/24"]) == [
                "kernel: +10.1.0.0/24 via 192.0.2.1",
                "to customer: +10.1.0.0/24 [64601 65001] via 192.0.2.10 only-to-customer 65001",
            ])
        #expect(
            scene.announces("customer", ["10.2.0.0/24"]) == [
                "kernel: +10.2.0.0/24 via 192.0.2.2", "to provider: +10.2.0.0/24 [64601 65002] via 192.0.2.10",
                "to peer: +10.2.0.0/24 [64601 65002] via 192.0.2.10 only-to-customer 64601",
            ])
        #expect(scene.announces("customer", ["10.3.0.0/24"]) { $0.onlyToCustomer = asn(7) } == [])
    }

    @Test func `IPv4 over IPv6 next hops (RFC 8950)`() {
        let scene = Scene()
        scene.add("tor", as: 65001, [.extendedNextHop([.ipv4OverIPv6])]) { configuration, _ in
            configuration.extendedNextHop = true
        }
        scene.add("asks", as: 65002, [.extendedNextHop([.ipv4OverIPv6])])
        scene.add("inside", as: 64601, [.extendedNextHop([.ipv4OverIPv6])]) { configuration, _ in
            configuration.extendedNextHop = true
        }
        scene.add("plain", as: 64601)
        #expect(
            scene.up("tor") == [
                "to tor: OPEN", "to tor: KEEPALIVE", "tor is up: ipv4+ipv6, IPv6 next hops", "to tor: End-of-RIB ipv4",
                "to tor: End-of-RIB ipv6",
            ])
        for name in ["asks", "inside", "plain"] { _ = scene.up(name) }
        var fields = AttributeFields()
        fields.asPath = ASPath([.init(kind: 2, numbers: [asn(65001)])])
        let over = Message.update(
            Update(announced: [
                Announcement(
                    attributes: PathAttributes(fields, nextHop: ip("2001:db8::1")), prefixes: [cidr("10.1.0.0/24")])
            ]))
        #expect(
            scene.says("tor", over) == [
                "kernel: +10.1.0.0/24 via 2001:db8::1", "to asks: +10.1.0.0/24 [64601 65001] via 192.0.2.10",
                "to inside: +10.1.0.0/24 [65001] via 2001:db8::1 local-pref 100",
                "to plain: +10.1.0.0/24 [65001] via 192.0.2.10 local-pref 100",
            ])
        #expect(
            scene.says("asks", over) == [
                "to asks: UPDATE Message Error / Optional Attribute Error",
                "asks is down: NOTIFICATION 3.9 (UPDATE Message Error / Optional Attribute Error) sent",
            ])
    }

    @Test func `a route server (RFC 7947)`() {
        let scene = Scene(own: ["10.9.0.0/24"])
        for (name, number) in [("a", 65001), ("b", 65002)] as [(String, UInt32)] {
            scene.add(name, as: number) { _, peer in peer.isRouteServerClient = true }
        }
        scene.add("upstream", as: 65003)
        #expect(
            scene.up("a") == [
                "to a: OPEN", "to a: KEEPALIVE", "a is up: ipv4+ipv6", "kernel: +10.9.0.0/24 of this node",
                "to a: +10.9.0.0/24 [64601] via 192.0.2.10", "to a: End-of-RIB ipv4", "to a: End-of-RIB ipv6",
            ])
        for name in ["b", "upstream"] { _ = scene.up(name) }
        let path = scene.announces("a", ["10.1.0.0/24"]) {
            $0.med = 5
            $0.communities = [Community.noExport.rawValue]
        }
        #expect(
            path == ["kernel: +10.1.0.0/24 via 192.0.2.1", "to b: +10.1.0.0/24 [65001] via 192.0.2.1 med 5 no-export"])
        #expect(
            scene.announces("upstream", ["10.3.0.0/24"]) { $0.med = 5 } == [
                "kernel: +10.3.0.0/24 via 192.0.2.3", "to a: +10.3.0.0/24 [64601 65003] via 192.0.2.10",
                "to b: +10.3.0.0/24 [64601 65003] via 192.0.2.10",
            ])
        #expect(scene.withdraws("a", ["10.1.0.0/24"]) == ["kernel: -10.1.0.0/24", "to b: -10.1.0.0/24"])
    }
}
