import BGPWire
import NetTypes
import TestKit
import Testing

extension AttributeFields {
    /// Every attribute there is, with four-octet AS numbers.
    static let sample: AttributeFields = {
        var fields = AttributeFields()
        fields.origin = 1
        fields.asPath = ASPath([
            .init(kind: 2, numbers: [65001, 4_200_000_000, 65001].map(ASNumber.init(rawValue:))),
            .init(kind: 1, numbers: [1, 2].map(ASNumber.init(rawValue:))),
        ])
        fields.med = 7
        fields.localPref = 200
        fields.atomicAggregate = true
        fields.aggregator = Aggregator(asNumber: ASNumber(rawValue: 4_200_000_000), routerID: RouterID(rawValue: 9))
        fields.communities = [0xfde9_0064, 0xffff_ff01]
        fields.extendedCommunities = [0x0002_fde9_0000_0064]
        fields.largeCommunities = [LargeCommunity(global: 1, local1: 2, local2: 3)]
        fields.originatorID = RouterID(rawValue: 5)
        fields.clusterList = [6, 7]
        fields.unknown = [RawAttribute(flags: 0xe0, code: 99, value: [1, 2])]
        fields.partial = [8]
        return fields
    }()
}

@Suite struct PathAttributesTests {
    private let hop = IPAddress.v4(IPv4Address(192, 0, 2, 1))
    private func numbers(_ list: UInt32...) -> [ASNumber] { list.map(ASNumber.init(rawValue:)) }

    @Test func `a confederation's own segments do not leave it`() {
        var fields = AttributeFields()
        let inner = [ASPath.Segment(kind: 3, numbers: numbers(65100, 65101)), .init(kind: 4, numbers: numbers(65102))]
        fields.asPath = ASPath(inner + [.init(kind: 2, numbers: numbers(7))])
        var rewrite = ExportRewrite()
        rewrite.prepend = numbers(9)
        #expect(AttributeFields(PathAttributes(fields, nextHop: hop).rewritten(rewrite)).asPath.description == "9 7")
        rewrite.prepend = []
        #expect(AttributeFields(PathAttributes(fields, nextHop: hop).rewritten(rewrite)).asPath.description == "7")
        rewrite.isExternal = false
        #expect(AttributeFields(PathAttributes(fields, nextHop: hop).rewritten(rewrite)).asPath == fields.asPath)
        fields.asPath = ASPath(inner)
        rewrite.isExternal = true
        rewrite.prepend = numbers(9)
        #expect(AttributeFields(PathAttributes(fields, nextHop: hop).rewritten(rewrite)).asPath.description == "9")
    }

    @Test func `fields go into bytes and back`() {
        let attributes = PathAttributes(.sample, nextHop: hop)
        #expect(AttributeFields(attributes) == .sample)
        #expect(PathAttributes(AttributeFields(attributes), nextHop: hop) == attributes)
        let empty = PathAttributes(AttributeFields(), nextHop: hop)
        #expect(AttributeFields(empty) == AttributeFields())
        #expect(empty.bytes == [0x40, 1, 1, 0, 0x40, 2, 0])
    }

    @Test func `the summary tells what decisions need`() {
        let summary = PathAttributes(.sample, nextHop: hop).summary
        #expect(summary.origin == 1)
        #expect(summary.asPathLength == 4)
        #expect(summary.neighborAS.rawValue == 65001)
        #expect(summary.med == 7)
        #expect(summary.localPref == 200)
        #expect(summary.originatorID?.rawValue == 5)
        #expect(summary.clusterListLength == 2)
        #expect(summary.noExport && !summary.noAdvertise)
    }

    @Test(
        arguments: [
            (0xffff_ff01, true, false), (0xffff_ff02, false, true), (0xffff_ff03, true, false),
            (0xffff_ff04, false, false),
        ] as [(UInt32, Bool, Bool)])
    func `well-known communities show in the summary`(community: UInt32, noExport: Bool, noAdvertise: Bool) {
        var fields = AttributeFields()
        fields.communities = [1, community, 2]
        let summary = PathAttributes(fields, nextHop: hop).summary
        #expect(summary.noExport == noExport && summary.noAdvertise == noAdvertise)
    }

