import FIB
import NetTypes
import Testing

@testable import BFD
@testable import NodeAgent

/// What BFD's changes mean for the kernel's next hops (RFC 5882).
@Suite struct PathWatchTests {
    private final class Scene {
        let dead = DeadGateways()
        let seen = Log<Set<DeadGateway>>()
        let steps = Log<BFDChange>()
        let gateway: DeadGateway
        let watch: PathWatch

        init() throws {
            gateway = DeadGateway(address: try #require(IPAddress("192.0.2.1")))
            watch = PathWatch(peer: "tor", gateway: gateway, dead: dead, onStep: { [steps] in steps.append($0) })
            dead.onForwardingChange { [seen] in seen.append($0) }
        }
    }

    private func change(
        _ from: BFDState, _ to: BFDState, _ event: BFDEvent, isIndependent: Bool = false
    ) -> BFDChange {
        BFDChange(from: from, to: to, event: event, peerDiagnostic: .none, peerIsIndependent: isIndependent)
    }

    @Test func `a dead path is out of the kernel until BFD is Up again`() throws {
        let scene = try Scene()
        scene.watch.changed(change(.initial, .up, .peerUp))
        scene.watch.changed(change(.up, .down, .detectionTimeExpired))
        scene.watch.changed(change(.down, .initial, .peerDown))
        scene.watch.changed(change(.initial, .up, .peerUp))
        #expect(scene.seen.all == [[scene.gateway], []])
        #expect(scene.steps.all.count == 4)
    }

    @Test func `a peer that switches BFD off, and one that was never heard, lose nothing`() throws {
        let scene = try Scene()
        scene.watch.changed(change(.up, .down, .peerAdminDown))
        scene.watch.changed(change(.initial, .down, .detectionTimeExpired))
        #expect(scene.seen.all.isEmpty)
    }

    @Test func `BGP that found a way, or BFD that is no more, brings the next hop back`() throws {
        let scene = try Scene()
        scene.watch.changed(change(.up, .down, .peerDown))
        scene.watch.sessionIsUp()
        scene.watch.changed(change(.up, .down, .peerDown))
        scene.watch.clear()
        #expect(scene.seen.all == [[scene.gateway], [], [scene.gateway], []])
    }

    @Test func `a restart excuses BFD that goes with the routing process, and no other`() throws {
        let scene = try Scene()
        scene.watch.sessionIsLost(keepsRoutes: true)
        scene.watch.changed(change(.up, .down, .detectionTimeExpired))
        #expect(scene.seen.all.isEmpty)
        scene.watch.changed(change(.up, .down, .detectionTimeExpired, isIndependent: true))
        #expect(scene.seen.all == [[scene.gateway]])
        scene.watch.sessionIsUp()
        scene.watch.sessionIsLost(keepsRoutes: false)
        scene.watch.changed(change(.up, .down, .detectionTimeExpired))
        #expect(scene.seen.all == [[scene.gateway], [], [scene.gateway]])
    }

    @Test func `several peers are told together`() throws {
        let scene = try Scene()
        let other = DeadGateway(address: try #require(IPAddress("fe80::1")), interface: "eth1")
        scene.dead.set(other, for: "tor-2")
        scene.watch.changed(change(.up, .down, .peerDown))
        scene.dead.set(nil, for: "tor-2")
        #expect(scene.seen.all == [[other], [other, scene.gateway], [scene.gateway]])
    }
}

@Suite struct `BFD between agents` {
    private static let bfd = ", bfd: {interval: 50ms, multiplier: 5}"

    private func state(_ agent: Agent, _ peer: String) async -> BFDSessionDocumentState {
        let sessions = await ControlAnswers(agent: agent).bfd().sessions
        return sessions.first { $0.peer == peer }.map { .some("\($0.state)") } ?? .none
    }

    private enum BFDSessionDocumentState: Equatable {
        case none
        case some(String)
    }

    @Test func `comes up beside BGP, and its end by order is no failure`() async throws {
        try await AgentHarness.run { rack in
            let first = try await rack.start(rack.configuration(1, peers: [rack.peer(2, of: 1, more: Self.bfd)]))
            let second = try await rack.start(rack.configuration(2, peers: [rack.peer(1, of: 2, more: Self.bfd)]))
            #expect(await eventually { await first.session("host-2").isUntouched })
            #expect(await eventually { await state(first, "host-2") == .some("up") })
            #expect(await eventually { await state(second, "host-1") == .some("up") })
            let metrics = await ControlAnswers(agent: first).metrics()
            #expect(metrics.contains("martlet_bfd_session_up{peer=\"host-2\"} 1"))

            await second.reload(try rack.configuration(2, peers: [rack.peer(1, of: 2)]))
            #expect(await eventually { await state(first, "host-2") == .some("down") })
            #expect(await state(second, "host-1") == .none)
            #expect(rack.log.all.contains { $0.contains("BFD is Down") && $0.contains("AdminDown") })
            #expect(await first.session("host-2").isUntouched)

            await second.reload(try rack.configuration(2, peers: [rack.peer(1, of: 2, more: Self.bfd)]))
            #expect(await eventually { await state(first, "host-2") == .some("up") })
            #expect(await first.session("host-2").isUntouched)
            #expect(await second.session("host-1").isUntouched)
        }
    }
}
