import BGPSession
import BGPWire
import NetTypes
import RIB
import Testing

@testable import BGPSpeaker

/// Next hops of another family and of links without addresses: RFC 8950, RFC 2545.
@Suite struct ExtendedNextHopTests {
    private static let linkLocal = IPv6Address("fe80::10")

    private func addresses(_ ipv4: String?, _ ipv6: String?, remote: String) -> SessionAddresses {
        var result = SessionAddresses(
            ipv4: ipv4.map(ip), ipv6: ipv6.map(ip), ipv6LinkLocal: Self.linkLocal, interface: "eth0")
        result.remote = ip(remote)
        return result
    }

    private func negotiated(_ extended: Bool, peerAS: UInt32 = 65001) -> Negotiated {
        var result = Negotiated.test(peerAS: peerAS)
        result.extendedNextHop = extended ? .ipv4 : []
        return result
    }

    @Test(arguments: [
        // Addresses of our interface, the peer's, agreed on RFC 8950: next hop of IPv4 and of IPv6.
        ("192.0.2.10", "2001:db8::10", "2001:db8::1", true, "192.0.2.10", "2001:db8::10"),
        (nil, "2001:db8::10", "2001:db8::1", true, "2001:db8::10", "2001:db8::10"),
        (nil, "2001:db8::10", "2001:db8::1", false, nil, "2001:db8::10"),
        (nil, nil, "fe80::1", true, "fe80::10", "fe80::10"),
        ("192.0.2.10", "2001:db8::10", "fe80::1", true, "2001:db8::10", "2001:db8::10"),
        ("192.0.2.10", nil, "fe80::1", false, "192.0.2.10", "fe80::10"),
        (nil, nil, "fe80::1", false, nil, "fe80::10"),
    ])
    func `our next hops follow from our addresses and what was agreed on`(
        ipv4: String?, ipv6: String?, remote: String, extended: Bool, expected4: String?, expected6: String?
    ) {
        let addresses = addresses(ipv4, ipv6, remote: remote)
        #expect(addresses.nextHop(.ipv4, negotiated(extended)) == expected4.map(ip))
        #expect(addresses.nextHop(.ipv6, negotiated(extended)) == expected6.map(ip))
    }

    /// A speaker with prefixes of both families and one peer, and what that peer is told.
    private func told(
        _ addresses: SessionAddresses, extended: Bool
    ) throws -> (updates: [Update], obstacles: [String]) {
        let own = ["10.244.1.0/24", "fd00:10:244:1::/64"].map(cidr)
        var speaker = Speaker(policy: .test(64601, routerID: 1, own: own), seed: 1, at: .seconds(0))
        speaker.originate(Set(own), at: .seconds(0))
        let peer = speaker.addPeer(
            SpeakerPeer(name: "tor", address: ip("::"), asNumber: asn(65001), isExternal: true))
        speaker.established(peer, negotiated(extended), addresses, at: .seconds(1))
        _ = speaker.takeChanges(limit: 100, describing: false)
        let updates = try decode(speaker.takeMessages(for: peer, limit: 100))
        return (updates, speaker.summaries(peer).compactMap(\.obstacle))
    }

    @Test func `without any address but the link's both families go out with the link-local next hop alone`() throws {
        let (updates, obstacles) = try told(addresses(nil, nil, remote: "fe80::1"), extended: true)
        let announced = updates.flatMap(\.announced)
        #expect(Set(announced.flatMap(\.prefixes)).count == 2)
        for announcement in announced {
            #expect(announcement.attributes.nextHop == ip("fe80::10"))
            #expect(announcement.attributes.linkLocalNextHop == nil)
        }
        #expect(obstacles == [])
    }

    @Test func `a global address goes with the link-local one beside it, for IPv4 too`() throws {
        let (updates, _) = try told(addresses(nil, "2001:db8::10", remote: "2001:db8::1"), extended: true)
        let announced = updates.flatMap(\.announced)
        #expect(announced.flatMap(\.prefixes).count == 2)
        for announcement in announced {
            #expect(announcement.attributes.nextHop == ip("2001:db8::10"))
            #expect(announcement.attributes.linkLocalNextHop == Self.linkLocal)
        }
    }