    @Test(arguments: [("1:1", 0), ("2:1", 2), ("3:1 2:2", 2), ("1:1 2:2", 0), ("", 0)])
    func `the neighbour AS is the first of a sequence`(text: String, wanted: UInt32) {
        var fields = AttributeFields()
        fields.asPath.segments = text.split(separator: " ").map { part in
            let pair = part.split(separator: ":").compactMap { UInt32($0) }
            return .init(kind: UInt8(pair[0]), numbers: [ASNumber(rawValue: pair[0] == 2 ? 2 : pair[1])])
        }
        #expect(PathAttributes(fields, nextHop: hop).summary.neighborAS.rawValue == wanted)
    }

    @Test func `an AS is counted in sequences and sets`() {
        let attributes = PathAttributes(.sample, nextHop: hop)
        #expect(attributes.containsAS(ASNumber(rawValue: 65001)) == 2)
        #expect(attributes.containsAS(ASNumber(rawValue: 2)) == 1)
        #expect(attributes.containsAS(ASNumber(rawValue: 3)) == 0)
        #expect(PathAttributes(bytes: [0xff, 2, 0xff], nextHop: hop, summary: .init()).containsAS(.trans) == 0)
    }

    @Test func `towards an external peer internal attributes go and the AS is put in front`() {
        var rewrite = ExportRewrite()
        rewrite.prepend = numbers(64601, 64601)
        rewrite.nextHop = .v4(IPv4Address(192, 0, 2, 9))
        let result = PathAttributes(.sample, nextHop: hop).rewritten(rewrite)
        var wanted = AttributeFields.sample
        (wanted.med, wanted.localPref, wanted.originatorID, wanted.clusterList) = (nil, nil, nil, [])
        wanted.asPath.segments[0].numbers.insert(contentsOf: numbers(64601, 64601), at: 0)
        #expect(AttributeFields(result) == wanted)
        #expect(result == PathAttributes(wanted, nextHop: .v4(IPv4Address(192, 0, 2, 9))))
        #expect(result.summary == PathAttributes(wanted, nextHop: hop).summary)
    }

    @Test(
        arguments: [
            ([0x0002_fde9_0000_0064, 0x4004_fde9_0000_0001], [0x0002_fde9_0000_0064]), ([0x4300_0000_0000_0001], []),
        ] as [([UInt64], [UInt64])])
    func `extended communities that are not transitive stay inside their AS`(have: [UInt64], passed: [UInt64]) {
        var fields = AttributeFields()
        (fields.extendedCommunities, fields.largeCommunities) = (
            have, [LargeCommunity(global: 1, local1: 1, local2: 1)]
        )
        var rewrite = ExportRewrite()
        let external = PathAttributes(fields, nextHop: hop).rewritten(rewrite)
        rewrite.isExternal = false
        #expect(PathAttributes(fields, nextHop: hop).rewritten(rewrite) == PathAttributes(fields, nextHop: hop))
        fields.extendedCommunities = passed
        #expect(external == PathAttributes(fields, nextHop: hop))
    }

    @Test func `towards an internal peer LOCAL_PREF is set and the path stays`() {
        var rewrite = ExportRewrite()
        rewrite.isExternal = false
        rewrite.localPref = 150
        var wanted = AttributeFields.sample
        wanted.localPref = 150
        #expect(AttributeFields(PathAttributes(.sample, nextHop: hop).rewritten(rewrite)) == wanted)
        var bare = AttributeFields()
        bare.med = 3
        bare.communities = [1]
        let added = PathAttributes(bare, nextHop: hop).rewritten(rewrite)
        bare.localPref = 150
        #expect(added == PathAttributes(bare, nextHop: hop))
    }

    @Test func `reflection adds the originator once and the cluster in front`() {
        var rewrite = ExportRewrite()
        rewrite.isExternal = false
        rewrite.reflection = .init(originatorID: RouterID(rawValue: 77), clusterID: RouterID(rawValue: 88))
        var wanted = AttributeFields.sample
        wanted.clusterList = [88, 6, 7]
        #expect(AttributeFields(PathAttributes(.sample, nextHop: hop).rewritten(rewrite)) == wanted)
        var bare = AttributeFields()
        bare.largeCommunities = [LargeCommunity(global: 1, local1: 1, local2: 1)]
        let added = PathAttributes(bare, nextHop: hop).rewritten(rewrite)
        (bare.originatorID, bare.clusterList) = (RouterID(rawValue: 77), [88])
        #expect(added == PathAttributes(bare, nextHop: hop))
    }

