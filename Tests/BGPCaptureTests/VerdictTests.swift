import BGPCapture
import BGPWire
import NetTypes
import TestKit
import Testing

/// What our speaker would do, and which RFC says so.
@Suite struct VerdictTests {
    private static let attributes = [Sample.origin, Sample.asPath, Sample.nextHop]

    static let updates: [(octets: [UInt8], verdict: String)] = [
        (Sample.good, "accepted: 1 announced (RFC 4271 section 4.3)"),
        (update([], nlri: []), "accepted: End-of-RIB of ipv4-unicast (RFC 4724 section 2)"),
        (update([], nlri: [], withdrawn: [8, 10]), "accepted: 1 withdrawn (RFC 4271 section 4.3)"),
        (
            update([[0x40, 1, 1, 3], Sample.asPath, Sample.nextHop]),
            "treat-as-withdraw: ORIGIN is 3, needs 0, 1 or 2 (RFC 7606 section 7.1)"
        ),
        (
            update([Sample.origin, [0x40, 2, 6, 7, 1, 0, 0, 0, 9], Sample.nextHop]),
            "treat-as-withdraw: AS_PATH has a segment of unknown type 7 (RFC 7606 section 7.2)"
        ),
        (
            update([Sample.origin, [0x40, 2, 6, 2, 1, 0, 0, 0, 0], Sample.nextHop]),
            "treat-as-withdraw: AS_PATH contains AS 0 (RFC 7607 section 2)"
        ),
        (
            update([Sample.origin, Sample.asPath, [0x40, 3, 5, 10, 99, 0, 1, 0]]),
            "treat-as-withdraw: NEXT_HOP has 5 octets, needs 4 (RFC 7606 section 7.3)"
        ),
        (
            update([Sample.origin, Sample.asPath]),
            "treat-as-withdraw: NEXT_HOP is missing (RFC 7606 section 3 d)"
        ),
        (
            update(attributes + [[0xc0, 4, 4, 0, 0, 0, 1]]),
            "treat-as-withdraw: MULTI_EXIT_DISC has flags 192, needs 128 (RFC 7606 section 3 c)"
        ),
        (
            update(attributes + [[0xc0, 8, 3, 1, 2, 3]]),
            "treat-as-withdraw: COMMUNITIES has 3 octets, needs a multiple of 4, not 0 (RFC 7606 section 7.8)"
        ),
        (
            update(attributes + [[0xc0, 32, 0]]),
            "treat-as-withdraw: LARGE_COMMUNITIES has 0 octets, needs a multiple of 12, not 0 (RFC 8092 section 6)"
        ),
        (
            update(attributes + [[0x40, 6, 1, 0]]),
            "attribute discard: ATOMIC_AGGREGATE has 1 octet, needs 0 (RFC 7606 section 7.6)"
        ),
        (
            update(attributes + [[0x40, 5, 4, 0, 0, 0, 9]]),
            "attribute discard: LOCAL_PREF is not taken from this peer (RFC 7606 section 7.5)"
        ),
        (
            update(attributes + [Sample.origin]),
            "attribute discard: ORIGIN appears twice (RFC 7606 section 3 g)"
        ),
        (
            update(attributes + [[0x80, 14, 3, 0, 1, 1]]),
            "session reset: NOTIFICATION 3/9 UPDATE Message Error / Optional Attribute Error (RFC 7606 section 7.11)"
        ),
        (
            update(attributes, nlri: [33, 1, 2, 3, 4, 5]),
            "session reset: NOTIFICATION 3/10 UPDATE Message Error / Invalid Network Field (RFC 4271 section 6.3)"
        ),
        (
            message(3, [6, 2, 4] + Array("down".utf8)),
            "session ends: the sender closes it for 6/2 Cease / Administrative Shutdown: \"down\""
                + " (RFC 4271 section 4.5, RFC 9003 section 2)"
        ),
        (
            message(5, [0, 9, 0, 1]), "ignored: the family was not negotiated (RFC 2918 section 4)"
        ),
        (
            message(5, [0, 1, 0, 1]),
            "accepted: all routes of ipv4-unicast are sent again (RFC 2918 section 4)"
        ),
        (
            message(1, [3, 0xfd, 0xe8, 0, 90, 10, 99, 0, 1, 0]),
            "session reset: NOTIFICATION 2/1 OPEN Message Error / Unsupported Version Number: version 4 is the highest"
                + " supported (RFC 4271 section 6.2)"
        ),
        (Sample.keepalive, "accepted (RFC 4271 section 4.4)"),
    ]

    @Test(arguments: updates)
    func `a message has the verdict of our speaker and its section`(octets: [UInt8], verdict: String) throws {
        #expect(try Decoded(octets).verdicts == [verdict])
    }

