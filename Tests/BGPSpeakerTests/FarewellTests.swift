import BGPSession
import BGPWire
import NetTypes
import RIB
import Testing

@testable import BGPSpeaker

@Suite struct `A node that says goodbye` {
    private let own = "10.244.1.0/24"

    /// What the peer is told in one go.
    private static func told(_ speaker: inout Speaker, _ peer: PeerID, isExternal: Bool) throws -> [Update] {
        var updates: [Update] = []
        repeat {
            _ = speaker.takeChanges(limit: 100, describing: false)
            updates += try decode(speaker.takeMessages(for: peer, limit: 100), isExternal: isExternal)
        } while !speaker.isQuiet
        return updates
    }

    @Test(arguments: [true, false])
    func `asks to prefer others, then withdraws, and comes back as it was`(isExternal: Bool) throws {
        var speaker = Speaker(policy: .test(64601, routerID: 1, own: [cidr(own)]), seed: 1, at: .seconds(0))
        speaker.originate([cidr(own)], at: .seconds(0))
        let number: UInt32 = isExternal ? 65001 : 64601
        let peer = speaker.addPeer(
            SpeakerPeer(name: "tor", address: ip("192.0.2.1"), asNumber: asn(number), isExternal: isExternal))
        speaker.established(
            peer, .test(peerAS: number, isExternal: isExternal),
            SessionAddresses(ipv4: ip("192.0.2.10"), ipv6: ip("2001:db8::10")), at: .seconds(0))
        func attributes(_ updates: [Update]) throws -> AttributeFields {
            let announcement = try #require(updates.flatMap(\.announced).first)
            #expect(announcement.prefixes == [cidr(own)])
            return AttributeFields(announcement.attributes)
        }
        let before = try attributes(try Self.told(&speaker, peer, isExternal: isExternal))
        #expect(before.communities == [])

        speaker.setFarewell(.announced)
        let goodbye = try attributes(try Self.told(&speaker, peer, isExternal: isExternal))
        #expect(goodbye.communities == [Community.gracefulShutdown.rawValue])
        #expect(goodbye.localPref == (isExternal ? nil : 0))

        speaker.setFarewell(.withdrawn)
        let withdrawals = try Self.told(&speaker, peer, isExternal: isExternal)
        #expect(withdrawals.flatMap(\.withdrawn) == [cidr(own)])
        #expect(withdrawals.flatMap(\.announced).isEmpty)
        let isQuiet = speaker.isQuiet
        #expect(isQuiet)

        speaker.setFarewell(.none)
        #expect(try attributes(try Self.told(&speaker, peer, isExternal: isExternal)) == before)
    }

    @Test func `tells a peer that comes during the goodbye nothing but the end of the table`() throws {
        var speaker = Speaker(policy: .test(64601, routerID: 1, own: [cidr(own)]), seed: 1, at: .seconds(0))
        speaker.originate([cidr(own)], at: .seconds(0))
        speaker.setFarewell(.withdrawn)
        let peer = speaker.addPeer(
            SpeakerPeer(name: "tor", address: ip("192.0.2.1"), asNumber: asn(65001), isExternal: true))
        speaker.established(peer, .test(peerAS: 65001), SessionAddresses(ipv4: ip("192.0.2.10")), at: .seconds(0))
        let updates = try Self.told(&speaker, peer, isExternal: true)
        #expect(updates.flatMap(\.announced).isEmpty && updates.flatMap(\.withdrawn).isEmpty)
        #expect(Set(updates.compactMap(\.endOfRIB)) == [.ipv4, .ipv6])
    }
}