    @Test(arguments: [(253, 2), (254, 2), (255, 1), (255, 255), (0, 300), (10, 600), (60, 0)])
    func `a sequence never exceeds 255 numbers`(present: Int, prepended: Int) {
        var fields = AttributeFields()
        fields.asPath = ASPath(sequence: [ASNumber](repeating: .trans, count: present))
        var rewrite = ExportRewrite()
        rewrite.prepend = (0..<prepended).map { ASNumber(rawValue: UInt32($0 + 1)) }
        let result = PathAttributes(fields, nextHop: hop).rewritten(rewrite)
        let path = AttributeFields(result).asPath
        #expect(path.segments.allSatisfy { $0.kind == 2 && (1...255).contains($0.numbers.count) })
        #expect(path.segments.flatMap(\.numbers) == rewrite.prepend + fields.asPath.segments.flatMap(\.numbers))
        #expect(result.summary.asPathLength == UInt16(present + prepended))
    }

    @Test func `a path that begins with a set, and one without AS_PATH, get a segment of their own`() {
        var fields = AttributeFields()
        fields.asPath = ASPath([.init(kind: 1, numbers: numbers(5))])
        var rewrite = ExportRewrite()
        rewrite.prepend = numbers(9)
        let result = AttributeFields(PathAttributes(fields, nextHop: hop).rewritten(rewrite))
        #expect(result.asPath.description == "9 {5}")
        let bare = PathAttributes(bytes: [0x40, 1, 1, 0, 0xc0, 8, 4, 0, 0, 0, 1], nextHop: hop, summary: .init())
        #expect(AttributeFields(bare.rewritten(rewrite)).asPath.description == "9")
    }