    @Test func `every attribute of the table has sections, and every fault of it a section of its own`() throws {
        for row in AttributeTable.rows {
            let text = try Decoded(update(Self.attributes + [[0x10, row.code, 0, 1, 0]])).messages.first?.verdict
            let sections = try #require(text?.sections)
            #expect(!sections.isEmpty && sections.allSatisfy { $0.hasPrefix("RFC ") }, "\(row.name): \(sections)")
        }
    }

    @Test func `the fault stands beside its attribute`() throws {
        let text = try Decoded(update(Self.attributes + [[0xc0, 8, 3, 1, 2, 3]])).text
        let lines = text.split(separator: "\n").map { $0.drop { $0 == " " } }
        let index = try #require(lines.firstIndex { $0.contains("COMMUNITIES (8)") })
        #expect(lines[index + 1].hasPrefix("! withdraw: COMMUNITIES has 3 octets"), "\(text)")
    }

    // MARK: What was negotiated

    private func session(_ first: [UInt8], _ second: [UInt8], then octets: [UInt8]) throws -> Decoded {
        var session = Recording()
        session.send(first)
        session.receive(second)
        session.send(Sample.keepalive)
        session.receive(Sample.keepalive + octets)
        return try Decoded(session.bytes)
    }

    @Test func `the OPENs say how wide AS numbers are and whether the peer is internal`() throws {
        let narrow = update([Sample.origin, [0x40, 2, 4, 2, 1, 0xfd, 0xe8], Sample.nextHop])
        let old = Sample.open(as: 65000, id: 2, capabilities: [1, 4, 0, 1, 0, 1])
        let external = try session(Sample.open(as: 64601), old, then: narrow)
        #expect(external.verdicts.last == "accepted: 1 announced (RFC 4271 section 4.3)", "\(external.text)")
        #expect(external.messages.last?.context == "ipv4-unicast; two-octet AS; external (both OPENs)")
        let same = try session(Sample.open(as: 65000), Sample.open(as: 65000, id: 2), then: Sample.good)
        #expect(same.verdicts.last == "treat-as-withdraw: LOCAL_PREF is missing (RFC 7606 section 3 d)")
    }

    @Test func `an OPEN that the other side cannot accept says why`() throws {
        let other = Sample.open(as: 65000, id: 2, capabilities: [1, 4, 0, 25, 0, 70])
        let decoded = try session(Sample.open(as: 64601), other, then: [])
        #expect(decoded.messages[1].verdict.notification?.subcode == 7)
        #expect(decoded.verdicts[1].contains("peer announces none of"), "\(decoded.verdicts)")
    }

    @Test func `a message that the state does not expect resets the session`() throws {
        var early = Recording()
        early.receive(Sample.keepalive)
        #expect(
            try Decoded(early.bytes).verdicts == [
                "session reset: NOTIFICATION 5/1 Finite State Machine Error / Unexpected Message in OpenSent: KEEPALIVE"
                    + " is not expected in OpenSent (RFC 6608 section 3)"
            ])
        let again = try session(
            Sample.open(as: 64601), Sample.open(as: 65000, id: 2), then: Sample.open(as: 65000, id: 2))
        #expect(again.messages.last?.verdict.notification == NotificationMessage(5, 3, [1]))
    }

    @Test func `without OPENs the settings say how to read`() throws {
        let narrow = update([Sample.origin, [0x40, 2, 4, 2, 1, 0xfd, 0xe8], Sample.nextHop])
        #expect(try Decoded(narrow).messages.first?.verdict.action == .treatAsWithdraw)
        #expect(try Decoded(narrow) { $0.fourOctetAS = false }.messages.first?.verdict.action == .accepted)
        #expect(try Decoded(Sample.good) { $0.isExternal = false }.messages.first?.verdict.action == .treatAsWithdraw)
    }

    @Test func `path identifiers are read where the OPENs agreed on them, or the settings say so`() throws {
        func open(_ number: UInt16, _ id: UInt8, mode: UInt8) -> [UInt8] {
            Sample.open(
                as: number, id: id,
                capabilities: [1, 4, 0, 1, 0, 1, 65, 4, 0, 0, UInt8(number >> 8), UInt8(number & 255), 69, 4, 0, 1, 1]
                    + [mode])
        }
        let attributes = [Sample.origin, Sample.asPath, Sample.nextHop]
        let octets = update(attributes, nlri: [0, 0, 0, 7, 24, 10, 244, 1])
        let agreed = try session(open(64601, 1, mode: 1), open(65000, 2, mode: 2), then: octets)
        #expect(agreed.verdicts.last == "accepted: 1 announced (RFC 4271 section 4.3)", "\(agreed.text)")
        #expect(agreed.text.contains("announced: 10.244.1.0/24, path 7  [00 00 00 07 18 0a f4 01]"), "\(agreed.text)")
        let oneWay = try session(open(64601, 1, mode: 2), open(65000, 2, mode: 2), then: octets)
        #expect(oneWay.messages.last?.announced.count != 1)
        #expect(
            try Decoded(octets) { $0.addPath = .all }.messages.first?.announced.map(\.description) == ["10.244.1.0/24"])
    }
}
