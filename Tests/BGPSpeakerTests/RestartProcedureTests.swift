import BGPSession
import BGPWire
import NetTypes
import RIB
import Testing

@testable import BGPSpeaker

/// Restarts and goodbyes, ours and the peers', as `ProcedureTests` has the others.
@Suite struct RestartProcedureTests {
    private static func restart(
        _ families: FamilySet = .all, restarted: Bool = false, time: UInt16 = 60, notification: Bool = true
    ) -> Capability {
        .gracefulRestart(
            GracefulRestart(
                restarted: restarted, notification: notification, restartTime: time,
                families: AddressFamily.allCases.map {
                    .init(afi: $0.afi, safi: 1, forwardingPreserved: families.contains($0))
                }))
    }

    @Test func `a goodbye (RFC 8326, RFC 9003)`() {
        let scene = Scene(own: ["10.9.0.0/24"])
        scene.add("tor", as: 65001, [Self.restart()]) { configuration, _ in configuration.gracefulRestart = .init() }
        scene.add("inside", as: 64601)
        #expect(
            scene.up("tor") == [
                "to tor: OPEN", "to tor: KEEPALIVE", "tor is up: ipv4+ipv6, graceful restart, N bit",
                "kernel: +10.9.0.0/24 of this node", "to tor: +10.9.0.0/24 [64601] via 192.0.2.10",
                "to tor: End-of-RIB ipv4", "to tor: End-of-RIB ipv6",
            ])
        _ = scene.up("inside")
        #expect(
            scene.announces("tor", ["10.1.0.0/24"]) == [
                "kernel: +10.1.0.0/24 via 192.0.2.1", "to inside: +10.1.0.0/24 [65001] via 192.0.2.1 local-pref 100",
            ])
        #expect(
            scene.farewell(.announced) == [
                "to tor: +10.9.0.0/24 [64601] via 192.0.2.10 graceful-shutdown",
                "to inside: +10.9.0.0/24 [] via 192.0.2.10 local-pref 0 graceful-shutdown",
                "to inside: +10.1.0.0/24 [65001] via 192.0.2.1 local-pref 0 graceful-shutdown",
            ])
        #expect(
            scene.farewell(.withdrawn) == [
                "to tor: -10.9.0.0/24", "to inside: -10.9.0.0/24", "to inside: -10.1.0.0/24",
            ])
        #expect(
            scene.stops("tor", .cease(.administrativeShutdown, text: "new kernel")) == [
                "to tor: Cease / Hard Reset: for Cease / Administrative Shutdown: \"new kernel\"",
                "tor is down: stopped with NOTIFICATION 6.2 (Cease / Administrative Shutdown: \"new kernel\")",
                "kernel: -10.1.0.0/24",
            ])
    }

    @Test func `a peer that restarts, twice, and we as its helper (RFC 4724)`() {
        let scene = Scene()
        scene.add("tor", as: 65001, [Self.restart()]) { configuration, _ in configuration.gracefulRestart = .init() }
        scene.add("other", as: 65002)
        #expect(
            scene.up("tor") == [
                "to tor: OPEN", "to tor: KEEPALIVE", "tor is up: ipv4+ipv6, graceful restart, N bit",
                "to tor: End-of-RIB ipv4", "to tor: End-of-RIB ipv6",
            ])
        _ = scene.up("other")
        #expect(
            scene.announces("tor", ["10.1.0.0/24", "10.2.0.0/24"]) == [
                "kernel: +10.1.0.0/24 via 192.0.2.1", "kernel: +10.2.0.0/24 via 192.0.2.1",
                "to other: +10.1.0.0/24 [64601 65001] via 192.0.2.10",
                "to other: +10.2.0.0/24 [64601 65001] via 192.0.2.10",
            ])
        #expect(scene.loses("tor") == ["tor is down: connection reset by peer, routes are kept"])
        #expect(scene.wait(until: 30) == [])
        #expect(
            scene.up("tor") == [
                "to tor: OPEN, forwarding of ipv4+ipv6 kept", "to tor: KEEPALIVE",
                "tor is up: ipv4+ipv6, graceful restart, N bit",
                "to tor: End-of-RIB ipv4", "to tor: End-of-RIB ipv6",
            ])
        #expect(scene.announces("tor", ["10.1.0.0/24"]) == [])
        #expect(scene.endsRIB("tor", .ipv4, .ipv6) == [])
        #expect(scene.wait(until: 32) == ["kernel: -10.2.0.0/24", "to other: -10.2.0.0/24"])
        #expect(scene.loses("tor") == ["tor is down: connection reset by peer, routes are kept"])
        #expect(scene.wait(until: 91) == [])
        #expect(scene.wait(until: 92) == ["kernel: -10.1.0.0/24", "to other: -10.1.0.0/24"])
    }

    @Test func `our own restart (RFC 4724, RFC 8538)`() {
        let scene = Scene(own: ["10.9.0.0/24"])
        scene.add("tor", as: 65001, [Self.restart()]) { configuration, _ in configuration.gracefulRestart = .init() }
        scene.restarted("tor", RestartState(restarted: true, forwardingPreserved: .all))
        #expect(
            scene.up("tor") == [
                "to tor: OPEN, restarted, forwarding of ipv4+ipv6 kept", "to tor: KEEPALIVE",
                "tor is up: ipv4+ipv6, graceful restart, N bit", "kernel: +10.9.0.0/24 of this node",
                "to tor: +10.9.0.0/24 [64601] via 192.0.2.10", "to tor: End-of-RIB ipv4", "to tor: End-of-RIB ipv6",
            ])
        #expect(!scene.isConverged)
        #expect(scene.announces("tor", ["10.1.0.0/24"]) == ["kernel: +10.1.0.0/24 via 192.0.2.1"])
        #expect(scene.endsRIB("tor", .ipv4) == [])
        #expect(!scene.isConverged)
        #expect(scene.endsRIB("tor", .ipv6) == [])
        #expect(scene.isConverged)
        scene.restarted("tor", RestartState(forwardingPreserved: .all))
        let soft = Message.notification(NotificationMessage(6, 4))
        #expect(
            scene.says("tor", soft) == [
                "tor is down: NOTIFICATION 6.4 (Cease / Administrative Reset) received, routes are kept"
            ])
        #expect(
            scene.up("tor") == [
                "to tor: OPEN, forwarding of ipv4+ipv6 kept", "to tor: KEEPALIVE",
                "tor is up: ipv4+ipv6, graceful restart, N bit", "to tor: +10.9.0.0/24 [64601] via 192.0.2.10",
                "to tor: End-of-RIB ipv4", "to tor: End-of-RIB ipv6",
            ])
        let hard = Message.notification(NotificationMessage(6, 9, [6, 2]))
        #expect(
            scene.says("tor", hard) == [
                "tor is down: NOTIFICATION 6.9 (Cease / Hard Reset: for Cease / Administrative Shutdown) received",
                "kernel: -10.1.0.0/24",
            ])
    }

    @Test func `our own restart where we pass routes on: no End-of-RIB before we have them again (RFC 4724)`() {
        let scene = Scene(own: ["10.9.0.0/24"])
        _ = scene.defers(true)
        for (name, number) in [("a", UInt32(65001)), ("b", 65002), ("node", 65003)] {
            scene.add(name, as: number, [Self.restart(), .enhancedRouteRefresh]) { configuration, peer in
                configuration.gracefulRestart = .init()
                if name == "node" { peer.exportMode = .localOnly }
            }
            scene.restarted(name, RestartState(restarted: true, forwardingPreserved: .all))
        }
        #expect(
            scene.up("a").suffix(2) == [
                "a is up: ipv4+ipv6, enhanced refresh, graceful restart, N bit",
                "to a: +10.9.0.0/24 [64601] via 192.0.2.10",
            ])
        #expect(scene.endsRIB("a", .ipv4, .ipv6) == [])
        #expect(
            scene.says("a", .routeRefresh(RouteRefresh(afi: 1, safi: 1))) == [], "a refresh waits for End-of-RIB")
        #expect(
            scene.up("node").suffix(2) == ["to node: End-of-RIB ipv4", "to node: End-of-RIB ipv6"],
            "who is told our own prefixes only has them all")
        #expect(
            scene.up(
                "b",
                [
                    .multiprotocol(.ipv4), .fourOctetAS(asn(65002)), Self.restart(.ipv4, restarted: true),
                ]
            ).last == "to b: +10.9.0.0/24 [64601] via 192.0.2.10")
        #expect(!scene.hasHeardAll)
        #expect(scene.endsRIB("node", .ipv4, .ipv6) == [])
        #expect(scene.hasHeardAll && !scene.isConverged, "who has restarted, too, may wait for us")
        #expect(
            scene.announces("b", ["10.2.0.0/24"]) == [
                "kernel: +10.2.0.0/24 via 192.0.2.2", "to a: +10.2.0.0/24 [64601 65002] via 192.0.2.10",
            ])
        #expect(
            scene.defers(false) == [
                "to a: End-of-RIB ipv4", "to a: End-of-RIB ipv6", "to b: End-of-RIB ipv4",
                "to a: ROUTE-REFRESH ipv4-unicast begin", "to a: +10.9.0.0/24 [64601] via 192.0.2.10",
                "to a: +10.2.0.0/24 [64601 65002] via 192.0.2.10", "to a: ROUTE-REFRESH ipv4-unicast end",
            ])
    }

    @Test func `a long outage (RFC 9494)`() {
        let longLived = Capability.longLivedGracefulRestart(
            LongLivedGracefulRestart(
                families: AddressFamily.allCases.map {
                    .init(afi: $0.afi, safi: 1, forwardingPreserved: true, staleTime: $0 == .ipv4 ? 300 : 100)
                }))
        let scene = Scene()
        func patient(_ configuration: inout PeerConfiguration, _ peer: inout SpeakerPeer) {
            configuration.gracefulRestart = .init()
            configuration.longLivedStaleTime = .zero
        }
        scene.add("tor", as: 65001, [Self.restart(), longLived], patient)
        scene.add("knows", as: 65002, [Self.restart(), longLived], patient)
        scene.add("other", as: 65003)
        #expect(
            scene.up("tor") == [
                "to tor: OPEN", "to tor: KEEPALIVE", "tor is up: ipv4+ipv6, graceful restart, N bit, long-lived",
                "to tor: End-of-RIB ipv4", "to tor: End-of-RIB ipv6",
            ])
        _ = scene.up("knows")
        _ = scene.up("other")
        #expect(
            scene.announces("tor", ["10.1.0.0/24"]) == [
                "kernel: +10.1.0.0/24 via 192.0.2.1", "to knows: +10.1.0.0/24 [64601 65001] via 192.0.2.10",
                "to other: +10.1.0.0/24 [64601 65001] via 192.0.2.10",
            ])
        #expect(
            scene.announces("tor", ["fd00:1::/64"]) == [
                "kernel: +fd00:1::/64 via 2001:db8::1", "to knows: +fd00:1::/64 [64601 65001] via 2001:db8::10",
                "to other: +fd00:1::/64 [64601 65001] via 2001:db8::10",
            ])
        #expect(scene.loses("tor") == ["tor is down: connection reset by peer, routes are kept"])
        #expect(
            scene.wait(until: 60) == [
                "kernel: +10.1.0.0/24 via 192.0.2.1", "kernel: +fd00:1::/64 via 2001:db8::1",
                "to knows: +10.1.0.0/24 [64601 65001] via 192.0.2.10 llgr-stale",
                "to knows: +fd00:1::/64 [64601 65001] via 2001:db8::10 llgr-stale", "to other: -10.1.0.0/24",
                "to other: -fd00:1::/64",
            ])
        #expect(scene.wait(until: 160) == ["kernel: -fd00:1::/64", "to knows: -fd00:1::/64"])
        #expect(
            scene.up("tor") == [
                "to tor: OPEN, forwarding of ipv4+ipv6 kept", "to tor: KEEPALIVE",
                "tor is up: ipv4+ipv6, graceful restart, N bit, long-lived",
                "to tor: End-of-RIB ipv4", "to tor: End-of-RIB ipv6",
            ])
        #expect(scene.loses("tor") == ["tor is down: connection reset by peer, routes are kept"])
        #expect(scene.wait(until: 360) == ["kernel: -10.1.0.0/24", "to knows: -10.1.0.0/24"])
    }
}
