import BGPWire
import NetTypes
import Testing

@testable import BGPSession

/// Whole sessions, event by event, with the actions of each.
@Suite struct ScenarioTests {
    @Test func `an outgoing session comes up, carries routes and is shut down by the peer`() {
        var rig = Rig()
        #expect(rig.start() == ["connect #1", "Idle -> Connect"])
        #expect(rig.connected(1) == ["send #1 OPEN", "Connect -> OpenSent"])
        #expect(rig.received(.open(.test()), on: 1) == ["send #1 KEEPALIVE", "OpenSent -> OpenConfirm"])
        #expect(rig.received(.keepalive, on: 1) == ["established #1", "OpenConfirm -> Established"])
        #expect(rig.received(update, on: 1) == ["deliver #1"])
        #expect(rig.received(.routeRefresh(RouteRefresh(afi: 2, safi: 1)), on: 1) == ["refresh ipv6"])
        let shutdown = Message.notification(NotificationMessage(6, 2, [5] + Array("spine".utf8)))
        #expect(rig.received(shutdown, on: 1) == ["close #1", "down notificationReceived", "Established -> Active"])
        #expect(rig.status.lastError?.direction == .received)
        let text = "NOTIFICATION 6.2 (Cease / Administrative Shutdown: \"spine\") received"
        #expect(rig.status.lastError?.text == text)
        #expect(rig.status.flaps == 1)
    }

    @Test func `an incoming session comes up beside a refused call of ours`() {
        var rig = Rig()
        _ = rig.start()
        #expect(rig.refused(1) == ["Connect -> Active"])
        #expect(rig.status.lastError?.text == "connection refused")
        #expect(rig.accepted() == ["send #2 OPEN", "Active -> OpenSent"])
        #expect(rig.received(.open(.test()), on: 2) == ["send #2 KEEPALIVE", "OpenSent -> OpenConfirm"])
        #expect(rig.received(.keepalive, on: 2) == ["established #2", "OpenConfirm -> Established"])
        #expect(rig.status.establishedCount == 1)
    }

    @Test func `a refused or silent connection is tried again within five seconds, for ever`() {
        var rig = Rig()
        _ = rig.start()
        for attempt in UInt32(1)...20 {
            if attempt.isMultiple(of: 2) { _ = rig.refused(attempt) }
            let (moved, actions) = rig.next()
            #expect((Duration.seconds(3.75)...Duration.seconds(5)).contains(moved))
            #expect(actions.contains("connect #\(attempt + 1)"))
            #expect(actions.contains("close #\(attempt)") == !attempt.isMultiple(of: 2))
        }
    }

    @Test func `a passive peer never connects`() {
        var rig = Rig(.test(passive: true))
        #expect(rig.start() == ["Idle -> Active"])
        #expect(rig.peer.nextDeadline == nil)
        #expect(rig.accepted() == ["send #1 OPEN", "Active -> OpenSent"])
        #expect(rig.closed(1) == ["OpenSent -> Active"])
        #expect(rig.peer.nextDeadline == nil)
        _ = rig.accepted()
        #expect(rig.received(.open(.test(autonomousSystem: 65002)), on: 2).last == "OpenSent -> Idle")
        #expect(rig.next().1 == ["Idle -> Active"])
        #expect(rig.peer.nextDeadline == nil)
    }

    @Test func `a peer that falls silent is told so after the hold time`() {
        var rig = Rig(.test(holdTime: .seconds(9)))
        rig.establish()
        #expect(rig.status.negotiated?.holdTime == .seconds(9))
        rig.wait(.seconds(8))
        #expect(rig.received(.keepalive, on: 1) == [])
        rig.wait(.milliseconds(8999))
        #expect(rig.tick() == ["send #1 KEEPALIVE"])
        rig.wait(.milliseconds(1))
        #expect(rig.tick() == ["send #1 4.0", "close #1", "down holdTimerExpired", "Established -> Active"])
        #expect(rig.status.lastError?.text.hasSuffix("nothing heard for 9 s") == true)
    }

    @Test func `every UPDATE restarts the hold timer, on the fast path too`() {
        var rig = Rig(.test(holdTime: .seconds(9)))
        rig.establish()
        rig.wait(.seconds(8))
        let isFast = rig.peer.receivedUpdate(on: ConnectionID(rawValue: 1), at: rig.now)
        #expect(isFast)
        #expect(rig.status.holdRemaining == .seconds(9))
        #expect(rig.status.received.update == 1)
        let isKnown = rig.peer.receivedUpdate(on: ConnectionID(rawValue: 7), at: rig.now)
        #expect(!isKnown)
    }

    @Test func `a hold timer that expires over unread input gives ten more seconds`() {
        var rig = Rig(.test(holdTime: .seconds(3)))
        rig.establish()
        rig.wait(.seconds(3))
        #expect(rig.tick(unreadInput: true) == ["send #1 KEEPALIVE"])
        #expect(rig.status.holdRemaining == .seconds(10))
        rig.wait(.seconds(10))
        #expect(rig.tick(unreadInput: false).contains("down holdTimerExpired"))
    }

    @Test func `keepalives go out at a third of the hold time, less up to a quarter`() {
        var rig = Rig()
        rig.establish()
        for _ in 0..<50 {
            let (moved, actions) = rig.next()
            #expect((Duration.seconds(22.5)...Duration.seconds(30)).contains(moved))
            #expect(actions == ["send #1 KEEPALIVE"])
            _ = rig.received(.keepalive, on: 1)
        }
    }

