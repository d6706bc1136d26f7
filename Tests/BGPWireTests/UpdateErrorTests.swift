import BGPWire
import NetTypes
import TestKit
import Testing

private let external = DecodeContext(isExternal: true)
private let `internal` = DecodeContext(isExternal: false)
private let twoOctet = DecodeContext(fourOctetAS: false)

/// What RFC 7606 and its successors want of one attribute, written down a second time, away from the table of the code.
/// Letters: A accept, D attribute discard, W treat as withdraw, R session reset; `-` when the case does not exist.
private struct Expectation {
    var name: String
    var flags: UInt8
    var code: UInt8
    /// A value that is good.
    var value: String
    /// Wrong flags, one octet too few, one too many, and the value itself, from an external peer.
    var external: String
    /// The same from an internal peer.
    var `internal`: String

    init(_ name: String, _ flags: UInt8, _ code: UInt8, _ value: String, _ external: String, _ internal: String) {
        (self.name, self.flags, self.code, self.value) = (name, flags, code, value)
        (self.external, self.internal) = (external, `internal`)
    }
}

private let expectations = [
    Expectation("ORIGIN", 0x40, 1, "02", "WWWA", "WWWA"),
    Expectation("AS_PATH", 0x40, 2, "02 02 0000fde9 00000001", "WWWA", "WWWA"),
    Expectation("NEXT_HOP", 0x40, 3, "c0000201", "WWWA", "WWWA"),
    Expectation("MULTI_EXIT_DISC", 0x80, 4, "00000001", "WWWA", "WWWA"),
    Expectation("LOCAL_PREF", 0x40, 5, "00000064", "DDDD", "WWWA"),
    Expectation("ATOMIC_AGGREGATE", 0x40, 6, "", "W-DA", "W-DA"),
    Expectation("AGGREGATOR", 0xc0, 7, "0000fde9 c0000201", "WDDA", "WDDA"),
    Expectation("COMMUNITIES", 0xc0, 8, "fde90001", "WWWA", "WWWA"),
    Expectation("ORIGINATOR_ID", 0x80, 9, "c0000201", "DDDD", "WWWA"),
    Expectation("CLUSTER_LIST", 0x80, 10, "c0000201", "DDDD", "WWWA"),
    Expectation(
        "MP_REACH_NLRI", 0x80, 14, "0002 01 10 fd00000000000000" + "0000000000000001 00 40 fd00000000000002", "WRAA",
        "WRAA"),
    Expectation("MP_UNREACH_NLRI", 0x80, 15, "0002 01 40 fd00000000000002", "WRAA", "WRAA"),
    Expectation("EXTENDED_COMMUNITIES", 0xc0, 16, "0002fde900000001", "WWWA", "WWWA"),
    Expectation("AS4_PATH", 0xc0, 17, "02 01 0000fde9", "DDDD", "DDDD"),
    Expectation("AS4_AGGREGATOR", 0xc0, 18, "0000fde9 c0000201", "DDDD", "DDDD"),
    Expectation("IPV6_EXTENDED_COMMUNITIES", 0xc0, 25, "0002 20010db8000000000000000000000001 0001", "WWWA", "WWWA"),
    Expectation("AIGP", 0x80, 26, "01 000b 0000000000000001", "DDDD", "DDDD"),
    Expectation("LARGE_COMMUNITIES", 0xc0, 32, "00000001 00000002 00000003", "WWWA", "WWWA"),
    Expectation("ONLY_TO_CUSTOMER", 0xc0, 35, "0000fde9", "WWWA", "WWWA"),
]

private func outcome(_ letter: Character) -> Outcome? {
    switch letter {
    case "A": .accept
    case "D": .discard
    case "W": .withdraw
    case "R": .reset(3, 9)
    default: nil
    }
}

@Suite struct UpdateErrorTests {
    @Test func `every row of the table is expected, and by its name`() {
        #expect(expectations.map(\.code) == AttributeTable.rows.map(\.code))
        #expect(expectations.map(\.name) == AttributeTable.rows.map { "\($0.name)" })
    }

    @Test(arguments: [true, false])
    func `flags and lengths have the remedy of the RFC`(isExternal: Bool) throws {
        let context = isExternal ? external : `internal`
        for row in expectations {
            let value = try hex(row.value)
            let letters = Array(isExternal ? row.external : row.internal)
            let cases: [(String, [UInt8])] = [
                ("optional bit", attribute(row.flags ^ 0x80, row.code, value)),
                ("one octet short", attribute(row.flags, row.code, Array(value.dropLast()))),
                ("one octet long", attribute(row.flags, row.code, value + [0])),
                ("as it should be", attribute(row.flags, row.code, value)),
            ]
            for (letter, (what, bytes)) in zip(letters, cases) {
                guard let wanted = outcome(letter) else { continue }
                let body = updateBody(Base().attributes(for: context, replacing: bytes), nlri: Base.nlri)
                #expect(Outcome(body, in: context) == wanted, "\(row.name), \(what)")
            }
            guard letters[0] == "W" else { continue }
            let flipped = attribute(row.flags ^ 0x40, row.code, value)
            let body = updateBody(Base().attributes(for: context, replacing: flipped), nlri: Base.nlri)
            #expect(Outcome(body, in: context) == .withdraw, "\(row.name), transitive bit")
        }
    }

