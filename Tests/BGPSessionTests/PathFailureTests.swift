import BGPWire
import NetTypes
import Testing

@testable import BGPSession

/// What BGP does when BFD says that the path is dead (RFC 5882, RFC 9384).
@Suite struct PathFailureTests {
    private func rig(notification: Bool) -> Rig {
        var rig = Rig(.test(gracefulRestart: .init()))
        rig.establish(.restarting(notification: notification))
        return rig
    }

    @Test(arguments: [false, true])
    func `the end of the path ends the session with Cease / BFD Down, and keeps nothing`(notification: Bool) {
        var rig = rig(notification: notification)
        let lines = lines(rig.peer.pathFailed(because: "nothing was received", at: rig.now))
        #expect(lines.contains("down pathFailed"))
        #expect(lines.first == (notification ? "send #1 6.9 060a" : "send #1 6.10"))
        #expect(rig.status.lastError?.text == "BFD is down: nothing was received")
        #expect(rig.status.state == .active, "it is tried again without back-off")
        #expect(rig.status.flaps == 1)
    }

    @Test func `without a connection there is nothing to end`() {
        var rig = Rig()
        #expect(rig.peer.pathFailed(because: "nothing was received", at: rig.now).isEmpty)
        #expect(rig.status.state == .idle)
    }

    @Test func `a peer that says BFD Down is not restarting`() {
        var rig = rig(notification: true)
        let lines = rig.received(.notification(.cease(.bfdDown)), on: 1)
        #expect(lines.contains("down notificationReceived"))
    }
}
