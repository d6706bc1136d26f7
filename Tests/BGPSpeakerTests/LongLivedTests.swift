import BGPSession
import BGPWire
import NetTypes
import RIB
import Testing

@testable import BGPSpeaker

/// A speaker that keeps the paths of a peer for long (RFC 9494), beside a second peer that is told of them.
private struct Keeper: ~Copyable {
    var speaker: Speaker
    let peer: PeerID
    let other: PeerID

    init(others: Bool = true, partial: Bool = false) {
        var policy = ImportPolicy.test(64601, routerID: 1, own: [])
        policy.clusterCIDRs = [cidr("10.0.0.0/8"), cidr("fd00::/16")]
        speaker = Speaker(policy: policy, seed: 1, at: .seconds(0))
        func add(_ number: UInt32, isExternal: Bool) -> SpeakerPeer {
            var peer = SpeakerPeer(
                name: "as\(number)", address: ip("192.0.2.\(number & 255)"), asNumber: asn(number),
                isExternal: isExternal, importMode: .all, exportMode: .all)
            peer.sendsLongLivedStale = partial
            return peer
        }
        peer = speaker.addPeer(add(65001, isExternal: true))
        other = speaker.addPeer(add(others ? 65002 : 64601, isExternal: others))
    }

    /// The session of the peer: `times` are the stale times of its families, nil where it has none.
    mutating func up(
        _ times: (ipv4: UInt32?, ipv6: UInt32?) = (300, 300), restartTime: UInt16 = 60, graceful: FamilySet = .all,
        forwarding: FamilySet = .all, at seconds: Int64
    ) {
        var negotiated = Negotiated.test(peerAS: 65001)
        negotiated.peerGracefulRestart = GracefulRestart(
            restarted: false, restartTime: restartTime,
            families: graceful.families.map {
                .init(afi: $0.afi, safi: 1, forwardingPreserved: forwarding.contains($0))
            })
        let pairs: [(AddressFamily, UInt32?)] = [(.ipv4, times.ipv4), (.ipv6, times.ipv6)]
        negotiated.peerLongLived = LongLivedGracefulRestart(
            families: pairs.compactMap { family, time in
                time.map {
                    .init(
                        afi: family.afi, safi: 1, forwardingPreserved: forwarding.contains(family), staleTime: $0)
                }
            })
        speaker.established(
            peer, negotiated, SessionAddresses(ipv4: ip("192.0.2.10"), ipv6: ip("2001:db8::10")), at: .seconds(seconds))
    }

    /// The session of the peer that is told; it knows of long-lived paths or does not.
    mutating func otherUp(knows: Bool, isExternal: Bool = true) {
        var negotiated = Negotiated.test(
            peerAS: isExternal ? 65002 : 64601, routerID: 2, families: .ipv4, isExternal: isExternal)
        if knows { negotiated.peerLongLived = LongLivedGracefulRestart(families: []) }
        speaker.established(other, negotiated, SessionAddresses(ipv4: ip("192.0.2.10")), at: .seconds(0))
    }

    mutating func announce(_ prefixes: [String], communities: [Community] = [], from: PeerID? = nil, at seconds: Int64)
    {
        var fields = AttributeFields()
        fields.asPath = ASPath([.init(kind: 2, numbers: [asn(from == nil ? 65001 : 65002)])])
        fields.communities = communities.map(\.rawValue)
        for prefix in prefixes {
            let hop = prefix.contains(":") ? "2001:db8::1" : "192.0.2.1"
            let announcement = Announcement(
                attributes: PathAttributes(fields, nextHop: ip(hop)), prefixes: [cidr(prefix)])
            speaker.receive([Update(announced: [announcement])], from: from ?? peer, at: .seconds(seconds))
        }
    }

    mutating func lost(at seconds: Int64) { speaker.down(peer, keepsRoutes: true, at: .seconds(seconds)) }

    mutating func wait(until seconds: Int64) {
        while let deadline = speaker.nextDeadline, deadline <= .seconds(seconds) {
            speaker.expireRetained(at: deadline)
        }
    }

    /// Usable prefixes, the best path first; stale ones in brackets, with an L when they are long-lived.
    func paths() -> [String] {
        speaker.paths(PathQuery(.usable)).map { view in
            let mark = view.attributes.summary.isLongLivedStale ? "L" : ""
            return view.isStale ? "(\(view.prefix))\(mark)" : "\(view.prefix)\(mark)"
        }
    }

