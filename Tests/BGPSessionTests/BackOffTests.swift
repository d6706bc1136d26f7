import BGPWire
import NetTypes
import Testing

@testable import BGPSession

/// How soon a peer is tried again after each kind of end.
@Suite struct BackOffTests {
    /// Fails the next attempt with a wrong AS and returns how long the peer stays Idle for it.
    private func fail(_ rig: inout Rig, on id: UInt32) -> Duration {
        _ = rig.connected(id)
        #expect(rig.received(.open(.test(autonomousSystem: 65002)), on: id).last == "OpenSent -> Idle")
        return rig.next().0
    }

    @Test func `a misconfiguration is tried after 1, 2, 4 ... 60 seconds`() {
        var rig = Rig()
        _ = rig.start()
        let waits = (UInt32(1)...9).map { fail(&rig, on: $0) }
        #expect(waits == [1, 2, 4, 8, 16, 32, 60, 60, 60].map { Duration.seconds($0) })
    }

    @Test func `a session of a minute resets the back-off, a shorter one does not`() {
        for (uptime, wait) in [(Duration.seconds(60), Duration.seconds(1)), (.seconds(59), .seconds(8))] {
            var rig = Rig(.test(holdTime: .zero))
            _ = rig.start()
            for id in UInt32(1)...3 { _ = fail(&rig, on: id) }
            _ = rig.connected(4)
            _ = rig.received(.open(.test()), on: 4)
            _ = rig.received(.keepalive, on: 4)
            rig.wait(uptime)
            let actions = rig.malformed(NotificationMessage(3, 1), on: 4)
            #expect(actions == ["send #4 3.1", "close #4", "down notificationSent", "Established -> Idle"])
            #expect(rig.next().0 == wait)
        }
    }

    @Test func `a local restart begins at once and from the shortest back-off`() {
        var rig = Rig()
        _ = rig.start()
        for id in UInt32(1)...5 { _ = fail(&rig, on: id) }
        _ = rig.stop(NotificationMessage(6, 4))
        #expect(rig.start() == ["connect #7", "Idle -> Connect"])
        #expect(fail(&rig, on: 7) == .seconds(1))
    }

    @Test func `calls during the back-off are closed without a word`() {
        var rig = Rig()
        _ = rig.start()
        _ = rig.connected(1)
        _ = rig.received(.open(.test(autonomousSystem: 65002)), on: 1)
        #expect(rig.accepted() == ["close #2"])
        #expect(rig.status.retryRemaining == .seconds(1))
        #expect(rig.next().1 == ["connect #3", "Idle -> Connect"])
    }

    @Test func `a peer that is reset, shut down or busy may call back at once`() {
        for subcode in UInt8(2)...7 {
            var rig = Rig()
            rig.establish()
            let actions = rig.received(.notification(NotificationMessage(6, subcode)), on: 1)
            #expect(actions == ["close #1", "down notificationReceived", "Established -> Active"])
            #expect(rig.accepted() == ["send #2 OPEN", "Active -> OpenSent"])
        }
        for subcode in [UInt8(1), 8, 9] {
            var rig = Rig()
            rig.establish()
            #expect(rig.received(.notification(NotificationMessage(6, subcode)), on: 1).last == "Established -> Idle")
        }
    }
}
