import BGPWire
import NetTypes
import Testing

@testable import BGPSession

/// RFC 8538: a NOTIFICATION is no longer the end of the routes, unless it is a hard reset.
@Suite struct GracefulNotificationTests {
    private func rig(_ open: Open = .restarting(notification: true), holdTime: Duration = .seconds(90)) -> Rig {
        var rig = Rig(.test(holdTime: holdTime, gracefulRestart: .init()))
        rig.establish(open)
        return rig
    }

    @Test func `the N bit is offered with graceful restart`() {
        let configuration = PeerConfiguration.test(gracefulRestart: .init())
        var bits: [Bool] = []
        for case .gracefulRestart(let capability) in configuration.open(RestartState()).capabilities {
            bits.append(capability.notification)
        }
        #expect(bits == [true])
    }

    @Test func `a NOTIFICATION keeps the routes exactly when both sides have the N bit`() {
        for notification in [NotificationMessage(6, 4), NotificationMessage(6, 2), NotificationMessage(3, 1)] {
            var both = rig()
            #expect(
                both.received(.notification(notification), on: 1).contains("down notificationReceived, keeps routes"))
            var one = rig(.restarting())
            #expect(one.received(.notification(notification), on: 1).contains("down notificationReceived"))
        }
    }

    @Test func `a hard reset keeps nothing, and its reason is shown`() {
        var rig = rig()
        let inner = NotificationMessage.cease(.administrativeShutdown, text: "rack move")
        #expect(rig.received(.notification(.hardReset(inner)), on: 1).contains("down notificationReceived"))
        #expect(rig.status.lastError?.text.contains("Administrative Shutdown: \"rack move\"") == true)
        #expect(rig.status.state == .active, "a shutdown needs no back-off")
    }

    @Test func `a hard reset is judged by what stands in it`() {
        #expect(NotificationMessage.hardReset(.cease(.administrativeReset)).isTransient)
        #expect(!NotificationMessage(6, 9).isTransient)
        #expect(!NotificationMessage.hardReset(.cease(.maximumPrefixes)).isTransient)
        #expect(!NotificationMessage.hardReset(.hardReset(.cease(.administrativeReset))).isTransient)
    }

    @Test func `silence and our own NOTIFICATION keep the routes too`() {
        var silent = rig(holdTime: .seconds(9))
        silent.wait(.seconds(9))
        #expect(silent.tick().contains("down holdTimerExpired, keeps routes"))
        var malformed = rig()
        #expect(
            malformed.malformed(NotificationMessage(3, 1), on: 1).starts(with: [
                "send #1 3.1", "close #1", "down notificationSent, keeps routes",
            ]))
        var plain = rig(.restarting(), holdTime: .seconds(9))
        plain.wait(.seconds(9))
        #expect(plain.tick().contains("down holdTimerExpired"))
    }

    @Test(arguments: [
        (NotificationMessage.CeaseSubcode.maximumPrefixes, true), (.administrativeShutdown, true),
        (.peerDeconfigured, true), (.administrativeReset, true), (.bfdDown, true), (.connectionRejected, false),
        (.configurationChange, false), (.collisionResolution, false), (.outOfResources, false), (.hardReset, false),
    ])
    func `a Cease that means the end is sent as a hard reset`(subcode: NotificationMessage.CeaseSubcode, isHard: Bool) {
        let number = String(subcode.rawValue, radix: 16)
        var both = rig()
        let soft = "send #1 6.\(subcode.rawValue)"
        #expect(both.stop(.cease(subcode)).first == (isHard ? "send #1 6.9 060\(number)" : soft))
        var plain = rig(.restarting())
        #expect(plain.stop(.cease(subcode)).first == soft)
    }

    @Test func `the text of a shutdown travels in the hard reset`() {
        var rig = rig()
        let sent = rig.peer.stop(.cease(.administrativeShutdown, text: "drain"), at: rig.now)
        guard case .send(_, .notification(let notification)) = sent.first else {
            Issue.record("no NOTIFICATION in \(sent)")
            return
        }
        #expect(notification.hardResetReason?.shutdownCommunication == "drain")
    }

    @Test func `after a lost session the OPEN says that forwarding was preserved`() {
        func preserved(_ actions: [PeerAction]) -> [Bool] {
            guard case .send(_, .open(let open)) = actions.first else { return [] }
            for case .gracefulRestart(let capability) in open.capabilities {
                #expect(!capability.restarted)
                return capability.families.map(\.forwardingPreserved)
            }
            return []
        }
        var rig = Rig(.test(gracefulRestart: .init()))
        _ = rig.start()
        #expect(preserved(rig.peer.connected(ConnectionID(rawValue: 1), at: rig.now)) == [false, false])
        _ = rig.received(.open(.restarting(notification: true)), on: 1)
        _ = rig.received(.keepalive, on: 1)
        _ = rig.received(.notification(NotificationMessage(6, 4)), on: 1)
        #expect(preserved(rig.peer.accepted(at: rig.now).1) == [true, true])
    }
}