    mutating func told() throws -> [String] {
        _ = speaker.takeChanges(limit: 1000, describing: true)
        return try decode(speaker.takeMessages(for: other, limit: 1000)).flatMap { update in
            update.withdrawn.map { "-\($0)" }
                + update.announced.flatMap { announcement in
                    let fields = AttributeFields(announcement.attributes)
                    let words = fields.communities.map { Community(rawValue: $0).description }
                    return announcement.prefixes.map { (["+\($0)"] + words).joined(separator: " ") }
                }
        }
    }
}

@Suite struct `A peer that is away for long` {
    private static func keeper(_ times: (ipv4: UInt32?, ipv6: UInt32?) = (300, 300)) -> Keeper {
        var keeper = Keeper()
        keeper.up(times, at: 1)
        keeper.announce(["10.1.0.0/24", "fd00:1::/64"], at: 2)
        return keeper
    }

    @Test func `keeps its paths for the restart time, then as the last resort, then no more`() {
        var keeper = Self.keeper((300, nil))
        keeper.lost(at: 10)
        keeper.wait(until: 69)
        #expect(keeper.paths() == ["(10.1.0.0/24)", "(fd00:1::/64)"])
        keeper.wait(until: 70)
        #expect(keeper.paths() == ["(10.1.0.0/24)L"], "IPv6 has no stale time")
        keeper.wait(until: 369)
        #expect(keeper.paths() == ["(10.1.0.0/24)L"])
        keeper.wait(until: 370)
        #expect(keeper.paths() == [])
        #expect(keeper.speaker.nextDeadline == nil)
    }

    @Test func `does so at once where it has no restart time for the family`() {
        var keeper = Keeper()
        keeper.up(graceful: .ipv6, at: 1)
        keeper.announce(["10.1.0.0/24", "fd00:1::/64"], at: 2)
        keeper.lost(at: 10)
        keeper.wait(until: 10)
        #expect(keeper.paths() == ["(10.1.0.0/24)L", "(fd00:1::/64)"])
    }

    @Test func `loses the paths that must not be kept for long`() {
        var keeper = Self.keeper()
        keeper.announce(["10.2.0.0/24"], communities: [.noLongLived], at: 3)
        keeper.lost(at: 10)
        #expect(keeper.paths().contains("(10.2.0.0/24)"))
        keeper.wait(until: 70)
        #expect(keeper.paths() == ["(10.1.0.0/24)L", "(fd00:1::/64)L"])
    }

    @Test func `and comes back keeps what its OPEN says is forwarded, until End-of-RIB`() {
        var keeper = Self.keeper()
        keeper.lost(at: 10)
        keeper.wait(until: 100)
        keeper.up(forwarding: .ipv4, at: 110)
        #expect(keeper.paths() == ["(10.1.0.0/24)L"])
        keeper.announce(["10.1.0.0/24"], at: 111)
        #expect(keeper.paths() == ["10.1.0.0/24"], "live again, and no last resort")
        keeper.speaker.receive([Update(endOfRIB: .ipv4)], from: keeper.peer, at: .seconds(112))
        keeper.wait(until: 114)
        #expect(keeper.speaker.nextDeadline == nil)
    }

    @Test func `and comes back without the capability loses them`() {
        var keeper = Self.keeper()
        keeper.lost(at: 10)
        keeper.wait(until: 100)
        keeper.up((nil, nil), at: 110)
        #expect(keeper.paths() == [])
    }

    @Test func `and is lost again before End-of-RIB does not get more time`() {
        var keeper = Self.keeper()
        keeper.lost(at: 10)
        keeper.wait(until: 100)
        keeper.up(at: 110)
        keeper.announce(["10.3.0.0/24"], at: 111)
        keeper.lost(at: 120)
        #expect(keeper.paths() == ["(10.1.0.0/24)L", "(10.3.0.0/24)", "(fd00:1::/64)L"])
        keeper.wait(until: 180)
        #expect(keeper.paths() == ["(10.1.0.0/24)L", "(10.3.0.0/24)L", "(fd00:1::/64)L"])
        keeper.wait(until: 370)
        #expect(keeper.paths() == [])
    }

