import BGPWire
import NetTypes
import Testing

@testable import BGPSession

/// Who may send IPv4 with IPv6 next hops (RFC 8950 section 4).
@Suite struct ExtendedNextHopTests {
    private static let vpn = Capability.extendedNextHop([ExtendedNextHop(afi: 1, safi: 128, nextHopAFI: 2)])

    private func negotiated(
        _ theirs: [Capability], offers: Bool = true, families: FamilySet = .all
    ) throws -> FamilySet {
        var configuration = PeerConfiguration.test(families: families)
        configuration.extendedNextHop = offers
        let sent = configuration.open(RestartState()).capabilities
        let open = Open.test(capabilities: [.multiprotocol(.ipv4), .multiprotocol(.ipv6)] + theirs)
        return try Negotiated(open, sent: sent, configuration).extendedNextHop
    }

    @Test func `both sides must offer it, for IPv4 unicast over IPv6`() throws {
        let both: [Capability] = [.extendedNextHop([.ipv4OverIPv6])]
        #expect(try negotiated(both) == .ipv4)
        #expect(try negotiated([Self.vpn] + both) == .ipv4)
        #expect(try negotiated(both, offers: false) == [])
        #expect(try negotiated([]) == [])
        #expect(try negotiated([Self.vpn]) == [])
        #expect(try negotiated([.extendedNextHop([])]) == [])
        #expect(try negotiated(both, families: .ipv6) == [])
    }

    @Test func `a peer may send it as soon as we have offered it, and not else`() throws {
        for offers in [true, false] {
            var configuration = PeerConfiguration.test()
            configuration.extendedNextHop = offers
            let sent = configuration.open(RestartState()).capabilities
            for theirs in [[], [Capability.extendedNextHop([.ipv4OverIPv6])]] {
                let open = Open.test(capabilities: [.multiprotocol(.ipv4), .multiprotocol(.ipv6)] + theirs)
                let negotiated = try Negotiated(open, sent: sent, configuration)
                #expect(negotiated.decodeContext.extendedNextHop == (offers ? .ipv4 : []))
            }
            let six = Open.test(capabilities: [.multiprotocol(.ipv6)])
            #expect(try Negotiated(six, sent: sent, configuration).decodeContext.extendedNextHop == [])
        }
    }

    @Test func `a peer that sends it unasked loses its session`() throws {
        let reach: [UInt8] =
            [0, 1, 1, 16, 0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [1, 0, 24, 10, 244, 1]
        let attributes: [UInt8] =
            [0x80, 14, UInt8(reach.count)] + reach + [0x40, 1, 1, 0, 0x40, 2, 4, 2, 1, 0xfd, 0xe9]
        let body: [UInt8] = [0, 0, 0, UInt8(attributes.count)] + attributes
        for offers in [true, false] {
            var configuration = PeerConfiguration.test()
            configuration.extendedNextHop = offers
            var rig = Rig(configuration)
            rig.establish()
            let first = ConnectionID(rawValue: 1)
            do throws(NotificationMessage) {
                let update = try Message.decode(
                    type: 2, body: body.span.bytes, in: rig.peer.decodeContext(on: first))
                #expect(offers)
                #expect(rig.received(update, on: 1) == ["deliver #1"])
            } catch {
                #expect(!offers)
                let whole = attributes.prefix(3 + reach.count).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
                #expect(
                    rig.malformed(error, on: 1) == [
                        "send #1 3.9 \(whole.joined())", "close #1", "down notificationSent", "Established -> Idle",
                    ])
            }
        }
    }

    @Test func `it is offered only where it was asked for and IPv4 is spoken`() {
        var configuration = PeerConfiguration.test()
        let capability = Capability.extendedNextHop([.ipv4OverIPv6])
        #expect(!configuration.open(RestartState()).capabilities.contains(capability))
        configuration.extendedNextHop = true
        #expect(configuration.open(RestartState()).capabilities.contains(capability))
        configuration.families = .ipv6
        #expect(!configuration.open(RestartState()).capabilities.contains(capability))
    }
}
