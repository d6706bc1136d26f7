import BGPWire
import NetTypes
import Testing

@testable import BGPSession

/// RFC 8654 and RFC 7313: what two more capabilities of both sides switch on.
@Suite struct ExtensionTests {
    private static let enhanced = Open.test(
        capabilities: Open.test().capabilities + [.enhancedRouteRefresh, .extendedMessage])

    private func refresh(_ subtype: UInt8, afi: UInt16 = 1, safi: UInt8 = 1) -> Message {
        .routeRefresh(RouteRefresh(afi: afi, subtype: subtype, safi: safi))
    }

    @Test func `both are offered, and hold from the peer's OPEN on when it has them`() {
        let offered = PeerConfiguration.test().open(RestartState()).capabilities
        #expect(offered.contains(.enhancedRouteRefresh) && offered.contains(.extendedMessage))
        for (open, maximum) in [(Self.enhanced, 65535), (.test(), 4096)] {
            var rig = Rig()
            _ = rig.start()
            _ = rig.connected(1)
            let id = ConnectionID(rawValue: 1)
            #expect(rig.peer.decodeContext(on: id).maximumLength == 4096)
            #expect(!rig.peer.decodeContext(on: id).enhancedRouteRefresh)
            _ = rig.received(.open(open), on: 1)
            // Who was offered them may send them, whether it takes any itself or not (RFC 8654 section 4).
            #expect(rig.peer.decodeContext(on: id).maximumLength == 65535)
            #expect(rig.peer.decodeContext(on: id).enhancedRouteRefresh == (maximum == 65535))
            #expect(rig.status.negotiated?.maximumLengthSent == maximum)
        }
    }

    @Test func `begin and end of a refresh are told in order, and again when it begins anew`() {
        var rig = Rig()
        rig.establish(Self.enhanced)
        #expect(rig.received(refresh(1), on: 1) == ["refresh of ipv4 begins"])
        #expect(rig.received(refresh(1, afi: 2), on: 1) == ["refresh of ipv6 begins"])
        #expect(rig.received(update, on: 1) == ["deliver #1"])
        #expect(rig.received(refresh(1), on: 1) == ["refresh of ipv4 begins"])
        #expect(rig.received(refresh(2), on: 1) == ["refresh of ipv4 ends"])
        #expect(rig.received(refresh(2), on: 1) == [], "an end without a beginning")
        #expect(rig.received(refresh(2, afi: 2), on: 1) == ["refresh of ipv6 ends"])
        #expect(rig.received(refresh(0), on: 1) == ["refresh ipv4"])
    }

    @Test func `other subtypes and families are ignored`() {
        var rig = Rig(.test(families: .ipv4))
        rig.establish(Self.enhanced)
        for message in [refresh(3), refresh(255), refresh(1, afi: 2), refresh(1, safi: 128), refresh(2, afi: 77)] {
            #expect(rig.received(message, on: 1) == [])
        }
    }

    @Test func `a peer that did not offer it marks nothing`() {
        var rig = Rig()
        rig.establish()
        #expect(rig.received(refresh(1), on: 1) == [])
        #expect(rig.received(refresh(2), on: 1) == [])
    }

    @Test func `a refresh that was under way ends with its session`() {
        var rig = Rig()
        rig.establish(Self.enhanced)
        _ = rig.received(refresh(1), on: 1)
        _ = rig.closed(1)
        _ = rig.accepted()
        _ = rig.received(.open(Self.enhanced), on: 2)
        _ = rig.received(.keepalive, on: 2)
        #expect(rig.received(refresh(2), on: 2) == [])
    }
}