    @Test func `and has each family for its own time`() {
        var keeper = Self.keeper((100, 300))
        keeper.lost(at: 10)
        keeper.wait(until: 169)
        #expect(keeper.paths() == ["(10.1.0.0/24)L", "(fd00:1::/64)L"])
        keeper.wait(until: 170)
        #expect(keeper.paths() == ["(fd00:1::/64)L"])
        keeper.wait(until: 369)
        #expect(keeper.paths() == ["(fd00:1::/64)L"])
        keeper.wait(until: 370)
        #expect(keeper.paths() == [])
    }

    /// RFC 9494 section 4.2: in the case of consecutive restarts the stale paths stay; RFC 4724 would have them gone.
    @Test func `and is lost again within its restart time keeps what the first outage left, and no longer`() {
        var keeper = Self.keeper()
        keeper.lost(at: 10)
        keeper.up(at: 20)
        keeper.announce(["10.3.0.0/24"], at: 21)
        keeper.lost(at: 30)
        #expect(keeper.paths() == ["(10.1.0.0/24)", "(10.3.0.0/24)", "(fd00:1::/64)"])
        keeper.wait(until: 90)
        #expect(keeper.paths() == ["(10.1.0.0/24)L", "(10.3.0.0/24)L", "(fd00:1::/64)L"])
        keeper.wait(until: 369)
        #expect(keeper.paths().count == 3)
        keeper.wait(until: 370)
        #expect(keeper.paths() == [], "sixty and three hundred seconds after the first outage")
    }

    @Test func `without a long time loses at a second outage what the first one left`() {
        var keeper = Self.keeper((300, nil))
        keeper.announce(["fd00:2::/64"], at: 3)
        keeper.lost(at: 10)
        keeper.up((300, nil), at: 20)
        keeper.announce(["fd00:2::/64"], at: 21)
        keeper.lost(at: 30)
        #expect(keeper.paths() == ["(10.1.0.0/24)", "(fd00:2::/64)"])
    }

    @Test func `and after its End-of-RIB has all of its time once more`() {
        var keeper = Self.keeper()
        keeper.lost(at: 10)
        keeper.wait(until: 100)
        keeper.up(at: 110)
        keeper.announce(["10.1.0.0/24", "fd00:1::/64"], at: 111)
        for family in AddressFamily.allCases {
            keeper.speaker.receive([Update(endOfRIB: family)], from: keeper.peer, at: .seconds(112))
        }
        keeper.lost(at: 113)
        keeper.wait(until: 172)
        #expect(keeper.paths() == ["(10.1.0.0/24)", "(fd00:1::/64)"])
        keeper.wait(until: 472)
        #expect(keeper.paths() == ["(10.1.0.0/24)L", "(fd00:1::/64)L"])
        keeper.wait(until: 473)
        #expect(keeper.paths() == [])
    }

    @Test func `and is slow to send again loses what it has not repeated when the time is over`() {
        var keeper = Self.keeper()
        keeper.lost(at: 10)
        keeper.wait(until: 100)
        keeper.up(at: 350)
        keeper.announce(["10.1.0.0/24"], at: 351)
        keeper.wait(until: 369)
        #expect(keeper.paths() == ["10.1.0.0/24", "(fd00:1::/64)L"])
        keeper.wait(until: 370)
        #expect(keeper.paths() == ["10.1.0.0/24"], "the time ran on over the new session")
        #expect(keeper.speaker.nextDeadline == nil)
    }

    /// "If the session subsequently resets prior to becoming synchronized, any remaining routes MUST be removed
    /// immediately."
    @Test(arguments: [false, true])
    func `and is lost after its time and before End-of-RIB keeps nothing`(synchronized: Bool) {
        var keeper = Self.keeper()
        keeper.lost(at: 10)
        keeper.wait(until: 100)
        keeper.up(at: 350)
        keeper.announce(["10.1.0.0/24", "fd00:1::/64"], at: 351)
        keeper.wait(until: 370)
        if synchronized { keeper.speaker.receive([Update(endOfRIB: .ipv4)], from: keeper.peer, at: .seconds(371)) }
        keeper.lost(at: 372)
        #expect(keeper.paths() == (synchronized ? ["(10.1.0.0/24)"] : []))
    }