    @Test func `a peer without RFC 8950 is told no IPv4 where we have no such address, and the operator why`() throws {
        let (updates, obstacles) = try told(addresses(nil, nil, remote: "fe80::1"), extended: false)
        #expect(updates.flatMap(\.announced).flatMap(\.prefixes) == [cidr("fd00:10:244:1::/64")])
        #expect(obstacles.count == 1 && obstacles[0].contains("RFC 8950"))
    }

    /// Two routers that announce the same from the same address, each on a link of its own.
    @Test func `two neighbours with one link-local address are two next hops`() {
        var speaker = Speaker(policy: .test(64601, routerID: 1, own: []), seed: 1, at: .seconds(0))
        for number: UInt32 in [65001, 65002] {
            let peer = speaker.addPeer(
                SpeakerPeer(name: "tor-\(number)", address: ip("::"), asNumber: asn(number), isExternal: true))
            var link = addresses(nil, nil, remote: "fe80::1")
            link.interface = "eth\(number - 65001)"
            speaker.established(peer, negotiated(true, peerAS: number), link, at: .seconds(1))
            let path = PathAttributes.path([number], via: "fe80::1")
            speaker.receive(
                [Update(announced: [Announcement(attributes: path, prefixes: [cidr("10.244.9.0/24")])])], from: peer,
                at: .seconds(2))
        }
        let hops = speaker.takeChanges(limit: 10, describing: true).last?.best?.nextHops ?? []
        #expect(hops.map(\.address) == [ip("fe80::1"), ip("fe80::1")])
        #expect(hops.map { speaker.addresses($0.peer)?.interface } == ["eth0", "eth1"])
    }

    /// A path from an external peer, as an internal peer is told it.
    private func passedOn(
        _ attributes: PathAttributes, prefix: String = "10.244.9.0/24", extended: Bool
    ) throws -> [PathAttributes] {
        var speaker = Speaker(policy: .test(64601, routerID: 1, own: []), seed: 1, at: .seconds(0))
        let source = speaker.addPeer(
            SpeakerPeer(name: "tor", address: ip("::"), asNumber: asn(65001), isExternal: true))
        speaker.established(source, negotiated(true), addresses(nil, nil, remote: "fe80::1"), at: .seconds(1))
        let inside = speaker.addPeer(
            SpeakerPeer(
                name: "inside", address: ip("2001:db8:1::1"), asNumber: asn(64601), isExternal: false,
                exportMode: .all))
        var agreed = Negotiated.test(peerAS: 64601, routerID: 7, isExternal: false)
        agreed.extendedNextHop = extended ? .ipv4 : []
        speaker.established(
            inside, agreed, addresses("192.0.2.10", "2001:db8:1::10", remote: "2001:db8:1::1"), at: .seconds(1))
        speaker.receive(
            [Update(announced: [Announcement(attributes: attributes, prefixes: [cidr(prefix)])])], from: source,
            at: .seconds(2))
        _ = speaker.takeChanges(limit: 10, describing: false)
        return try decode(speaker.takeMessages(for: inside, limit: 10), isExternal: false).flatMap(\.announced)
            .map(\.attributes)
    }

    @Test func `a next hop that another link's peer cannot use becomes ours`() throws {
        let linkLocal = try passedOn(.path([65001], via: "fe80::1"), extended: true)
        #expect(linkLocal.map(\.nextHop) == [ip("192.0.2.10")])
        let foreign = try passedOn(.path([65001], via: "2001:db8::1"), extended: false)
        #expect(foreign.map(\.nextHop) == [ip("192.0.2.10")])
        let known = try passedOn(.path([65001], via: "2001:db8::1"), extended: true)
        #expect(known.map(\.nextHop) == [ip("2001:db8::1")], "an internal peer keeps the next hop that it can use")
        var fields = AttributeFields()
        fields.asPath = ASPath([.init(kind: 2, numbers: [asn(65001)])])
        let both = PathAttributes(fields, nextHop: ip("2001:db8::1"), linkLocalNextHop: Self.linkLocal)
        let passed = try passedOn(both, prefix: "fd00:10:244:9::/64", extended: true)
        #expect(passed.map(\.nextHop) == [ip("2001:db8::1")])
        #expect(passed.map(\.linkLocalNextHop) == [nil], "another link's address says nothing there")
    }
}
