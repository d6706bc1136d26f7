import BGPWire
import NetTypes
import Testing

@testable import BGPSession

/// RFC 9234 section 4.2: which roles make a session.
@Suite struct RoleTests {
    /// What we answer to an OPEN with these roles: nothing, or a NOTIFICATION.
    private func answer(_ theirs: [UInt8], to ours: BGPRole?, strict: Bool = false, isExternal: Bool = true) -> String?
    {
        var configuration = PeerConfiguration.test(remoteAS: isExternal ? 65001 : 64601)
        configuration.role = ours
        configuration.strictRole = strict
        var rig = Rig(configuration)
        _ = rig.start()
        _ = rig.connected(1)
        let open = Open.test(
            autonomousSystem: isExternal ? 65001 : 64601,
            capabilities: Open.test().capabilities + theirs.map { .role($0) })
        return rig.received(.open(open), on: 1).first { $0.hasPrefix("send #1 2.") }
    }

    @Test(arguments: BGPRole.allCases, 0...6) func `exactly the counterpart fits`(ours: BGPRole, theirs: Int) {
        let fits: [BGPRole: UInt8] = [
            .provider: 3, .customer: 0, .routeServer: 2, .routeServerClient: 1, .peer: 4,
        ]
        let found = answer([UInt8(theirs)], to: ours)
        #expect(found == (fits[ours] == UInt8(theirs) ? nil : "send #1 2.11"))
    }

    @Test func `a peer without a role is refused only where that is strict`() {
        #expect(answer([], to: .customer) == nil)
        #expect(answer([], to: .customer, strict: true) == "send #1 2.11")
    }

    @Test func `several capabilities must agree, whatever our role is`() {
        #expect(answer([0, 0], to: .customer) == nil)
        #expect(answer([0, 4], to: .customer) == "send #1 2.11")
        #expect(answer([0, 4], to: nil) == "send #1 2.11")
        #expect(answer([3], to: nil) == nil)
    }

    @Test func `inside an AS roles mean nothing`() {
        #expect(answer([0, 4], to: nil, isExternal: false) == nil)
        var configuration = PeerConfiguration.test(remoteAS: 64601)
        configuration.role = .peer
        #expect(!configuration.open(RestartState()).capabilities.contains(.role(4)))
        configuration = .test()
        configuration.role = .peer
        #expect(configuration.open(RestartState()).capabilities.contains(.role(4)))
    }
}

/// Which AS the two sides are.
@Suite struct ASNumberTests {
    private func answer(_ number: UInt32, _ change: (inout PeerConfiguration) -> Void) -> (String?, Negotiated?) {
        var configuration = PeerConfiguration.test(remoteAS: 0)
        configuration.acceptsAnyExternalAS = true
        configuration.nodeAS = ASNumber(rawValue: 64601)
        change(&configuration)
        var rig = Rig(configuration)
        _ = rig.start()
        _ = rig.connected(1)
        let short = UInt16(exactly: number) ?? 23456
        var open = Open.test(autonomousSystem: short)
        if short == 23456 { open.capabilities.append(.fourOctetAS(ASNumber(rawValue: number))) }
        let answer = rig.received(.open(open), on: 1)
        return (answer.first { $0.hasPrefix("send #1 2.") }, rig.status.negotiated)
    }

    @Test(arguments: [65001, 1, 4_200_000_000] as [UInt32])
    func `any external AS is taken, and the OPEN says which one it is`(number: UInt32) {
        let (refusal, negotiated) = answer(number) { _ in }
        #expect(refusal == nil)
        #expect(negotiated?.peerAS.rawValue == number && negotiated?.isExternal == true)
    }

    @Test func `our own AS is not an external one, neither the node's nor the one that this peer knows`() {
        #expect(answer(64601) { _ in }.0 == "send #1 2.2 0000fc59")
        for number: UInt32 in [64601, 65010] {
            let refusal = answer(number) { $0.localAS = ASNumber(rawValue: 65010) }.0
            #expect(refusal?.hasPrefix("send #1 2.2") == true)
        }
    }

    @Test func `the OPEN names the AS that we have for this peer, in both forms`() {
        for (number, short) in [(65010, 65010), (4_200_000_000, 23456)] as [(UInt32, UInt16)] {
            let open = PeerConfiguration.test(localAS: number).open(RestartState())
            #expect(open.autonomousSystem == short)
            #expect(open.capabilities.contains(.fourOctetAS(ASNumber(rawValue: number))))
        }
    }
}