    @Test func `low flag bits and the partial bit mean nothing on receipt`() throws {
        for row in expectations where row.external.hasSuffix("A") {
            for extra: UInt8 in [0x20, 0x01, 0x0f, 0x2f] {
                let bytes = attribute(row.flags | extra, row.code, try hex(row.value))
                let body = updateBody(Base().attributes(for: external, replacing: bytes), nlri: Base.nlri)
                #expect(Outcome(body, in: external) == .accept, "\(row.name)")
            }
        }
    }

    @Test func `of a duplicate the first counts, but MP attributes reset`() throws {
        for row in expectations where row.internal.hasSuffix("A") {
            let bytes = attribute(row.flags, row.code, try hex(row.value))
            let list = Base().attributes(for: `internal`, replacing: bytes) + [bytes]
            let wanted: Outcome = [14, 15].contains(row.code) ? .reset(3, 1) : .discard
            #expect(Outcome(updateBody(list, nlri: Base.nlri), in: `internal`) == wanted, "\(row.name)")
        }
        let twice = [attribute(0x80, 4, [0, 0, 0, 1]), attribute(0x80, 4, [0])]
        let update = try decodeUpdate(updateBody(Base().attributes(for: external) + twice, nlri: Base.nlri))
        #expect(update.announced.first?.attributes.summary.med == 1)
    }

    @Test(arguments: [
        (1, "external", Outcome.withdraw), (2, "external", .withdraw), (3, "external", .withdraw),
        (5, "internal", .withdraw), (1, "internal", .withdraw),
    ])
    func `a missing mandatory attribute withdraws`(code: UInt8, peer: String, wanted: Outcome) {
        let context = peer == "external" ? external : `internal`
        let list = Base().attributes(for: context).filter { $0[1] != code }
        #expect(Outcome(updateBody(list, nlri: Base.nlri), in: context) == wanted)
    }

    @Test func `NEXT_HOP is neither needed nor looked at without prefixes that use it`() throws {
        let reach = attribute(0x80, 14, try hex("0002 01 10 fd000000000000000000000000000001 00 40 fd00000000000002"))
        let list = Base().attributes(for: external)
        #expect(Outcome(updateBody([reach] + list.filter { $0[1] != 3 })) == .accept)
        #expect(Outcome(updateBody([reach] + list.filter { $0[1] != 3 } + [attribute(0x40, 3, [1])])) == .accept)
    }

