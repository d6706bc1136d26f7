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
