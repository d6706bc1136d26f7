import BGPWire
import NetTypes
import TestKit
import Testing

/// Inputs that broke other speakers, or are likely to break one: sizes and combinations rather than single values.
@Suite struct BadInputTests {
    private let reach = "0002 01 10 fd000000000000000000000000000001 00 40 fd00000000000002"

    @Test func `withdrawals of another family do not excuse missing attributes`() throws {
        let unreach = attribute(0x80, 15, try hex("0002 01 40 fd00000000000003"))
        let update = try decodeUpdate(updateBody([unreach], nlri: Base.nlri))
        #expect(update.announced.isEmpty)
        #expect(update.withdrawn.map(\.description) == ["fd00:0:0:3::/64", "10.244.1.0/24"])
    }

    @Test(arguments: [
        "e0 1f 10 00000000000000000000000000000000", "80 63 00", "80 0f 04 0002 01 00", "80 0f 03 0019 46",
    ])
    func `what looks like End-of-RIB and is not is none`(attributes: String) throws {
        let update = try decodeUpdate(updateBody([try hex(attributes)]))
        #expect(update.endOfRIB == nil)
        #expect(update.announced.isEmpty)
    }

    @Test func `an MP_REACH_NLRI without prefixes is no End-of-RIB and announces nothing`() throws {
        let empty = attribute(0x80, 14, try hex("0002 01 10 fd000000000000000000000000000001 00"))
        let update = try decodeUpdate(updateBody([empty] + Base().attributes(for: DecodeContext())))
        #expect(update == Update())
    }

    @Test(
        arguments: [
            // What the receiver has said, length of the next hop, its octets: what becomes of IPv4 prefixes behind it.
            (FamilySet.ipv4, "10", "20010db8000000000000000000000001", Outcome.accept),
            (.ipv4, "20", "20010db8000000000000000000000001 fe800000000000000000000000000001", .accept),
            (.ipv4, "04", "c0000201", .accept),
            ([], "10", "20010db8000000000000000000000001", .reset(3, 9)),
            ([], "20", "20010db8000000000000000000000001 fe800000000000000000000000000001", .reset(3, 9)),
            ([], "04", "c0000201", .accept),
            (.ipv4, "0c", "000000000000000020010db8", .reset(3, 9)), (.ipv4, "00", "", .reset(3, 9)),
        ] as [(FamilySet, String, String, Outcome)])
    func `IPv4 has IPv6 next hops only where that was offered, else nobody knows where the prefixes are`(
        offered: FamilySet, length: String, hop: String, wanted: Outcome
    ) throws {
        for isExternal in [true, false] {
            var context = DecodeContext(isExternal: isExternal)
            context.extendedNextHop = offered
            let reach = attribute(0x80, 14, try hex("0001 01 \(length) \(hop) 00 18 0af401"))
            #expect(Outcome(updateBody([reach] + Base().attributes(for: context)), in: context) == wanted)
        }
        // IPv6 prefixes have IPv6 next hops whatever was agreed on.
        var context = DecodeContext()
        context.extendedNextHop = offered
        let six = attribute(0x80, 14, try hex(reach))
        #expect(Outcome(updateBody([six] + Base().attributes(for: context)), in: context) == .accept)
    }

    @Test(arguments: [3, 5, 1024, 4000])
    func `ONLY_TO_CUSTOMER of a wrong length withdraws one route and not the session`(count: Int) {
        let otc = attribute(0xc0, 35, [UInt8](repeating: 0, count: count))
        #expect(Outcome(updateBody(Base().attributes(for: DecodeContext()) + [otc], nlri: Base.nlri)) == .withdraw)
    }

    @Test func `the rest of a message is read after an error in its middle`() throws {
        let bad = attribute(0xc0, 8, [1, 2, 3])
        let body = updateBody([bad, attribute(0x80, 14, try hex(reach))] + Base().attributes(for: DecodeContext()))
        #expect(try decodeUpdate(body).withdrawn.map(\.description) == ["fd00:0:0:2::/64"])
    }

    @Test func `four thousand withdrawals in one extended message are read`() throws {
        let prefixes = (0..<4096).flatMap { [24, 10, UInt8($0 >> 8), UInt8($0 & 255)] as [UInt8] }
        let update = try decodeUpdate(updateBody([], withdrawn: prefixes), in: DecodeContext(maximumLength: 65535))
        #expect(Set(update.withdrawn).count == 4096)
    }

