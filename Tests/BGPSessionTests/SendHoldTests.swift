import BGPWire
import NetTypes
import Testing

@testable import BGPSession

/// RFC 9687: a peer that takes none of our octets.
@Suite struct SendHoldTests {
    /// Time passes as on a peer that speaks but does not read: KEEPALIVEs come in, nothing goes out.
    private func deaf(_ rig: inout Rig, for time: Duration) -> [String] {
        let end = rig.now + time
        var actions: [String] = []
        while rig.now < end, rig.status.state == .established {
            rig.wait(min(.seconds(1), end - rig.now))
            _ = rig.received(.keepalive, on: 1)
            actions += rig.tick(reads: false).filter { $0 != "send #1 KEEPALIVE" }
        }
        return actions
    }

    @Test func `a session is given up without NOTIFICATION when the peer takes nothing for eight minutes`() {
        var rig = Rig()
        rig.establish()
        #expect(deaf(&rig, for: .seconds(479)) == [])
        #expect(deaf(&rig, for: .seconds(1)) == ["close #1", "down sendHoldTimerExpired", "Established -> Active"])
        #expect(rig.status.lastError?.notification == .sendHoldTimerExpired)
        #expect(rig.status.lastError?.direction == .local)
        #expect(rig.status.lastError?.text == "send hold timer expired: the peer took nothing for 480 s")
        #expect(rig.next().1.contains("connect #2"), "it is tried again at the pace of ConnectRetry")
    }

    @Test func `a long hold time makes it twice the hold time`() {
        var rig = Rig(.test(holdTime: .seconds(300)))
        rig.establish(.test(holdTime: 300))
        #expect(deaf(&rig, for: .seconds(599)) == [])
        #expect(deaf(&rig, for: .seconds(1)).contains("down sendHoldTimerExpired"))
    }

    @Test func `progress of any kind starts the time anew`() {
        var rig = Rig()
        rig.establish()
        for _ in 0..<5 {
            #expect(deaf(&rig, for: .seconds(479)) == [])
            rig.peer.sendProgress(on: ConnectionID(rawValue: 1), at: rig.now)
        }
        rig.peer.sendProgress(on: ConnectionID(rawValue: 99), at: rig.now + .seconds(1000))
        #expect(deaf(&rig, for: .seconds(479)) == [])
        #expect(deaf(&rig, for: .seconds(1)).contains("down sendHoldTimerExpired"))
    }

    @Test func `the time is the configured one, longer than the hold time, or none`() {
        let cases: [(Duration?, Duration)] = [
            (.seconds(120), .seconds(120)), (.seconds(10), .seconds(91)), (.seconds(1000), .seconds(1000)),
        ]
        for (configured, expected) in cases {
            var rig = Rig(.test(sendHoldTime: configured))
            rig.establish()
            #expect(deaf(&rig, for: expected - .seconds(1)) == [])
            #expect(deaf(&rig, for: .seconds(1)).contains("down sendHoldTimerExpired"))
        }
        var rig = Rig(.test(sendHoldTime: .zero))
        rig.establish()
        #expect(deaf(&rig, for: .seconds(5000)) == [])
    }

    @Test func `without a hold time, and before Established, it does not run`() {
        var rig = Rig(.test(holdTime: .zero))
        rig.establish()
        rig.peer.sendProgress(on: ConnectionID(rawValue: 1), at: rig.now)
        #expect(rig.peer.nextDeadline == nil)
        rig = Rig()
        _ = rig.start()
        _ = rig.connected(1)
        rig.peer.sendProgress(on: ConnectionID(rawValue: 1), at: rig.now)
        #expect(rig.peer.connections.map { $0.timers.deadline(.sendHold) } == [nil])
    }
}
