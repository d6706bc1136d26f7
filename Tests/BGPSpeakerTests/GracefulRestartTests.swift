import BGPSession
import BGPWire
import NetTypes
import RIB
import Testing

@testable import BGPSpeaker

/// A speaker that helps a peer to restart (RFC 4724 section 4.2).
private struct Helper: ~Copyable {
    var speaker = Speaker(policy: .test(64601, routerID: 1, own: []), seed: 1, at: .seconds(0))
    let peer: PeerID

    init() {
        peer = speaker.addPeer(
            SpeakerPeer(
                name: "tor", address: ip("192.0.2.1"), asNumber: asn(65001), isExternal: true, importMode: .all))
    }

    /// A session whose OPEN named `kept` in its graceful restart capability; `forwarding` of them with the F bit.
    mutating func up(kept: FamilySet = .all, forwarding: FamilySet = .all, at seconds: Int64) {
        var negotiated = Negotiated.test(peerAS: 65001, families: .all)
        negotiated.peerGracefulRestart = GracefulRestart(
            restarted: false, restartTime: 60,
            families: kept.families.map {
                .init(afi: $0.afi, safi: 1, forwardingPreserved: forwarding.contains($0))
            })
        speaker.established(
            peer, negotiated, SessionAddresses(ipv4: ip("192.0.2.10"), ipv6: ip("2001:db8::10")),
            at: .seconds(seconds))
    }

    mutating func announce(_ prefixes: [String], via: String, at seconds: Int64) {
        let announcement = Announcement(
            attributes: .path([65001], via: via), prefixes: prefixes.map(cidr))
        speaker.receive([Update(announced: [announcement])], from: peer, at: .seconds(seconds))
    }

    mutating func endOfRIB(_ family: AddressFamily, at seconds: Int64) {
        speaker.receive([Update(endOfRIB: family)], from: peer, at: .seconds(seconds))
    }

    /// Lets time pass as the speaker's loop does.
    mutating func wait(until seconds: Int64) {
        while let deadline = speaker.nextDeadline, deadline <= .seconds(seconds) {
            speaker.expireRetained(at: deadline)
        }
    }

    /// Usable prefixes; stale ones in brackets.
    func paths() -> [String] {
        speaker.paths(PathQuery(.usable)).map { $0.isStale ? "(\($0.prefix))" : "\($0.prefix)" }
    }
}

@Suite struct `A peer that restarts` {
    private static func helper() -> Helper {
        var helper = Helper()
        helper.up(at: 1)
        helper.announce(["10.1.0.0/24", "10.2.0.0/24"], via: "192.0.2.1", at: 2)
        helper.announce(["fd00:1::/64"], via: "2001:db8::1", at: 2)
        return helper
    }

    @Test func `keeps its paths as stale ones, and loses what it does not announce again`() {
        var helper = Self.helper()
        helper.speaker.down(helper.peer, keepsRoutes: true, at: .seconds(10))
        #expect(helper.paths() == ["(10.1.0.0/24)", "(10.2.0.0/24)", "(fd00:1::/64)"])
        helper.up(at: 20)
        helper.announce(["10.1.0.0/24"], via: "192.0.2.1", at: 21)
        helper.endOfRIB(.ipv4, at: 22)
        helper.wait(until: 30)
        #expect(helper.paths() == ["10.1.0.0/24", "(10.2.0.0/24)", "(fd00:1::/64)"], "IPv6 is not at its end yet")
        helper.endOfRIB(.ipv6, at: 31)
        #expect(helper.paths().count == 3, "a marker that overtook its table does no harm")
        helper.announce(["fd00:1::/64"], via: "2001:db8::1", at: 32)
        helper.wait(until: 33)
        #expect(helper.paths() == ["10.1.0.0/24", "fd00:1::/64"])
        #expect(helper.speaker.nextDeadline == nil)
    }

    @Test func `that does not come back loses them after its restart time`() {
        var helper = Self.helper()
        helper.speaker.down(helper.peer, keepsRoutes: true, at: .seconds(10))
        helper.wait(until: 69)
        #expect(helper.paths().count == 3)
        helper.wait(until: 70)
        #expect(helper.paths() == [])
    }

