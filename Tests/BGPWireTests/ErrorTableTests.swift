import BGPWire
import NetTypes
import TestKit
import Testing

/// Every attribute × {wrong flags, no octets, one too few, one too many, twice, missing, bad value}, as RFC 7606 and
/// the RFC of each attribute have it: A accept, D attribute discard, W treat as withdraw, R session reset (3.9, and 3.1
/// for what stands twice); `-` where there is no such case.
private struct Row {
    let name: String
    let flags: UInt8
    let code: UInt8
    let good: String
    let bad: String
    /// From an external peer, from an internal one, and from an external one of two-octet AS numbers.
    let outcomes: [String]

    init(_ name: String, _ flags: UInt8, _ code: UInt8, _ good: String, bad: String = "", _ outcomes: String...) {
        (self.name, self.flags, self.code, self.good, self.bad) = (name, flags, code, good, bad)
        self.outcomes = outcomes
    }
}

private let reach = "0002 01 10 fd000000000000000000000000000001 00 40 fd00000000000002"
private let badReach = "0002 01 09 fd0000000000000001 00 40 fd00000000000002"
private let labels = [
    "wrong flags", "no octets", "one octet too few", "one octet too many", "twice", "missing", "bad value",
]

private let table = [
    Row("ORIGIN", 0x40, 1, "00", bad: "03", "WWWWDWW", "WWWWDWW", "WWWWDWW"),
    Row("AS_PATH", 0x40, 2, "02 01 0000fde9", bad: "02 01 00000000", "WWWWDWW", "WAWWDWW", "-------"),
    Row("AS_PATH of two octets", 0x40, 2, "02 01 fde9", bad: "02 01 0000", "-------", "-------", "WWWWDWW"),
    Row("NEXT_HOP", 0x40, 3, "c0000201", bad: "7f000001", "WWWWDWW", "WWWWDWW", "WWWWDWW"),
    Row("MULTI_EXIT_DISC", 0x80, 4, "00000001", "WWWWDA-", "WWWWDA-", "WWWWDA-"),
    Row("LOCAL_PREF", 0x40, 5, "00000064", "DDDDDA-", "WWWWDW-", "DDDDDA-"),
    Row("ATOMIC_AGGREGATE", 0x40, 6, "", "WA-DDA-", "WA-DDA-", "WA-DDA-"),
    Row("AGGREGATOR", 0xc0, 7, "0000fde9 c0000201", bad: "00000000 c0000201", "WDDDDAD", "WDDDDAD", "-------"),
    Row("AGGREGATOR of two octets", 0xc0, 7, "fde9 c0000201", bad: "0000 c0000201", "-------", "-------", "WDDDDAD"),
    Row("COMMUNITIES", 0xc0, 8, "fde90001", "WWWWDA-", "WWWWDA-", "WWWWDA-"),
    Row("ORIGINATOR_ID", 0x80, 9, "c0000201", "DDDDDA-", "WWWWDA-", "DDDDDA-"),
    Row("CLUSTER_LIST", 0x80, 10, "c0000201", "DDDDDA-", "WWWWDA-", "DDDDDA-"),
    // One octet more is a default route, or the length of a prefix.
    Row("MP_REACH_NLRI", 0x80, 14, reach, bad: badReach, "WRRARAR", "WRRARAR", "WRRARAR"),
    Row(
        "MP_UNREACH_NLRI", 0x80, 15, "0002 01 40 fd00000000000002", bad: "0002 01 81 fd", "WRRARAR", "WRRARAR",
        "WRRARAR"),
    Row("EXTENDED_COMMUNITIES", 0xc0, 16, "0002fde900000001", "WWWWDA-", "WWWWDA-", "WWWWDA-"),
    Row("AS4_PATH", 0xc0, 17, "02 01 0000fde9", bad: "02 00", "DDDDDAD", "DDDDDAD", "WDDDDAD"),
    Row("AS4_AGGREGATOR", 0xc0, 18, "0000fde9 c0000201", bad: "00000000 c0000201", "DDDDDAD", "DDDDDAD", "WDDDDAD"),
    Row(
        "IPV6_EXTENDED_COMMUNITIES", 0xc0, 25, "0002 20010db8000000000000000000000001 0001", "WWWWDA-", "WWWWDA-",
        "WWWWDA-"),
    Row("AIGP", 0x80, 26, "01 000b 0000000000000001", bad: "01 00ff 00", "DDDDDAD", "DDDDDAD", "DDDDDAD"),
    Row("LARGE_COMMUNITIES", 0xc0, 32, "00000001 00000002 00000003", "WWWWDA-", "WWWWDA-", "WWWWDA-"),
    Row("ONLY_TO_CUSTOMER", 0xc0, 35, "0000fde9", "WWWWDA-", "WWWWDA-", "WWWWDA-"),
]

