import BGPWire
import NetTypes
import TestKit
import Testing

@Suite struct UpdatePackerTests {
    private let v4Hop = IPAddress.v4(IPv4Address(192, 0, 2, 1))
    private let v6Hop = IPAddress.v6(IPv6Address(rawValue: 0xfd00 << 112 | 1))

    private func attributes(_ nextHop: IPAddress, path: [UInt32] = [65001], communities: Int = 0) -> PathAttributes {
        var fields = AttributeFields()
        fields.asPath = ASPath(sequence: path.map(ASNumber.init(rawValue:)))
        fields.communities = (0..<communities).map { UInt32($0) }
        return PathAttributes(fields, nextHop: nextHop)
    }

    private func prefixes(_ family: AddressFamily, _ count: Int, length: UInt8) -> [Prefix] {
        (0..<count).map { Prefix(bits: UInt128($0 + 1) << (128 - UInt128(length)), length: length, family: family) }
    }

    private func updates(_ bytes: [UInt8], in context: DecodeContext = DecodeContext()) -> [Update] {
        var context = context
        context.extendedNextHop = .ipv4
        return Transcript(bytes, in: context).messages.compactMap(\.update)
    }

    private func lengths(_ bytes: [UInt8]) -> [Int] {
        var (lengths, place): ([Int], Int) = ([], 0)
        while place + 19 <= bytes.count {
            lengths.append(Int(bytes[place + 16]) << 8 | Int(bytes[place + 17]))
            place += max(lengths.last ?? 0, 19)
        }
        return lengths
    }

    @Test(arguments: [
        (AddressFamily.ipv4, 4096), (.ipv6, 4096), (.ipv4, 65535), (.ipv6, 65535), (.ipv4, 64), (.ipv6, 120),
    ])
    func `many prefixes fill messages up to the limit and none is lost`(family: AddressFamily, limit: Int) {
        let all = prefixes(family, 5000, length: family == .ipv4 ? 24 : 64)
        let sent = attributes(family == .ipv4 ? v4Hop : v6Hop)
        var packer = UpdatePacker(maximumLength: limit, fourOctetAS: true)
        #expect(packer.announce(all, with: sent).isEmpty)
        let bytes = packer.take()
        let lengths = lengths(bytes)
        #expect(lengths.allSatisfy { $0 <= limit })
        #expect(lengths.dropLast().allSatisfy { $0 > limit - 18 })
        let read = updates(bytes, in: DecodeContext(maximumLength: limit)).flatMap(\.announced)
        #expect(read.flatMap(\.prefixes) == all)
        #expect(read.allSatisfy { $0.attributes == sent })
        #expect(packer.take().isEmpty)
    }

    @Test(arguments: [AddressFamily.ipv4, .ipv6])
    func `withdrawals of both families are packed`(family: AddressFamily) {
        let all = prefixes(.ipv4, 3000, length: 24) + prefixes(.ipv6, 3000, length: 64)
        var packer = UpdatePacker(maximumLength: 4096, fourOctetAS: true)
        packer.withdraw(all)
        let bytes = packer.take()
        #expect(lengths(bytes).allSatisfy { $0 <= 4096 })
        #expect(Set(updates(bytes).flatMap(\.withdrawn)) == Set(all))
    }

    @Test(arguments: [AddressFamily.ipv4, .ipv6])
    func `the last octet of room is used, and what never fits is given back`(family: AddressFamily) {
        let hop = family == .ipv4 ? v4Hop : v6Hop
        let short = prefixes(family, 1, length: 8)
        let long = prefixes(family, 1, length: family == .ipv4 ? 32 : 128)
        var (fits, left) = (0, 0)
        for communities in 950...1030 {
            let sent = attributes(hop, communities: communities)
            var packer = UpdatePacker(maximumLength: 4096, fourOctetAS: true)
            let unsent = packer.announce(short + long, with: sent)
            let bytes = packer.take()
            #expect(lengths(bytes).allSatisfy { $0 <= 4096 })
            #expect(Set(updates(bytes).flatMap(\.announced).flatMap(\.prefixes) + unsent) == Set(short + long))
            fits += unsent.isEmpty ? 1 : 0
            left += unsent == short + long ? 1 : 0
        }
        #expect(fits > 0 && left > 0)
    }

    @Test func `a message of exactly the limit is sent`() {
        // 23 octets, ORIGIN 4, AS_PATH 9, NEXT_HOP 7, COMMUNITIES 4 + 4n: 4096 = 47 + 4 * 1011 + 5 for a /32.
        var packer = UpdatePacker(maximumLength: 4096, fourOctetAS: true)
        let host = prefixes(.ipv4, 1, length: 32)
        #expect(packer.announce(host, with: attributes(v4Hop, communities: 1011)).isEmpty)
        #expect(lengths(packer.take()) == [4096])
        #expect(packer.announce(host, with: attributes(v4Hop, communities: 1012)) == host)
        #expect(packer.take().isEmpty)
    }