    @Test(arguments: [
        ("origin 3", 0x40, 1, "03", Outcome.withdraw), ("origin 255", 0x40, 1, "ff", .withdraw),
        ("origin of no octets", 0x40, 1, "", .withdraw),
        ("segment type 0", 0x40, 2, "00 01 0000fde9", .withdraw),
        ("segment type 5", 0x40, 2, "05 01 0000fde9", .withdraw),
        ("segment of 0 numbers", 0x40, 2, "02 00", .withdraw),
        ("segment of 0 numbers in the middle", 0x40, 2, "02 01 0000fde9 02 00 02 01 0000fde9", .withdraw),
        ("segment overrun", 0x40, 2, "02 02 0000fde9", .withdraw),
        ("one octet left", 0x40, 2, "02 01 0000fde9 02", .withdraw),
        ("AS 0", 0x40, 2, "02 02 0000fde9 00000000", .withdraw),
        ("empty path from outside", 0x40, 2, "", .withdraw),
        ("AS_SET", 0x40, 2, "02 01 0000fde9 01 01 00000001", .accept),
        ("AS_CONFED_SEQUENCE", 0x40, 2, "03 01 0000fde9", .withdraw),
        ("AS_CONFED_SET", 0x40, 2, "02 01 0000fde9 04 01 00000001", .withdraw),
        ("next hop this network", 0x40, 3, "00000000", .withdraw), ("next hop 0/8", 0x40, 3, "00010203", .withdraw),
        ("next hop loopback", 0x40, 3, "7f000001", .withdraw), ("next hop class D", 0x40, 3, "e0000001", .withdraw),
        ("next hop class E", 0x40, 3, "f0000001", .withdraw), ("next hop all ones", 0x40, 3, "ffffffff", .withdraw),
        ("AGGREGATOR AS 0", 0xc0, 7, "00000000 c0000201", .discard),
        ("communities of no octets", 0xc0, 8, "", .withdraw),
        ("extended communities of 9", 0xc0, 16, "0102030405060708 09", .withdraw),
        ("AIGP of no octets", 0x80, 26, "", .discard), ("AIGP of 1 octet", 0x80, 26, "01", .discard),
        ("IPv6 extended community of 21", 0xc0, 25, "00010203040506070809 00010203040506070809 01", .withdraw),
        ("connector", 0xc0, 20, "0001 00000000 c0000201", .accept), ("PMSI of 4 octets", 0xc0, 22, "00000000", .accept),
        ("encapsulation overrun", 0xc0, 23, "0001 00ff 01", .accept), ("entropy label", 0xc0, 28, "", .accept),
        ("link state, not transitive", 0x80, 29, "0001 00ff", .accept), ("BGPsec junk", 0x80, 33, "00", .accept),
        ("D-PATH junk", 0xc0, 36, "ff00ff", .accept), ("prefix SID of zeros", 0xc0, 40, "00000000000000", .accept),
        ("attribute set junk", 0xc0, 128, "00", .accept), ("attribute 255", 0xc0, 255, "00", .accept),
        ("unknown well-known", 0x40, 99, "00", .withdraw), ("unknown, not transitive", 0x80, 99, "00", .accept),
        ("type 0", 0xc0, 0, "", .accept),
    ])
    func `bad values from an external peer`(name: String, flags: UInt8, code: UInt8, value: String, wanted: Outcome)
        throws
    {
        let bytes = attribute(flags, code, try hex(value))
        let body = updateBody(Base().attributes(for: external, replacing: bytes), nlri: Base.nlri)
        #expect(Outcome(body, in: external) == wanted)
    }

    @Test func `an internal peer may send an empty path and confederation segments`() throws {
        for value in ["", "03 01 0000fde9", "04 02 00000001 00000002"] {
            let bytes = attribute(0x40, 2, try hex(value))
            let body = updateBody(Base().attributes(for: `internal`, replacing: bytes), nlri: Base.nlri)
            #expect(Outcome(body, in: `internal`) == .accept)
        }
    }

    @Test(arguments: [
        ("3 octets", "0002 01"), ("4 octets", "0002 01 00"), ("next hop of no octets", "0002 01 00 00 00"),
        ("next hop of 9", "0002 01 09 fd0000000000000001 00 00"),
        ("next hop of 24", "0002 01 18 " + String(repeating: "00", count: 25)),
        ("next hop of 4 for ipv6", "0002 01 04 c0000201 00 00"), ("next hop overrun", "0002 01 10 fd00"),
        ("no reserved octet", "0002 01 10 fd000000000000000000000000000001"),
        (
            "prefix of 129 bits",
            "0002 01 10 fd000000000000000000000000000001 00 81 " + String(repeating: "00", count: 17)
        ),
        ("prefix cut off", "0002 01 10 fd000000000000000000000000000001 00 40 fd"),
        ("ipv4 prefix of 33 bits", "0001 01 04 c0000201 00 21 0000000000"),
    ])
    func `an unreadable MP_REACH_NLRI resets`(name: String, value: String) throws {
        let list = [attribute(0x80, 14, try hex(value))] + Base().attributes(for: external)
        #expect(Outcome(updateBody(list, nlri: Base.nlri)) == .reset(3, 9))
    }

    @Test(arguments: ["", "00", "0002", "0002 01 81", "0002 01 40 fd", "0001 01 21 0000000000"])
    func `an unreadable MP_UNREACH_NLRI resets`(value: String) throws {
        #expect(Outcome(updateBody([attribute(0x80, 15, try hex(value))])) == .reset(3, 9))
    }

    @Test(arguments: [
        "0019 46 04 c0000201 00 ff", "0001 80 0c 000000000000000000000000 00 70", "0002 02 10 00", "ffff ff 00 00",
    ])
    func `a family that was not negotiated is ignored`(value: String) throws {
        let list = Base().attributes(for: external)
        let update = try decodeUpdate(updateBody([attribute(0x80, 14, try hex(value))] + list, nlri: Base.nlri))
        #expect(update.announced.count == 1)
        #expect(update.withdrawn.isEmpty)
        #expect(update.faults.map(\.remedy) == [.attributeDiscard])
    }