    @Test func `an UPDATE in OpenConfirm stands for the KEEPALIVE it overtook`() {
        var rig = Rig()
        _ = rig.start()
        _ = rig.connected(1)
        _ = rig.received(.open(.test()), on: 1)
        let isFast = rig.peer.receivedUpdate(on: ConnectionID(rawValue: 1), at: rig.now)
        #expect(!isFast)
        #expect(rig.received(update, on: 1) == ["established #1", "deliver #1", "OpenConfirm -> Established"])
        #expect(rig.received(.keepalive, on: 1) == [])
    }

    @Test func `a lost session keeps its routes only when both sides offered graceful restart`() {
        var rig = Rig(.test(gracefulRestart: .init()))
        rig.establish(.restarting())
        #expect(rig.closed(1) == ["down tcpClosed, keeps routes", "Established -> Active"])
        rig = Rig(.test(gracefulRestart: .init()))
        rig.establish()
        #expect(rig.closed(1) == ["down tcpClosed", "Established -> Active"])
        rig = Rig()
        rig.establish(.restarting())
        #expect(rig.closed(1) == ["down tcpClosed", "Established -> Active"])
        rig = Rig(.test(gracefulRestart: .init()))
        rig.establish(.restarting())
        #expect(rig.received(.notification(NotificationMessage(6, 4)), on: 1).contains("down notificationReceived"))
    }

    @Test func `a peer that restarted without a word takes its session over`() {
        var rig = Rig(.test(gracefulRestart: .init()))
        rig.establish(.restarting())
        #expect(rig.accepted() == ["send #2 OPEN"])
        #expect(rig.received(.open(.restarting()), on: 2) == ["send #2 KEEPALIVE"])
        #expect(rig.status.uptime != nil)
        #expect(
            rig.received(.keepalive, on: 2) == ["close #1", "down replaced, keeps routes", "established #2"])
        #expect(rig.peer.session == ConnectionID(rawValue: 2))
        #expect(rig.received(update, on: 1) == [])
    }

    @Test func `a second connection that is no restart leaves the session alone`() {
        var rig = Rig(.test(gracefulRestart: .init()))
        rig.establish(.restarting())
        _ = rig.accepted()
        #expect(rig.received(.open(.test(autonomousSystem: 65009)), on: 2) == ["send #2 2.2 0000fdf1", "close #2"])
        _ = rig.accepted()
        #expect(rig.accepted() == ["send #3 6.7", "close #3", "send #4 OPEN"])
        #expect(rig.closed(4) == [])
        #expect(rig.received(update, on: 1) == ["deliver #1"])
        rig = Rig()
        rig.establish()
        #expect(rig.accepted() == ["send #2 6.7", "close #2"])
        #expect(rig.received(update, on: 1) == ["deliver #1"])
    }

    @Test func `route refresh is asked only from a session that can`() {
        var rig = Rig()
        #expect(rig.peer.requestRefresh(.ipv4) == [])
        rig.establish()
        #expect(lines(rig.peer.requestRefresh(.ipv4)) == ["send #1 ROUTE-REFRESH"])
        rig = Rig()
        rig.establish(.test(capabilities: []))
        #expect(rig.peer.requestRefresh(.ipv4) == [])
    }

    @Test func `refresh of a foreign family or with an unknown subtype is ignored`() {
        var rig = Rig(.test(families: .ipv4))
        rig.establish()
        for request in [
            RouteRefresh(afi: 2, safi: 1), RouteRefresh(afi: 1, safi: 128), RouteRefresh(afi: 99, safi: 1),
            RouteRefresh(afi: 1, subtype: 9, safi: 1),
        ] {
            #expect(rig.received(.routeRefresh(request), on: 1) == [])
        }
        #expect(rig.status.received.routeRefresh == 4)
    }

    @Test func `messages are counted both ways`() {
        var rig = Rig()
        rig.establish()
        rig.peer.countSentUpdates(3)
        rig.peer.countSentUpdates(-1)
        _ = rig.received(update, on: 1)
        #expect(rig.status.sent.open == 1 && rig.status.sent.keepalive == 1 && rig.status.sent.update == 3)
        #expect(rig.status.received.total == 3)
    }

    @Test func `each change of state says why`() {
        var rig = Rig()
        var reasons: [String] = []
        func note(_ actions: [PeerAction]) {
            for case .stateChanged(_, _, let reason) in actions { reasons.append(reason) }
        }
        let first = ConnectionID(rawValue: 1)
        note(rig.peer.start(at: rig.now))
        note(rig.peer.accepted(at: rig.now).1)
        note(rig.peer.received(.open(.test()), on: ConnectionID(rawValue: 2), at: rig.now))
        note(rig.peer.received(.keepalive, on: ConnectionID(rawValue: 2), at: rig.now))
        note(rig.peer.closed(ConnectionID(rawValue: 2), reason: "connection reset by peer", at: rig.now))
        note(rig.peer.stop(nil, at: rig.now))
        note(rig.peer.received(.keepalive, on: first, at: rig.now))
        #expect(
            reasons == [
                "started", "the peer has connected", "OPEN received", "KEEPALIVE received", "connection reset by peer",
                "stopped",
            ])
    }
}