/// What a unicast speaker does not know: passed on with the partial bit where it is transitive, else dropped.
private let unknown: [UInt8] = [20, 21, 22, 23, 24, 27, 28, 29, 33, 34, 36, 37, 38, 39, 40, 99, 128, 255]

@Suite struct ErrorTableTests {
    private static let contexts = [
        ("external", DecodeContext(isExternal: true)), ("internal", DecodeContext(isExternal: false)),
        ("two octets", DecodeContext(fourOctetAS: false, isExternal: true)),
    ]

    @Test(arguments: 0...2) func `every attribute, every fault`(index: Int) throws {
        let (peer, context) = Self.contexts[index]
        for row in table {
            let cases = try Self.cases(row, in: context)
            for (number, letter) in row.outcomes[index].enumerated() where letter != "-" {
                let wanted = Self.outcome(letter, number)
                let found = Outcome(updateBody(cases[number], nlri: Base.nlri), in: context)
                #expect(found == wanted, "\(row.name), \(labels[number]), \(peer)")
            }
        }
    }

    private static func outcome(_ letter: Character, _ number: Int) -> Outcome {
        switch letter {
        case "A": .accept
        case "D": .discard
        case "W": .withdraw
        default: .reset(3, number == 4 ? 1 : 9)
        }
    }

    /// The attributes of an announcement, for each of the faults.
    private static func cases(_ row: Row, in context: DecodeContext) throws -> [[[UInt8]]] {
        let value = try hex(row.good)
        let base = Base().attributes(for: context)
        let others = base.filter { $0[1] != row.code }
        func with(_ list: [UInt8]...) -> [[UInt8]] { others + list }
        let good = attribute(row.flags, row.code, value)
        return [
            with(attribute(row.flags ^ 0x80, row.code, value)), with(attribute(row.flags, row.code, [])),
            with(attribute(row.flags, row.code, Array(value.dropLast()))),
            with(attribute(row.flags, row.code, value + [0])), with(good, good), others,
            with(attribute(row.flags, row.code, try hex(row.bad))),
        ]
    }

    @Test func `the table has every row of the code`() {
        #expect(Set(table.map(\.code)) == Set(AttributeTable.rows.map(\.code)))
        #expect(Set(unknown).isDisjoint(with: table.map(\.code)))
    }

    @Test func `what is not known is passed on or dropped by its flags, and twice is once`() throws {
        let base = Base().attributes(for: DecodeContext())
        for code in unknown {
            for value: [UInt8] in [[], [0], [0xff, 0, 1, 2], [UInt8](repeating: 0, count: 300)] {
                let passed = attribute(0xc0, code, value)
                let update = try decodeUpdate(updateBody(base + [passed], nlri: Base.nlri))
                let kept = update.announced.first.map { AttributeFields($0.attributes).unknown }
                #expect(kept == [RawAttribute(flags: 0xe0, code: code, value: value)], "\(code)")
                #expect(Outcome(updateBody(base + [passed, passed], nlri: Base.nlri)) == .discard)
                let dropped = try decodeUpdate(updateBody(base + [attribute(0x80, code, value)], nlri: Base.nlri))
                #expect(dropped.announced.first.map { AttributeFields($0.attributes).unknown } == [], "\(code)")
                #expect(Outcome(updateBody(base + [attribute(0x40, code, value)], nlri: Base.nlri)) == .withdraw)
            }
        }
    }

    @Test func `of several faults the strongest counts`() throws {
        let discard = attribute(0x40, 6, [1])
        let withdraw = attribute(0xc0, 8, [1])
        let reset = attribute(0x80, 15, [0])
        let base = Base().attributes(for: DecodeContext())
        for list in [[discard, withdraw], [withdraw, discard]] {
            #expect(Outcome(updateBody(base + list, nlri: Base.nlri)) == .withdraw)
        }
        for list in [[discard, withdraw, reset], [reset, withdraw, discard]] {
            #expect(Outcome(updateBody(base + list, nlri: Base.nlri)) == .reset(3, 9))
        }
    }

    @Test func `a prefix that is withdrawn and announced at once is announced`() throws {
        let base = Base().attributes(for: DecodeContext())
        let update = try decodeUpdate(updateBody(base, nlri: Base.nlri, withdrawn: Base.nlri))
        #expect(update.announced.flatMap(\.prefixes).map(\.description) == ["10.244.1.0/24"])
        #expect(update.withdrawn.map(\.description) == ["10.244.1.0/24"], "and withdrawn before")
    }

    @Test func `an extended length is legal however short the value is`() throws {
        let base = Base().attributes(for: DecodeContext()).map { [$0[0] | 0x10, $0[1], 0] + $0[2...] }
        #expect(Outcome(updateBody(base, nlri: Base.nlri)) == .accept)
    }
}
