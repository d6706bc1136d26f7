import BGPSession
import BGPWire
import NetTypes
import RIB
import Testing

@testable import BGPSpeaker

/// A speaker with one peer, told what it is told.
private struct Bench: ~Copyable {
    var speaker: Speaker
    let peer: PeerID

    init(own: [String] = [], export: ExportPolicy.Mode = .localOnly, routes: Int = 0) {
        let prefixes = own.map(cidr)
        speaker = Speaker(policy: .test(64601, routerID: 1, own: prefixes), seed: 1, at: .seconds(0))
        speaker.originate(Set(prefixes), at: .seconds(0))
        peer = speaker.addPeer(
            SpeakerPeer(
                name: "tor", address: ip("192.0.2.1"), asNumber: asn(65001), isExternal: true, importMode: .safe,
                exportMode: export))
        if routes > 0 { fill(routes) }
    }

    /// Another peer announces that many podCIDRs.
    private mutating func fill(_ count: Int) {
        let other = speaker.addPeer(
            SpeakerPeer(
                name: "other", address: ip("192.0.2.2"), asNumber: asn(65002), isExternal: true, importMode: .all))
        speaker.established(other, .test(peerAS: 65002), SessionAddresses(ipv4: ip("192.0.2.10")), at: .seconds(1))
        let prefixes = (0..<count).map {
            Prefix(bits: UInt128(0x0b00_0000 + $0 * 256) << 96, length: 24, family: .ipv4)
        }
        let attributes = PathAttributes.path([65002], via: "192.0.2.2")
        speaker.receive(
            [Update(announced: [Announcement(attributes: attributes, prefixes: prefixes)])], from: other,
            at: .seconds(1))
        while speaker.hasChanges { _ = speaker.takeChanges(limit: 1000, describing: false) }
    }

    mutating func up(
        families: FamilySet = .all, ipv4: String? = "192.0.2.10", ipv6: String? = "2001:db8::10"
    ) {
        speaker.established(
            peer, .test(peerAS: 65001, families: families),
            SessionAddresses(ipv4: ipv4.flatMap { IPAddress($0) }, ipv6: ipv6.flatMap { IPAddress($0) }),
            at: .seconds(1))
    }

    /// Everything that the peer is sent, in portions of `limit`.
    mutating func drain(limit: Int = 100) throws -> [Update] {
        var updates: [Update] = []
        repeat {
            _ = speaker.takeChanges(limit: limit, describing: false)
            updates += try decode(speaker.takeMessages(for: peer, limit: limit))
        } while speaker.hasChanges || speaker.hasMessages(for: peer)
        return updates
    }
}

@Suite struct `One speaker` {
    @Test func `End-of-RIB follows the whole first table and comes once`() throws {
        var bench = Bench(export: .all, routes: 1000)
        bench.up()
        let updates = try bench.drain(limit: 64)
        #expect(updates.flatMap(\.announced).flatMap(\.prefixes).count == 1000)
        let ends = updates.indices.filter { updates[$0].endOfRIB == .ipv4 }
        #expect(ends.count == 1)
        let last = updates.lastIndex { !$0.announced.isEmpty }
        #expect(ends.first.map { $0 > last ?? 0 } == true)
        #expect(updates.count { $0.endOfRIB == .ipv6 } == 1)
        let more = try bench.drain()
        #expect(more.isEmpty)
    }

    @Test func `a change while the first table goes out comes before or after End-of-RIB but is not lost`() throws {
        var bench = Bench(own: ["10.244.1.0/24"], export: .all, routes: 300)
        bench.up()
        var updates = try decode(bench.speaker.takeMessages(for: bench.peer, limit: 50))
        bench.speaker.originate([cidr("10.244.1.0/24"), cidr("10.244.9.0/24")], at: .seconds(2))
        updates += try bench.drain(limit: 50)
        #expect(Set(updates.flatMap(\.announced).flatMap(\.prefixes)).count == 302)
        #expect(updates.count { $0.endOfRIB == .ipv4 } == 1)
    }

    @Test func `prefixes that a peer may not be told of do not hold End-of-RIB back`() throws {
        var bench = Bench(own: ["10.244.1.0/24"], export: .localOnly, routes: 1000)
        bench.up()
        var turns = 0
        var updates: [Update] = []
        while bench.speaker.hasMessages(for: bench.peer), turns < 100 {
            updates += try decode(bench.speaker.takeMessages(for: bench.peer, limit: 100))
            turns += 1
        }
        #expect(turns <= 12, "1001 prefixes in portions of 100")
        #expect(updates.flatMap(\.announced).flatMap(\.prefixes) == [cidr("10.244.1.0/24")])
        #expect(Set(updates.compactMap(\.endOfRIB)) == [.ipv4, .ipv6])
        let summary = bench.speaker.summaries(bench.peer)
        #expect(summary.allSatisfy { $0.endOfRIBSent && $0.pending == 0 })
    }

    @Test func `an empty table is an End-of-RIB for each negotiated family`() throws {
        var bench = Bench()
        bench.up(families: .ipv6)
        let updates = try bench.drain()
        #expect(updates.map(\.endOfRIB) == [.ipv6])
    }

