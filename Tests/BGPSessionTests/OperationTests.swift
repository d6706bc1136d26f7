import BGPWire
import NetTypes
import Testing

@testable import BGPSession

/// What an operator and the network do to a session.
@Suite struct OperationTests {
    private let goodbye = NotificationMessage.cease(.administrativeShutdown, text: "rack move")

    @Test func `what the peer said is not hidden by attempts that fail afterwards`() {
        var rig = Rig()
        rig.establish()
        _ = rig.received(.notification(goodbye), on: 1)
        let said = rig.status.lastNotification
        #expect(said?.direction == .received && said?.text.contains("rack move") == true)
        for _ in 0..<3 {
            _ = rig.next()
            let id = rig.peer.connections.first?.id.rawValue ?? 0
            _ = rig.refused(id)
        }
        #expect(rig.status.lastError?.text == "connection refused")
        #expect(rig.status.lastNotification == said)
    }

    @Test func `what we said is kept too, and a lost connection says nothing`() {
        var rig = Rig()
        rig.establish()
        _ = rig.closed(1)
        #expect(rig.status.lastError != nil && rig.status.lastNotification == nil)
        rig = Rig()
        rig.establish()
        _ = rig.stop(goodbye)
        #expect(rig.status.lastNotification?.direction == .sent)
        #expect(rig.status.lastNotification?.notification == goodbye)
    }

    @Test func `a reset ends the session and opens the next one after a second`() {
        var rig = Rig()
        rig.establish()
        let actions = lines(rig.peer.reset(.cease(.administrativeReset), at: rig.now))
        #expect(actions == ["send #1 6.4", "close #1", "down administrative", "Established -> Active"])
        let (moved, next) = rig.next()
        #expect(moved == .seconds(1))
        #expect(next.first == "connect #2")
    }

    @Test func `a reset ends a back-off, and does not open what is stopped`() {
        var rig = Rig()
        rig.establish()
        _ = rig.malformed(NotificationMessage(3, 1), on: 1)
        _ = rig.peer.reset(.cease(.administrativeReset), at: rig.now)
        #expect(rig.accepted().contains("send #2 OPEN"))
        var stopped = Rig()
        #expect(stopped.peer.reset(.cease(.administrativeReset), at: stopped.now).isEmpty)
        #expect(stopped.peer.nextDeadline == nil)
    }

    @Test func `a link that comes up ends the wait for the next attempt`() {
        var rig = Rig()
        _ = rig.start()
        _ = rig.refused(1)
        #expect(lines(rig.peer.linkCameUp(at: rig.now)).first == "connect #2")
        // The attempt that began on the dead link is given up.
        #expect(lines(rig.peer.linkCameUp(at: rig.now)).prefix(2) == ["close #2", "connect #3"])
        _ = rig.connected(3)
        #expect(rig.peer.linkCameUp(at: rig.now).isEmpty, "a connection that is up goes on")
    }

    @Test func `a link that comes up does not end a back-off, nor makes a passive peer call`() {
        var rig = Rig()
        rig.establish()
        _ = rig.malformed(NotificationMessage(3, 1), on: 1)
        #expect(rig.peer.linkCameUp(at: rig.now).isEmpty)
        var passive = Rig(.test(passive: true))
        _ = passive.start()
        #expect(passive.peer.linkCameUp(at: passive.now).isEmpty)
    }

    @Test func `long-lived restart is offered beside graceful restart only, with a time that fits`() {
        func offered(_ time: Duration?, graceful: Bool = true) -> LongLivedGracefulRestart? {
            var configuration = PeerConfiguration.test(gracefulRestart: graceful ? .init() : nil)
            configuration.longLivedStaleTime = time
            let state = RestartState(restarted: true, forwardingPreserved: .ipv4)
            for case .longLivedGracefulRestart(let found) in configuration.open(state).capabilities { return found }
            return nil
        }
        #expect(offered(nil) == nil)
        #expect(offered(.seconds(600), graceful: false) == nil)
        #expect(offered(.seconds(600))?.families.map(\.staleTime) == [600, 600])
        #expect(offered(.seconds(600))?.families.map(\.forwardingPreserved) == [true, false])
        #expect(offered(.seconds(1 << 30))?.families.map(\.staleTime) == [0xff_ffff, 0xff_ffff])
        #expect(offered(.zero)?.families.map(\.staleTime) == [0, 0])
    }

    @Test func `long-lived restart counts when both sides offer it, and graceful restart`() {
        let theirs = LongLivedGracefulRestart(
            families: [.init(afi: 1, safi: 1, forwardingPreserved: true, staleTime: 600)])
        func negotiated(_ time: Duration?, _ open: Open) -> LongLivedGracefulRestart? {
            var configuration = PeerConfiguration.test(gracefulRestart: .init())
            configuration.longLivedStaleTime = time
            var rig = Rig(configuration)
            var open = open
            open.capabilities.append(.longLivedGracefulRestart(theirs))
            rig.establish(open)
            return rig.status.negotiated?.peerLongLived
        }
        #expect(negotiated(.seconds(60), .restarting()) == theirs)
        #expect(negotiated(nil, .restarting()) == nil)
        #expect(negotiated(.seconds(60), .test()) == nil)
    }
}