    @Test func `a good family is ignored too when it was not negotiated`() throws {
        let reach = attribute(0x80, 14, try hex("0002 01 10 fd000000000000000000000000000001 00 40 fd00000000000002"))
        let unreach = attribute(0x80, 15, try hex("0002 01 40 fd00000000000003"))
        let body = updateBody(
            [reach, unreach] + Base().attributes(for: external), nlri: Base.nlri, withdrawn: [8, 10])
        let ipv4 = try decodeUpdate(body, in: DecodeContext(families: .ipv4))
        #expect(ipv4.announced.flatMap(\.prefixes).map(\.family) == [.ipv4])
        #expect(ipv4.withdrawn.map(\.family) == [.ipv4])
        let ipv6 = try decodeUpdate(body, in: DecodeContext(families: .ipv6))
        #expect(ipv6.announced.flatMap(\.prefixes).map(\.family) == [.ipv6])
        #expect(ipv6.withdrawn.map(\.family) == [.ipv6])
        #expect(ipv6.faults.map(\.code) == [0])
    }

    @Test func `next hops of IPv6 that no router has withdraw`() throws {
        for hop in [
            "00000000000000000000000000000000", "00000000000000000000000000000001", "ff020000000000000000000000000001",
        ] {
            let reach = attribute(0x80, 14, try hex("0002 01 10 \(hop) 00 40 fd00000000000002"))
            #expect(Outcome(updateBody([reach] + Base().attributes(for: external))) == .withdraw)
        }
    }

    @Test func `treat as withdraw takes every prefix of the message`() throws {
        let reach = attribute(0x80, 14, try hex("0002 01 10 fd000000000000000000000000000001 00 40 fd00000000000002"))
        let list = [reach] + Base().attributes(for: external, replacing: attribute(0xc0, 8, [1]))
        let update = try decodeUpdate(updateBody(list, nlri: Base.nlri + [0], withdrawn: [8, 11]))
        #expect(update.withdrawn.map(\.description) == ["11.0.0.0/8", "10.244.1.0/24", "0.0.0.0/0", "fd00:0:0:2::/64"])
        #expect(update.announced.isEmpty)
    }

    @Test(arguments: [
        ("attribute longer than the rest", [0xc0, 8, 8, 1, 2, 3] as [UInt8]), ("one octet left", [0x40]),
        ("two octets left", [0x40, 1]),
        ("three of an extended head", [0x50, 1, 0]), ("extended overrun", [0xd0, 8, 0xff, 0xff, 1]),
    ])
    func `an attribute list that does not end well withdraws`(name: String, tail: [UInt8]) {
        #expect(Outcome(updateBody(Base().attributes(for: external) + [tail], nlri: Base.nlri)) == .withdraw)
        // Without prefixes there is nothing to withdraw.
        #expect(Outcome(updateBody([tail])) == .reset(3, 1))
    }

    @Test(arguments: [14, 15] as [UInt8])
    func `a cut off MP attribute hides prefixes, so it resets`(code: UInt8) {
        let tail: [UInt8] = [0x80, code, 40, 0, 2, 1]
        #expect(Outcome(updateBody(Base().attributes(for: external) + [tail], nlri: Base.nlri)) == .reset(3, 9))
    }

    @Test(arguments: [
        ("withdrawn overrun", "0005 0000"), ("attributes overrun", "0000 0005 00"),
        ("withdrawn to the end", "0002 0000"),
        ("attribute length cut", "0001 00 00"),
    ])
    func `sections that do not fit reset`(name: String, body: String) throws {
        #expect(Outcome(try hex(body)) == .reset(3, 1))
    }

    @Test(arguments: ["", "00", "000000"])
    func `a body too short for its lengths has a bad length`(body: String) throws {
        #expect(Outcome(try hex(body)) == .reset(1, 2))
    }

    @Test(arguments: [[33, 1, 2, 3, 4, 5], [24, 1, 2], [255], [32, 1, 2, 3]] as [[UInt8]])
    func `prefixes that cannot be read reset`(prefixes: [UInt8]) {
        #expect(Outcome(updateBody(Base().attributes(for: external), nlri: prefixes)) == .reset(3, 10))
        #expect(Outcome(updateBody([], withdrawn: prefixes)) == .reset(3, 10))
    }

    @Test(
        arguments: [
            (0x40, 1, "03", 6), (0x80, 1, "00", 4), (0x40, 99, "00", 2), (0xc0, 8, "01", 5), (0x40, 2, "05 00", 11),
        ] as [(UInt8, UInt8, String, UInt8)])
    func `an error without prefixes resets with its own subcode`(
        flags: UInt8, code: UInt8, value: String, subcode: UInt8
    ) throws {
        #expect(Outcome(updateBody([attribute(flags, code, try hex(value))])) == .reset(3, subcode))
        // Discards stay discards (RFC 7606 section 5.2).
        #expect(Outcome(updateBody([attribute(0x40, 6, [1])])) == .discard)
    }
}