    @Test(arguments: [
        ("2: 1 2 3 | 2: 2 3", "1 2 3"), ("2: 1 2 3 | 2: 9 2 3", "9 2 3"), ("2: 1 2 | 2: 9 2 3", "1 2"),
        ("2: 1 2 | ", "1 2"),
        ("2: 1 2 4 | 2: 3 1: 7 8", "1 3 {7 8}"), ("1: 1 2 2: 3 | 2: 9", "{1 2} 9"),
        ("2: 1 2 1: 7 8 | 1: 5 6", "1 2 {5 6}"),
    ])
    func `AS4_PATH takes the place of the tail`(texts: String, wanted: String) throws {
        let parts = texts.split(separator: "|", omittingEmptySubsequences: false).map(path)
        let update = try decodeUpdate(
            updateBody(
                [
                    attribute(0x40, 1, [0]), attribute(0x40, 2, wire(parts[0], octets: 2)),
                    attribute(0x40, 3, [192, 0, 2, 1]),
                ]
                    + (parts[1].segments.isEmpty ? [] : [attribute(0xc0, 17, wire(parts[1], octets: 4))]),
                nlri: Base.nlri),
            in: DecodeContext(fourOctetAS: false))
        let fields = AttributeFields(try #require(update.announced.first).attributes)
        #expect(fields.asPath.description == wanted)
        #expect(update.faults.isEmpty)
    }

    @Test(arguments: [
        ("00005ba0 -", "5ba0", 23456, false), ("0000fde9 c0000209", "5ba0", 65001, true),
        ("0000fde9 c0000209", "fde8", 65000, false),
    ])
    func `AS4_AGGREGATOR counts only beside AS_TRANS, and with it AS4_PATH`(
        as4: String, own: String, aggregator: UInt32, merges: Bool
    ) throws {
        var list = [
            attribute(0xc0, 17, try hex("02 01 f0000001")), attribute(0x40, 1, [0]),
            attribute(0x40, 2, try hex("02 01 5ba0")),
        ]
        list += [attribute(0x40, 3, [192, 0, 2, 1]), attribute(0xc0, 7, try hex(own + "c0000209"))]
        if !as4.hasSuffix("-") { list.append(attribute(0xc0, 18, try hex(as4))) }
        let update = try decodeUpdate(updateBody(list, nlri: Base.nlri), in: DecodeContext(fourOctetAS: false))
        let fields = AttributeFields(try #require(update.announced.first).attributes)
        #expect(fields.aggregator?.asNumber.rawValue == aggregator)
        let isMerged = merges || as4.hasSuffix("-")
        #expect(fields.asPath.description == (isMerged ? "4026531841" : "23456"))
    }

    @Test(arguments: ["02 00", "02 02 00000001", "07 01 00000001", "02 01 00000000", "", "02"])
    func `a malformed AS4_PATH before AS_PATH is discarded`(value: String) throws {
        let list = [
            attribute(0xc0, 17, try hex(value)), attribute(0x40, 1, [0]), attribute(0x40, 2, try hex("02 01 fde9")),
        ]
        let body = updateBody(list + [attribute(0x40, 3, [192, 0, 2, 1])], nlri: Base.nlri)
        #expect(Outcome(body, in: DecodeContext(fourOctetAS: false)) == .discard)
    }

    /// Reads `2: 1 2 1: 7`, kinds of segments before colons.
    private func path(_ text: some StringProtocol) -> ASPath {
        var path = ASPath()
        for word in text.split(separator: " ") {
            if word.hasSuffix(":") {
                path.segments.append(.init(kind: UInt8(word.dropLast()) ?? 0, numbers: []))
            } else if let number = ASNumber(word), !path.segments.isEmpty {
                path.segments[path.segments.count - 1].numbers.append(number)
            }
        }
        return path
    }

    private func wire(_ path: ASPath, octets: Int) -> [UInt8] {
        path.segments.flatMap { segment in
            [segment.kind, UInt8(segment.numbers.count)]
                + segment.numbers.flatMap { number in
                    (0..<octets).reversed().map { UInt8(truncatingIfNeeded: number.rawValue >> UInt32(8 * $0)) }
                }
        }
    }

    @Test func `partial stays on what we know and is set on what we do not`() throws {
        let list =
            Base().attributes(for: DecodeContext()) + [attribute(0xe0, 8, [0, 1, 0, 1]), attribute(0xc0, 99, [1])]
        let attributes = try #require(try decodeUpdate(updateBody(list, nlri: Base.nlri)).announced.first).attributes
        let fields = AttributeFields(attributes)
        #expect(fields.partial == [8])
        #expect(fields.unknown == [RawAttribute(flags: 0xe0, code: 99, value: [1])])
        #expect(PathAttributes(fields, nextHop: attributes.nextHop) == attributes)
    }

    @Test(arguments: [0, 1, 2, 3, 4, 5] as [UInt64])
    func `cut off canonical bytes are read as far as they go`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let good = PathAttributes(.sample, nextHop: hop).bytes
        var rewrite = ExportRewrite()
        rewrite.prepend = numbers(1)
        for count in 0...good.count {
            var bytes = Array(good.prefix(count))
            if !bytes.isEmpty { bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 0x55 }
            let attributes = PathAttributes(bytes: bytes, nextHop: hop, summary: .init())
            let fields = AttributeFields(attributes)
            let again = PathAttributes(fields, nextHop: hop)
            #expect(AttributeFields(again) == AttributeFields(PathAttributes(AttributeFields(again), nextHop: hop)))
            _ = attributes.rewritten(rewrite)
            var packer = UpdatePacker(fourOctetAS: false)
            _ = packer.announce([Prefix(host: hop)], with: attributes)
        }
    }
}

@Suite struct CommunityTests {
    @Test(arguments: [
        "65001:100", "0:0", "no-export", "no-advertise", "no-export-subconfed", "graceful-shutdown", "blackhole",
        "no-peer",
    ])
    func `communities read and print alike`(text: String) {
        #expect(Community(text)?.description == text)
    }

    @Test(arguments: ["", "1", "65536:1", "1:2:3", "a:b", ":", "no-exports"])
    func `what is no community is refused`(text: String) { #expect(Community(text) == nil) }

    @Test func `large and extended communities print as their fields`() {
        #expect(LargeCommunity("4200000000:2:3")?.description == "4200000000:2:3")
        #expect(LargeCommunity("1:2") == nil)
        #expect(ExtendedCommunity(rawValue: 0x0002_fde9_0000_0064).description == "rt:65001:100")
        #expect(ExtendedCommunity(rawValue: 0x0203_0001_0000_0007).description == "soo:65536:7")
        #expect(ExtendedCommunity(rawValue: 0x0102_c000_0201_0007).description == "rt:192.0.2.1:7")
        #expect(ExtendedCommunity(rawValue: 0x0300_0000_0000_0001).description == "0x0300000000000001")
    }

    @Test func `paths print with their kinds of segments`() {
        let path = ASPath((1...4).map { .init(kind: $0, numbers: [ASNumber(rawValue: 1), ASNumber(rawValue: 2)]) })
        #expect(path.description == "{1 2} 1 2 (1 2) [1 2]")
        #expect(path.hops == 3)
    }
}