    @Test func `IPv4 goes into NLRI with an IPv4 next hop and into MP_REACH_NLRI with an IPv6 one`() throws {
        var packer = UpdatePacker(fourOctetAS: true)
        let prefix = prefixes(.ipv4, 1, length: 24)
        #expect(packer.announce(prefix, with: attributes(v4Hop)).isEmpty)
        #expect(packer.bytes.suffix(4) == [24, 0, 0, 1])
        _ = packer.take()
        #expect(packer.announce(prefix, with: attributes(v6Hop)).isEmpty)
        let bytes = packer.take()
        #expect(Array(bytes[23..<28]) == [0x80, 14, 25, 0, 1])
        #expect(updates(bytes).first?.announced.first?.attributes.nextHop == v6Hop)
        #expect(packer.announce(prefixes(.ipv6, 2, length: 64), with: attributes(v4Hop)).count == 2)
    }

    @Test func `a link-local next hop travels beside the global one`() {
        let linkLocal = IPv6Address(rawValue: 0xfe80 << 112 | 7)
        let sent = PathAttributes(AttributeFields.sample, nextHop: v6Hop, linkLocalNextHop: linkLocal)
        var packer = UpdatePacker(fourOctetAS: true)
        #expect(packer.announce(prefixes(.ipv6, 1, length: 64), with: sent).isEmpty)
        #expect(updates(packer.take(), in: DecodeContext(isExternal: false)).first?.announced.first?.attributes == sent)
    }

    @Test func `attributes are in order of their codes, MP_REACH_NLRI first`() {
        var packer = UpdatePacker(fourOctetAS: false)
        _ = packer.announce(prefixes(.ipv4, 1, length: 24), with: PathAttributes(.sample, nextHop: v4Hop))
        _ = packer.announce(prefixes(.ipv6, 1, length: 64), with: PathAttributes(.sample, nextHop: v6Hop))
        let codes = packedCodes(packer.take())
        #expect(
            codes == [
                [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 17, 18, 32, 99],
                [14, 1, 2, 4, 5, 6, 7, 8, 9, 10, 16, 17, 18, 32, 99],
            ])
    }

    /// The attribute codes of each message.
    private func packedCodes(_ bytes: [UInt8]) -> [[UInt8]] {
        var (result, start): ([[UInt8]], Int) = ([], 0)
        for length in lengths(bytes) {
            var place = start + 23
            let end = place + Int(bytes[start + 21]) << 8 + Int(bytes[start + 22])
            var codes: [UInt8] = []
            while place + 2 < min(end, bytes.count) {
                codes.append(bytes[place + 1])
                let isLong = bytes[place] & 0x10 != 0
                place += isLong ? 4 + Int(bytes[place + 2]) << 8 + Int(bytes[place + 3]) : 3 + Int(bytes[place + 2])
            }
            result.append(codes)
            start += length
        }
        return result
    }

    @Test func `End-of-RIB is what the RFC says, octet by octet`() throws {
        var packer = UpdatePacker(fourOctetAS: true)
        packer.endOfRIB(.ipv4)
        packer.endOfRIB(.ipv6)
        let marker = [UInt8](repeating: 0xff, count: 16)
        let wanted = try marker + hex("0017 02 0000 0000") + marker + hex("001d 02 0000 0006 80 0f 03 0002 01")
        #expect(packer.bytes == wanted)
        #expect(updates(packer.bytes).map(\.endOfRIB) == [.ipv4, .ipv6])
    }

    @Test func `mixed families are told apart`() {
        var packer = UpdatePacker(fourOctetAS: true)
        let all = prefixes(.ipv6, 2, length: 64) + prefixes(.ipv4, 2, length: 24)
        #expect(packer.announce(all, with: attributes(v6Hop)).isEmpty)
        #expect(Set(updates(packer.take()).flatMap(\.announced).flatMap(\.prefixes)) == Set(all))
        #expect(packer.announce([], with: attributes(v6Hop)).isEmpty && packer.take().isEmpty)
    }

    @Test(arguments: [[65001, 65002], [65001, 4_200_000_000], [4_200_000_000, 23456, 1]] as [[UInt32]])
    func `a two-octet peer can put the path together again`(path: [UInt32]) throws {
        var packer = UpdatePacker(fourOctetAS: false)
        let sent = attributes(v4Hop, path: path)
        #expect(packer.announce(prefixes(.ipv4, 1, length: 24), with: sent).isEmpty)
        let bytes = packer.take()
        #expect(packedCodes(bytes).first?.contains(17) == path.contains { $0 > 65535 })
        let read = updates(bytes, in: DecodeContext(fourOctetAS: false))
        #expect(read.first?.announced.first?.attributes == sent)
        #expect(read.first?.faults == [])
    }

    @Test func `a two-octet peer gets AGGREGATOR in both widths`() {
        var packer = UpdatePacker(fourOctetAS: false)
        let sent = PathAttributes(.sample, nextHop: v4Hop)
        #expect(packer.announce(prefixes(.ipv4, 1, length: 24), with: sent).isEmpty)
        let context = DecodeContext(fourOctetAS: false, isExternal: false)
        #expect(updates(packer.take(), in: context).first?.announced.first?.attributes == sent)
    }
}