    @Test func `a thousand duplicates of an unknown attribute leave one`() throws {
        let unknown = [[UInt8]](repeating: attribute(0xc0, 99, [1]), count: 1000)
        let update = try decodeUpdate(updateBody(Base().attributes(for: DecodeContext()) + unknown, nlri: Base.nlri))
        #expect(update.announced.count == 1)
        #expect(update.faults.count == 999)
    }

    @Test func `a prefix withdrawn and announced in one message is announced last`() throws {
        let body = updateBody(Base().attributes(for: DecodeContext()), nlri: Base.nlri, withdrawn: Base.nlri)
        let update = try decodeUpdate(body)
        #expect(update.withdrawn == update.announced.first?.prefixes)
        #expect(update.faults.isEmpty)
    }

    @Test(arguments: 0...128)
    func `prefixes of every length survive, with the octets behind them`(length: Int) throws {
        for family in AddressFamily.allCases where length <= family.bitWidth {
            let one = Prefix(bits: .max, length: UInt8(length), family: family)
            var packer = UpdatePacker(fourOctetAS: true)
            packer.withdraw([one, one, one])
            #expect(
                Transcript(packer.take(), in: DecodeContext()).messages.first?.update?.withdrawn == [one, one, one])
        }
    }

    @Test func `a path of two-octet numbers grows only as far as an attribute holds`() throws {
        let context = DecodeContext(fourOctetAS: false, maximumLength: 65535)
        let segment: [UInt8] = [2, 255] + [UInt8](repeating: 1, count: 510)
        for (count, wanted) in [(58, Outcome.accept), (59, .withdraw)] {
            let path = attribute(0x40, 2, (0..<count).flatMap { _ in segment })
            let body = updateBody(Base().attributes(for: context, replacing: path), nlri: Base.nlri)
            #expect(Outcome(body, in: context) == wanted)
        }
        // Sets count one hop each: the merged path would be longer than either.
        let sets = (0..<30).flatMap { _ in [1, 255] + [UInt8](repeating: 1, count: 1020) as [UInt8] }
        let path = attribute(0x40, 2, (0..<58).flatMap { _ in segment })
        let body = updateBody(
            Base().attributes(for: context, replacing: path) + [attribute(0xc0, 17, sets)], nlri: Base.nlri)
        let attributes = try #require(try decodeUpdate(body, in: context).announced.first).attributes
        #expect(attributes.summary.asPathLength == 58 * 255)
        #expect(AttributeFields(attributes).asPath.segments.count == 58)
    }

    @Test func `256 attributes in one message are read`() throws {
        let many = (0...255).filter { AttributeTable.row(UInt8($0)) == nil }.map { attribute(0xc0, UInt8($0), [1]) }
        let update = try decodeUpdate(
            updateBody(many.reversed() + Base().attributes(for: DecodeContext()), nlri: Base.nlri))
        let fields = AttributeFields(try #require(update.announced.first).attributes)
        #expect(fields.unknown.count == many.count)
        #expect(fields.unknown.map(\.code) == fields.unknown.map(\.code).sorted())
        #expect(fields.unknown.allSatisfy { $0.flags == 0xe0 })
    }

    @Test(arguments: [255, 256, 2048, 14000])
    func `long paths are counted and kept`(count: Int) throws {
        let path = ASPath([.init(kind: 2, numbers: (0..<count).map { ASNumber(rawValue: 1 + UInt32($0)) })])
        var fields = AttributeFields()
        fields.asPath = path
        let attributes = PathAttributes(fields, nextHop: .v4(IPv4Address(192, 0, 2, 1)))
        var writer = ByteWriter()
        let context = DecodeContext(maximumLength: 65535)
        let prefixes = [Prefix("10.244.1.0/24")].compactMap { $0 }
        let update = Update(announced: [Announcement(attributes: attributes, prefixes: prefixes)])
        Message.update(update).encode(into: &writer, in: context)
        var framer = Framer(maximumLength: 65535)
        framer.append(writer.bytes)
        let decoded = try #require(try framer.nextMessage(in: context)?.update)
        #expect(decoded.announced.first?.attributes == attributes)
        #expect(decoded.announced.first?.attributes.summary.asPathLength == UInt16(count))
        #expect(attributes.containsAS(ASNumber(rawValue: UInt32(count))) == 1)
    }
}
