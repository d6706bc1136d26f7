import BGPWire
import NetTypes
import Testing

@testable import BGPSession

/// What we offer, what we refuse, and what comes out of two OPENs.
@Suite struct NegotiationTests {
    /// The answer to this OPEN, and the text kept for the operator.
    private func answer(_ open: Open, _ configuration: PeerConfiguration = .test()) -> (String?, String?) {
        var rig = Rig(configuration)
        _ = rig.start()
        _ = rig.connected(1)
        return (rig.received(.open(open), on: 1).first, rig.status.lastError?.text)
    }

    private func negotiated(_ open: Open, _ configuration: PeerConfiguration = .test()) throws -> Negotiated {
        try Negotiated(open, sent: configuration.open(RestartState()).capabilities, configuration)
    }

    @Test func `a wrong AS is named with what was configured`() {
        let (sent, text) = answer(.test(autonomousSystem: 65002))
        #expect(sent == "send #1 2.2 0000fdea")
        #expect(
            text == "NOTIFICATION 2.2 (OPEN Message Error / Bad Peer AS) sent: peer says AS 65002, configured 65001")
    }

    @Test func `hold times of one and two seconds are refused`() {
        #expect(answer(.test(holdTime: 1)).0 == "send #1 2.6 0001")
        #expect(answer(.test(holdTime: 2)).0 == "send #1 2.6 0002")
        #expect(answer(.test(holdTime: 3)).0 == "send #1 KEEPALIVE")
    }

    @Test func `version, zero identifier and our own identifier inside the AS are refused`() {
        #expect(answer(.test(version: 3)).0 == "send #1 2.1 0004")
        #expect(answer(.test(routerID: 0)).0 == "send #1 2.3")
        let own = Open.test(autonomousSystem: 64601, routerID: 0x0a00_0001)
        #expect(answer(own, .test(remoteAS: 64601)).0 == "send #1 2.3")
        #expect(answer(.test(routerID: 0x0a00_0001)).0 == "send #1 KEEPALIVE", "another AS may use it: RFC 6286")
    }

    @Test func `a peer without a common family is told which ones we want`() {
        let vpn = Open.test(capabilities: [.multiprotocol(afi: 2, safi: 128)])
        #expect(answer(vpn).0 == "send #1 2.7 010400010001010400020001")
        #expect(answer(.test(capabilities: []), .test(families: .ipv6)).0 == "send #1 2.7 010400020001")
    }

    @Test func `families are those of both sides, and IPv4 for a peer without multiprotocol`() throws {
        #expect(try negotiated(.test()).families == .all)
        #expect(try negotiated(.test(capabilities: [.multiprotocol(.ipv6)])).families == .ipv6)
        #expect(try negotiated(.test(capabilities: [.routeRefresh])).families == .ipv4)
    }

    @Test(
        arguments: [
            (true, true, true, true, FamilySet.all, FamilySet.all), (true, false, true, true, .all, []),
            (false, true, true, true, [], .all), (true, true, true, false, [], .all),
            (true, true, false, true, .all, []),
            (false, false, true, true, [], []), (true, false, true, false, [], []),
        ] as [(Bool, Bool, Bool, Bool, FamilySet, FamilySet)])
    func `path identifiers travel where the sender offers to send and the receiver to receive`(
        row: (takes: Bool, sends: Bool, peerTakes: Bool, peerSends: Bool, received: FamilySet, sent: FamilySet)
    ) throws {
        var configuration = PeerConfiguration.test()
        (configuration.takesPathIDs, configuration.sendsPathIDs) = (row.takes, row.sends)
        let theirs = AddressFamily.allCases.map {
            AddPathFamily(afi: $0.afi, receives: row.peerTakes, sends: row.peerSends)
        }
        let families = AddressFamily.allCases.map { Capability.multiprotocol($0) }
        let result = try negotiated(.test(capabilities: families + [.addPath(theirs)]), configuration)
        #expect(result.pathIDsReceived == row.received && result.decodeContext.pathIDs == row.received)
        #expect(result.pathIDsSent == row.sent)
        let offered = configuration.open(RestartState()).capabilities.contains { $0.code == 69 }
        #expect(offered == (row.takes || row.sends), "nothing is said by default")
    }

    @Test func `path identifiers are agreed on for each family by itself`() throws {
        var configuration = PeerConfiguration.test()
        (configuration.takesPathIDs, configuration.sendsPathIDs) = (true, true)
        let families = AddressFamily.allCases.map { Capability.multiprotocol($0) }
        let mixed = Capability.addPath([
            AddPathFamily(afi: 1, receives: true, sends: false), AddPathFamily(afi: 2, receives: false, sends: true),
            AddPathFamily(afi: 2, safi: 128, receives: true, sends: true),
        ])
        let result = try negotiated(.test(capabilities: families + [mixed]), configuration)
        #expect(result.pathIDsSent == .ipv4 && result.pathIDsReceived == .ipv6)
    }

    @Test func `four-octet AS numbers travel in the capability`() throws {
        let configuration = PeerConfiguration.test(remoteAS: 4_200_000_001, localAS: 4_200_000_002)
        let ours = configuration.open(RestartState())
        #expect(ours.autonomousSystem == 23456)
        #expect(ours.asNumber == ASNumber(rawValue: 4_200_000_002))
        let capability = Capability.fourOctetAS(ASNumber(rawValue: 4_200_000_001))
        let result = try negotiated(.test(autonomousSystem: 23456, capabilities: [capability]), configuration)
        #expect(result.fourOctetAS && result.decodeContext.fourOctetAS)
        #expect(result.peerAS.rawValue == 4_200_000_001)
        #expect(try negotiated(.test(capabilities: [])).decodeContext.fourOctetAS == false)
        #expect(answer(.test(autonomousSystem: 23456, capabilities: []), configuration).0 == "send #1 2.2 00005ba0")
    }

    @Test func `an OPEN that contradicts itself about its AS is refused, and one that repeats itself is not`() {
        let four = { (number: UInt32) in Capability.fourOctetAS(ASNumber(rawValue: number)) }
        #expect(answer(.test(capabilities: [four(65001), four(65002)])).0 == "send #1 2.2 0000fdea")
        #expect(answer(.test(autonomousSystem: 65007, capabilities: [four(65001)])).0 == "send #1 2.2 0000fdef")
        #expect(answer(.test(autonomousSystem: 65007, capabilities: [four(65001)])).1?.contains("in one OPEN") == true)
        #expect(answer(.test(capabilities: [four(65001), four(65001)])).0 == "send #1 KEEPALIVE")
        let twice = Open.test().capabilities + Open.test().capabilities
        #expect(answer(.test(capabilities: twice)).0 == "send #1 KEEPALIVE")
    }

    @Test func `of several graceful restart capabilities the last counts`() throws {
        let capability = { (time: UInt16) in
            Capability.gracefulRestart(GracefulRestart(restarted: false, restartTime: time, families: []))
        }
        let result = try negotiated(.test(capabilities: [.multiprotocol(.ipv4), capability(10), capability(20)]))
        #expect(result.peerGracefulRestart?.restartTime == 20)
    }

    @Test func `our name is told, with its domain apart`() {
        var configuration = PeerConfiguration.test()
        #expect(!configuration.open(RestartState()).capabilities.contains { $0.code == 73 })
        configuration.hostName = "node-a.rack-1.example"
        let name = HostName(host: Array("node-a".utf8), domain: Array("rack-1.example".utf8))
        #expect(configuration.open(RestartState()).capabilities.contains(.hostName(name)))
    }

    @Test func `the smaller hold time counts and scales the keepalive`() throws {
        #expect(try negotiated(.test(holdTime: 30)).holdTime == .seconds(30))
        #expect(try negotiated(.test(holdTime: 30)).keepaliveTime == .seconds(10))
        #expect(try negotiated(.test(), .test(holdTime: .seconds(9))).keepaliveTime == .seconds(3))
        let short = PeerConfiguration.test(keepaliveTime: .seconds(5))
        #expect(try negotiated(.test(), short).keepaliveTime == .seconds(5))
        #expect(try negotiated(.test(holdTime: 9), short).keepaliveTime == .seconds(3))
        #expect(try negotiated(.test(holdTime: 3), short).keepaliveTime == .seconds(1))
    }

    @Test func `a hold time of zero from either side means no timers at all`() {
        for (ours, theirs) in [(Duration.zero, UInt16(90)), (.seconds(90), 0), (.zero, 0)] {
            var rig = Rig(.test(holdTime: ours))
            rig.establish(.test(holdTime: theirs))
            #expect(rig.peer.nextDeadline == nil)
            #expect(rig.status.negotiated?.keepaliveTime == .zero)
            rig.wait(.seconds(1_000_000))
            #expect(rig.tick() == [])
            #expect(rig.received(update, on: 1) == ["deliver #1"])
        }
    }

    @Test func `an offered hold time always fits the field and the rule`() {
        let offers: [(Duration, UInt16)] = [
            (.seconds(-1), 0), (.zero, 0), (.milliseconds(500), 3), (.seconds(2), 3), (.seconds(3), 3),
            (.seconds(90), 90), (.seconds(1_000_000), 65535),
        ]
        for (holdTime, seconds) in offers {
            #expect(PeerConfiguration.test(holdTime: holdTime).open(RestartState()).holdTime == seconds)
        }
    }

    @Test func `the OPEN says what survived our restart`() throws {
        var rig = Rig(.test(gracefulRestart: .init(restartTime: 60_000)))
        rig.peer.restartState = RestartState(restarted: true, forwardingPreserved: .ipv6)
        rig.peer.restartState.restarted = false
        _ = rig.start()
        rig.peer.restartState.restarted = true
        let actions = rig.peer.connected(ConnectionID(rawValue: 1), at: rig.now)
        guard case .send(_, .open(let open)) = actions.first else {
            Issue.record("no OPEN in \(actions)")
            return
        }
        let expected = GracefulRestart(
            restarted: true, notification: true, restartTime: 4095,
            families: [
                .init(afi: 1, safi: 1, forwardingPreserved: false), .init(afi: 2, safi: 1, forwardingPreserved: true),
            ])
        #expect(open.capabilities.contains(.gracefulRestart(expected)))
        #expect(open.capabilities.contains(.routeRefresh))
        #expect(open.capabilities.contains(.multiprotocol(.ipv4)) && open.capabilities.contains(.multiprotocol(.ipv6)))
    }

    /// The OPEN on the next connection, after what the peer answered to the one before.
    private func nextOpen(_ rig: inout Rig, _ id: UInt32) -> Open? {
        let actions = rig.peer.connected(ConnectionID(rawValue: id), at: rig.now)
        guard case .send(_, .open(let open)) = actions.first else { return nil }
        return open
    }

    @Test func `a peer that takes no capabilities is called without, and with them again when that is over`() {
        var rig = Rig()
        _ = rig.start()
        let full = rig.peer.configuration.open(RestartState())
        #expect(nextOpen(&rig, 1) == full)
        #expect(rig.received(.notification(NotificationMessage(2, 4)), on: 1).last == "OpenSent -> Idle")
        _ = rig.next()
        #expect(nextOpen(&rig, 2) == .test(autonomousSystem: 64601, routerID: 0x0a00_0001, capabilities: []))
        _ = rig.received(.open(.test(capabilities: [])), on: 2)
        #expect(rig.received(.keepalive, on: 2).last == "OpenConfirm -> Established")
        let negotiated = rig.status.negotiated
        #expect(negotiated?.families == .ipv4 && negotiated?.fourOctetAS == false)
        #expect(negotiated?.decodeContext.maximumLength == 4096)
        _ = rig.closed(2)
        _ = rig.next()
        #expect(nextOpen(&rig, 3) == full)
    }

    @Test func `a session that cannot be without capabilities, or lacks one of them, is tried with them again`() {
        for (configuration, subcode) in [
            (PeerConfiguration.test(), UInt8(7)), (.test(localAS: 70000), 4), (.test(families: .ipv6), 4),
        ] {
            var rig = Rig(configuration)
            _ = rig.start()
            let full = nextOpen(&rig, 1)
            #expect(full?.capabilities.isEmpty == false)
            _ = rig.received(.notification(NotificationMessage(2, subcode)), on: 1)
            _ = rig.next()
            #expect(nextOpen(&rig, 2) == full)
        }
    }
}
