import BGPWire
import NetTypes
import Testing

@testable import BGPSession

/// RFC 4271 section 6.8 from each side. We are 10.0.0.1; #1 is ours, #2 the peer's.
@Suite struct CollisionTests {
    private let higher = Open.test(routerID: 0x0a00_0002)
    private let lower = Open.test(routerID: 0x0a00_0000)

    private func bothOpenSent(_ configuration: PeerConfiguration = .test()) -> Rig {
        var rig = Rig(configuration)
        _ = rig.start()
        _ = rig.connected(1)
        #expect(rig.accepted() == ["send #2 OPEN"])
        return rig
    }

    @Test func `the call of the side with the higher identifier lives, whichever OPEN comes first`() {
        for (open, winner, loser) in [(higher, UInt32(2), UInt32(1)), (lower, 1, 2)] {
            var rig = bothOpenSent()
            #expect(rig.received(.open(open), on: winner) == ["send #\(winner) KEEPALIVE", "OpenSent -> OpenConfirm"])
            #expect(rig.received(.open(open), on: loser) == ["send #\(loser) 6.7", "close #\(loser)"])
            #expect(rig.received(.keepalive, on: winner).contains("established #\(winner)"))
            rig = bothOpenSent()
            #expect(rig.received(.open(open), on: loser) == ["OpenSent -> OpenConfirm"], "KEEPALIVE waits")
            let actions = rig.received(.open(open), on: winner)
            #expect(actions == ["send #\(loser) 6.7", "close #\(loser)", "send #\(winner) KEEPALIVE"])
            #expect(rig.received(.keepalive, on: winner).contains("established #\(winner)"))
        }
    }

    @Test func `identifiers compare as unsigned numbers`() {
        var rig = bothOpenSent(.test(routerID: 0x7f00_0001))
        _ = rig.received(.open(.test(routerID: 0x8000_0001)), on: 2)
        #expect(rig.received(.open(.test(routerID: 0x8000_0001)), on: 1) == ["send #1 6.7", "close #1"])
    }

    @Test func `equal identifiers of two ASes fall back to the higher AS`() {
        let same = Open.test(routerID: 0x0a00_0001)
        var rig = bothOpenSent()
        _ = rig.received(.open(same), on: 2)
        #expect(rig.received(.open(same), on: 1) == ["send #1 6.7", "close #1"])
        rig = bothOpenSent(.test(localAS: 65100))
        _ = rig.received(.open(same), on: 1)
        #expect(rig.received(.open(same), on: 2) == ["send #2 6.7", "close #2"])
    }

    @Test func `the weaker connection goes on when the stronger one is gone`() {
        var rig = bothOpenSent()
        _ = rig.received(.open(higher), on: 1)
        #expect(rig.received(.keepalive, on: 1) == [])
        #expect(rig.closed(2) == ["send #1 KEEPALIVE", "established #1", "OpenConfirm -> Established"])
        rig = bothOpenSent()
        _ = rig.received(.open(lower), on: 2)
        #expect(rig.received(.notification(NotificationMessage(6, 7)), on: 1) == ["close #1", "send #2 KEEPALIVE"])
        #expect(rig.status.lastError == nil)
        #expect(rig.received(update, on: 2).starts(with: ["established #2", "deliver #2"]))
    }

    @Test func `the weaker connection waits two seconds for a stronger one that is silent`() {
        var rig = bothOpenSent()
        _ = rig.received(.open(higher), on: 1)
        _ = rig.received(.keepalive, on: 1)
        let (moved, actions) = rig.next()
        #expect(moved == .seconds(2))
        #expect(actions.starts(with: ["send #2 6.7", "close #2", "send #1 KEEPALIVE", "established #1"]))
    }

    @Test func `a call that has no TCP yet gives way`() {
        var rig = Rig()
        _ = rig.start()
        #expect(rig.accepted() == ["send #2 OPEN", "Connect -> OpenSent"])
        let actions = rig.received(.open(lower), on: 2)
        #expect(actions == ["close #1", "send #2 KEEPALIVE", "OpenSent -> OpenConfirm"])
        #expect(rig.connected(1) == [])
    }

    @Test func `an UPDATE before our KEEPALIVE is an error`() {
        var rig = bothOpenSent()
        _ = rig.received(.open(higher), on: 1)
        #expect(rig.received(update, on: 1).starts(with: ["send #1 5.2 02", "close #1"]))
        #expect(rig.received(.open(higher), on: 2) == ["send #2 KEEPALIVE", "OpenSent -> OpenConfirm"])
    }

    @Test func `a new call of the peer replaces the one it has given up`() {
        var rig = Rig(.test(passive: true))
        _ = rig.start()
        _ = rig.accepted()
        _ = rig.received(.open(higher), on: 1)
        #expect(rig.accepted() == ["send #1 6.7", "close #1", "send #2 OPEN", "OpenConfirm -> OpenSent"])
        #expect(rig.peer.connections.count == 1)
    }

    @Test func `stop during a collision ends both and establishes none`() {
        var rig = bothOpenSent()
        _ = rig.received(.open(higher), on: 1)
        _ = rig.received(.keepalive, on: 1)
        let actions = rig.stop(NotificationMessage(6, 2))
        #expect(
            actions == ["send #1 6.2", "close #1", "send #2 6.2", "close #2", "OpenConfirm -> Idle"])
        rig = bothOpenSent()
        _ = rig.received(.open(lower), on: 2)
        _ = rig.received(.keepalive, on: 2)
        #expect(rig.stop(nil) == ["close #1", "close #2", "OpenConfirm -> Idle"])
    }
}