    @Test func `converged is when every peer is up and has sent every End-of-RIB`() {
        var bench = Bench()
        func expect(_ expected: Bool) {
            let isConverged = bench.speaker.isConverged
            #expect(isConverged == expected)
        }
        expect(false)
        bench.up()
        expect(false)
        bench.speaker.receive([Update(endOfRIB: .ipv4)], from: bench.peer, at: .seconds(1))
        expect(false)
        bench.speaker.receive([Update(endOfRIB: .ipv6)], from: bench.peer, at: .seconds(1))
        expect(true)
        bench.speaker.down(bench.peer, keepsRoutes: false, at: .seconds(2))
        expect(false)
        bench.up(families: .ipv4)
        bench.speaker.receive([Update(endOfRIB: .ipv4)], from: bench.peer, at: .seconds(1))
        expect(true)
        let other = bench.speaker.addPeer(
            SpeakerPeer(name: "b", address: ip("192.0.2.3"), asNumber: asn(65003), isExternal: true))
        expect(false)
        bench.speaker.removePeer(other)
        expect(true)
    }

    @Test func `a node without peers has nothing to wait for`() {
        let speaker = Speaker(policy: .test(64601, routerID: 1, own: []), seed: 1, at: .seconds(0))
        let isConverged = speaker.isConverged
        #expect(isConverged)
    }

    @Test func `a session that is over leaves nothing and gets nothing`() throws {
        var bench = Bench(own: ["10.244.1.0/24"])
        bench.up()
        _ = try bench.drain()
        let announcement = Announcement(attributes: .path([65001], via: "192.0.2.1"), prefixes: [cidr("10.244.2.0/24")])
        bench.speaker.receive([Update(announced: [announcement])], from: bench.peer, at: .seconds(3))
        let learned = bench.speaker.takeChanges(limit: 10, describing: true)
        #expect(learned.map(\.prefix) == [cidr("10.244.2.0/24")])
        bench.speaker.down(bench.peer, keepsRoutes: false, at: .seconds(2))
        bench.speaker.receive([Update(announced: [announcement])], from: bench.peer, at: .seconds(4))
        let changes = bench.speaker.takeChanges(limit: 10, describing: true)
        #expect(changes.map(\.prefix) == [cidr("10.244.2.0/24")] && changes.allSatisfy { $0.best == nil })
        let bytes = bench.speaker.takeMessages(for: bench.peer, limit: 10)
        #expect(bytes.isEmpty)
        #expect(bench.speaker.summaries(bench.peer).isEmpty)
        bench.up()
        let again = try bench.drain()
        #expect(again.flatMap(\.announced).flatMap(\.prefixes) == [cidr("10.244.1.0/24")], "the whole table once more")
        #expect(Set(again.compactMap(\.endOfRIB)) == [.ipv4, .ipv6])
    }

    @Test func `a family without next hop is not announced and says why until it has one`() throws {
        var bench = Bench(own: ["10.244.1.0/24", "fd00:10:244:1::/64"])
        bench.up(ipv6: nil)
        let updates = try bench.drain()
        #expect(updates.flatMap(\.announced).flatMap(\.prefixes) == [cidr("10.244.1.0/24")])
        #expect(updates.contains { $0.endOfRIB == .ipv6 })
        var obstacles = bench.speaker.summaries(bench.peer).map { $0.obstacle != nil }
        #expect(obstacles == [false, true])
        let both = SessionAddresses(ipv4: ip("192.0.2.10"), ipv6: ip("2001:db8::10"))
        bench.speaker.setAddresses(both, for: bench.peer)
        let later = try bench.drain()
        let announced = later.flatMap(\.announced).filter { $0.prefixes.contains(cidr("fd00:10:244:1::/64")) }
        #expect(announced.map(\.attributes.nextHop) == [ip("2001:db8::10")])
        #expect(later.allSatisfy { $0.endOfRIB == nil })
        obstacles = bench.speaker.summaries(bench.peer).map { $0.obstacle != nil }
        #expect(obstacles == [false, false])
        bench.speaker.setAddresses(both, for: bench.peer)
        let nothing = try bench.drain()
        #expect(nothing.isEmpty, "the same addresses change nothing")
    }

    @Test func `own prefixes change by difference without a word about the others`() throws {
        var bench = Bench(own: ["10.244.1.0/24", "fd00:10:244:1::/64"])
        bench.up()
        _ = try bench.drain()
        bench.speaker.originate([cidr("10.244.1.0/24"), cidr("10.244.3.0/24")], at: .seconds(5))
        let updates = try bench.drain()
        #expect(updates.flatMap(\.announced).flatMap(\.prefixes) == [cidr("10.244.3.0/24")])
        #expect(updates.flatMap(\.withdrawn) == [cidr("fd00:10:244:1::/64")])
    }

    @Test func `a refresh sends the family again and nothing of the other`() throws {
        var bench = Bench(own: ["10.244.1.0/24", "fd00:10:244:1::/64"])
        bench.up()
        _ = try bench.drain()
        bench.speaker.refresh(.ipv6, for: bench.peer)
        let updates = try bench.drain()
        #expect(updates.flatMap(\.announced).flatMap(\.prefixes) == [cidr("fd00:10:244:1::/64")])
        #expect(updates.allSatisfy { $0.endOfRIB == nil && $0.withdrawn.isEmpty })
    }

    @Test func `numbers of removed peers are not given out again at once`() {
        var bench = Bench()
        let peer = SpeakerPeer(name: "b", address: ip("192.0.2.3"), asNumber: asn(65003), isExternal: true)
        let first = bench.speaker.addPeer(peer)
        bench.speaker.removePeer(first)
        let second = bench.speaker.addPeer(peer)
        #expect(first != second && second != .local)
    }

    @Test func `a clock that goes backwards makes no age negative`() {
        let speaker = Speaker(policy: .test(64601, routerID: 1, own: []), seed: 1, at: .seconds(100))
        let seconds = speaker.seconds(.seconds(50))
        #expect(seconds == 0)
    }
}