    @Test func `stops the time of the family whose End-of-RIB came, and of no other`() {
        var keeper = Self.keeper()
        keeper.lost(at: 10)
        keeper.wait(until: 100)
        keeper.up(at: 350)
        keeper.announce(["10.1.0.0/24", "fd00:1::/64"], at: 351)
        keeper.speaker.receive([Update(endOfRIB: .ipv4)], from: keeper.peer, at: .seconds(352))
        keeper.lost(at: 360)
        #expect(keeper.paths() == ["(10.1.0.0/24)", "(fd00:1::/64)"])
        keeper.wait(until: 370)
        #expect(keeper.paths() == ["(10.1.0.0/24)"], "IPv6's time is that of the first outage")
        keeper.wait(until: 420)
        #expect(keeper.paths() == ["(10.1.0.0/24)L"])
        keeper.wait(until: 720)
        #expect(keeper.paths() == [])
    }

    @Test func `twice, and whose second OPEN says that forwarding is gone, loses both`() {
        var keeper = Self.keeper()
        keeper.lost(at: 10)
        keeper.wait(until: 100)
        keeper.up(at: 110)
        keeper.announce(["10.3.0.0/24"], at: 111)
        keeper.lost(at: 120)
        keeper.up(forwarding: .ipv6, at: 130)
        #expect(keeper.paths() == ["(fd00:1::/64)L"])
    }

    @Test func `loses to any other path`() {
        var keeper = Self.keeper()
        keeper.otherUp(knows: true)
        var fields = AttributeFields()
        fields.asPath = ASPath([.init(kind: 2, numbers: [65002, 7, 8, 9].map(asn))])
        fields.origin = 2
        let worse = PathAttributes(fields, nextHop: ip("192.0.2.2"))
        let update = Update(announced: [Announcement(attributes: worse, prefixes: [cidr("10.1.0.0/24")])])
        keeper.speaker.receive([update], from: keeper.other, at: .seconds(5))
        func best() -> PeerID? {
            keeper.speaker.paths(PathQuery(.usable, prefix: cidr("10.1.0.0/24"))).first {
                if case .best = $0.standing { true } else { false }
            }?.peer
        }
        #expect(best() == keeper.peer)
        keeper.lost(at: 10)
        #expect(best() == keeper.peer, "while it restarts it competes like any other")
        keeper.wait(until: 70)
        #expect(best() == keeper.other)
        let standings = keeper.speaker.paths(PathQuery(.usable, prefix: cidr("10.1.0.0/24"))).map(\.standing)
        #expect(standings.contains(.best(.longLivedStale)) && standings.contains(.candidate(.longLivedStale)))
    }

    @Test func `is told of to peers that know of such paths only`() throws {
        for knows in [true, false] {
            var keeper = Self.keeper()
            keeper.otherUp(knows: knows)
            #expect(try keeper.told() == ["+10.1.0.0/24"])
            keeper.lost(at: 10)
            #expect(try keeper.told() == [])
            keeper.wait(until: 70)
            #expect(try keeper.told() == [knows ? "+10.1.0.0/24 llgr-stale" : "-10.1.0.0/24"])
            keeper.wait(until: 370)
            #expect(try keeper.told() == (knows ? ["-10.1.0.0/24"] : []))
        }
    }

    @Test func `is told of to internal peers as the last resort, where the node is set to`() throws {
        for partial in [true, false] {
            var keeper = Keeper(others: false, partial: partial)
            keeper.up(at: 1)
            keeper.announce(["10.1.0.0/24"], at: 2)
            keeper.otherUp(knows: false, isExternal: false)
            _ = keeper.speaker.takeChanges(limit: 1000, describing: true)
            _ = keeper.speaker.takeMessages(for: keeper.other, limit: 1000)
            keeper.lost(at: 10)
            keeper.wait(until: 70)
            _ = keeper.speaker.takeChanges(limit: 1000, describing: true)
            let updates = try decode(keeper.speaker.takeMessages(for: keeper.other, limit: 1000), isExternal: false)
            let fields = updates.flatMap(\.announced).map { AttributeFields($0.attributes) }
            #expect(fields.map(\.localPref) == (partial ? [0] : []))
            let words = fields.flatMap(\.communities).map { Community(rawValue: $0) }
            #expect(words == (partial ? [.longLivedStale, .noExport] : []))
            #expect(updates.flatMap(\.withdrawn).isEmpty == partial)
        }
    }
}