    @Test func `and comes back without forwarding state loses that family at once`() {
        var helper = Self.helper()
        helper.speaker.down(helper.peer, keepsRoutes: true, at: .seconds(10))
        helper.up(forwarding: .ipv6, at: 20)
        #expect(helper.paths() == ["(fd00:1::/64)"])
    }

    @Test func `that listed one family keeps only that`() {
        var helper = Helper()
        helper.up(kept: .ipv4, at: 1)
        helper.announce(["10.1.0.0/24"], via: "192.0.2.1", at: 2)
        helper.announce(["fd00:1::/64"], via: "2001:db8::1", at: 2)
        helper.speaker.down(helper.peer, keepsRoutes: true, at: .seconds(10))
        #expect(helper.paths() == ["(10.1.0.0/24)"])
    }

    @Test func `twice keeps only what it announced in between`() {
        var helper = Self.helper()
        helper.speaker.down(helper.peer, keepsRoutes: true, at: .seconds(10))
        helper.up(at: 20)
        helper.announce(["10.2.0.0/24"], via: "192.0.2.1", at: 21)
        helper.speaker.down(helper.peer, keepsRoutes: true, at: .seconds(22))
        #expect(helper.paths() == ["(10.2.0.0/24)"])
    }

    @Test func `after a NOTIFICATION keeps nothing`() {
        var helper = Self.helper()
        helper.speaker.down(helper.peer, keepsRoutes: false, at: .seconds(10))
        #expect(helper.paths() == [])
        #expect(helper.speaker.nextDeadline == nil)
    }

    @Test func `and never sends End-of-RIB is swept all the same`() {
        var helper = Self.helper()
        helper.speaker.down(helper.peer, keepsRoutes: true, at: .seconds(10))
        helper.up(at: 20)
        helper.announce(["10.1.0.0/24"], via: "192.0.2.1", at: 21)
        helper.wait(until: 20 + 180)
        #expect(helper.paths() == ["10.1.0.0/24"])
    }

    /// Away, back, and at its End-of-RIB with one path less.
    private static func returned(at seconds: Int64) -> Helper {
        var helper = helper()
        helper.speaker.down(helper.peer, keepsRoutes: true, at: .seconds(10))
        helper.up(at: 20)
        helper.announce(["10.1.0.0/24"], via: "192.0.2.1", at: 21)
        for family in AddressFamily.allCases { helper.endOfRIB(family, at: seconds) }
        return helper
    }

    @Test func `and sends its table once more loses nothing while it does (RFC 7313)`() {
        var helper = Self.returned(at: 30)
        helper.speaker.refreshBegan(.ipv4, from: helper.peer, at: .seconds(31))
        helper.wait(until: 60)
        #expect(helper.paths() == ["(10.1.0.0/24)", "(10.2.0.0/24)"], "what was said before is still valid")
        helper.announce(["10.1.0.0/24"], via: "192.0.2.1", at: 61)
        helper.speaker.refreshEnded(.ipv4, from: helper.peer)
        #expect(helper.paths() == ["10.1.0.0/24"])
        #expect(helper.speaker.nextDeadline == nil)
    }

    @Test func `and does not end its refresh is swept after as long as it has for End-of-RIB`() {
        var helper = Self.returned(at: 30)
        helper.speaker.refreshBegan(.ipv4, from: helper.peer, at: .seconds(31))
        helper.announce(["10.1.0.0/24"], via: "192.0.2.1", at: 32)
        helper.wait(until: 30 + 180)
        #expect(helper.paths() == ["10.1.0.0/24", "(10.2.0.0/24)"])
        helper.wait(until: 31 + 180)
        #expect(helper.paths() == ["10.1.0.0/24"])
    }

    @Test func `and refreshes before its End-of-RIB, which it must not, loses nothing by that`() {
        var helper = Self.helper()
        helper.speaker.down(helper.peer, keepsRoutes: true, at: .seconds(10))
        helper.up(at: 20)
        helper.speaker.refreshBegan(.ipv4, from: helper.peer, at: .seconds(21))
        helper.announce(["10.1.0.0/24"], via: "192.0.2.1", at: 21)
        helper.speaker.refreshEnded(.ipv4, from: helper.peer)
        #expect(helper.paths() == ["10.1.0.0/24", "(10.2.0.0/24)", "(fd00:1::/64)"])
    }
}
