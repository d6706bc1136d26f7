import BGPWire
import NetTypes
import Testing

@testable import RIB

@Suite struct `RIB tables` {
    @Test(arguments: 1...60) func `agree with a model that computes everything anew`(seed: UInt64) throws {
        var world = RIBWorld(seed: seed)
        for step in 0..<120 {
            let isExact = world.step()
            if isExact { world.checkChanges() }
            if !step.isMultiple(of: 3) { try world.flushSome() }
            if step.isMultiple(of: 20) { world.checkCounts() }
            if step.isMultiple(of: 40) { try world.settle() }
        }
        world.checkCounts()
        try world.settle()
        try world.clear()
    }

    @Test func `tables stay as small as what they hold over a million changes`() {
        var rib = RIBTables(policy: .node, seed: 9)
        rib.setPeer(PeerID(rawValue: 1), .external(65001))
        rib.setPeer(PeerID(rawValue: 2), .external(65002, "192.0.2.2"))
        // A peer of IPv4 only and one that is never quite done: neither may keep what is gone.
        for (number, families) in [(1, FamilySet.ipv4), (2, FamilySet.all)] {
            var export = ExportPolicy(
                mode: .all, localAS: asn(64601), isExternal: true, families: families, clusterID: RouterID(rawValue: 1))
            export.ipv4NextHop = ip("192.0.2.10")
            export.ipv6NextHop = ip("2001:db8::10")
            rib.startExport(to: PeerID(rawValue: UInt16(number)), export)
        }
        let attributes = (1...50).map { PathAttributes(.path([65001, $0]), nextHop: ip("2001:db8::1")) }
        var random = SeededGenerator(seed: 9)
        for round in 0..<5000 {
            let fresh = (0..<100).map { index in
                let number = UInt64(round * 100 + index)
                return Prefix(
                    bits: UInt128(0xfd00_0010_0244_0000) << 64 | UInt128(number) << 16, length: 112, family: .ipv6)
            }
            let set = attributes[Int.random(in: 0..<50, using: &random)]
            rib.apply(
                Update(announced: [Announcement(attributes: set, prefixes: fresh)]), from: PeerID(rawValue: 1), at: 0)
            _ = rib.takeChanges(limit: 150, describing: false)
            for id in [1, 2] as [UInt16] {
                for family in AddressFamily.allCases {
                    _ = rib.takeMessages(family, for: PeerID(rawValue: id), limit: 199)
                }
            }
            rib.apply(Update(withdrawn: fresh), from: PeerID(rawValue: 1), at: 0)
        }
        let (capacity, entries, paths) = (rib.ipv6.prefixes.capacity, rib.ipv6.entries.count, rib.ipv6.paths.count)
        #expect(paths == 100)
        #expect(capacity == entries)
        while rib.hasChanges { _ = rib.takeChanges(limit: 1000, describing: false) }
        while rib.hasMessages(.ipv6, for: PeerID(rawValue: 2)) {
            _ = rib.takeMessages(.ipv6, for: PeerID(rawValue: 2), limit: .max)
        }
        let sizes = rib.sizes
        #expect(sizes == (0, 0, 0))
    }

    @Test func `queues that are never empty drop what was read`() {
        var queue: [UInt32] = []
        var (read, most) = (0, 0)
        for value in 0..<1_000_000 as Range<UInt32> {
            queue.append(value)
            if queue.count - read > 100 {
                read += 1
                queue.dropRead(&read)
            }
            most = max(most, queue.count)
        }
        #expect(queue.last == 999_999 && queue[read] == 999_900)
        #expect(most < 10_000)
    }

    @Test func `of an announcement that does not fit only what fits is held to be announced`() throws {
        var rib = RIBTables(policy: .node, seed: 5)
        let (source, target) = (PeerID(rawValue: 1), PeerID(rawValue: 2))
        rib.setPeer(source, .external(65001, mode: .all))
        rib.setPeer(target, .external(65002, "192.0.2.2"))
        var export = ExportPolicy(
            mode: .all, localAS: asn(64601), isExternal: true, families: .all, clusterID: RouterID(rawValue: 1))
        export.ipv4NextHop = ip("192.0.2.10")
        rib.startExport(to: target, export)
        // 4096 octets less header and lengths, less ORIGIN, NEXT_HOP and AS_PATH, leave two octets for prefixes.
        let fill = 4096 - 23 - 4 - 7 - 13 - 4 - 2
        let fields = AttributeFields.path([65001]) {
            $0.unknown = [RawAttribute(flags: 0xe0, code: 99, value: [UInt8](repeating: 1, count: fill))]
        }
        let both = [cidr("11.0.0.0/8"), cidr("11.1.1.1/32")]
        rib.apply(.announce([both[1]], .path([65001]), via: ip("192.0.2.1")), from: source, at: 0)
        _ = rib.takeChanges(limit: 10, describing: false)
        let earlier = try decode(rib.takeMessages(.ipv4, for: target, limit: 10), isExternal: true)
        #expect(earlier.flatMap(\.announced).flatMap(\.prefixes) == [both[1]])
        rib.apply(.announce(both, fields, via: ip("192.0.2.1")), from: source, at: 0)
        _ = rib.takeChanges(limit: 10, describing: false)
        let first = try decode(rib.takeMessages(.ipv4, for: target, limit: 10), isExternal: true)
        #expect(first.flatMap(\.announced).flatMap(\.prefixes) == [cidr("11.0.0.0/8")])
        #expect(first.flatMap(\.withdrawn) == [cidr("11.1.1.1/32")], "an older path must not stay")
        #expect(rib.advertisedCount(target, .ipv4) == 1)
        rib.removePaths(of: source)
        _ = rib.takeChanges(limit: 10, describing: false)
        let second = try decode(rib.takeMessages(.ipv4, for: target, limit: 10), isExternal: true)
        #expect(second.flatMap(\.withdrawn) == [cidr("11.0.0.0/8")])
        let sizes = rib.sizes
        #expect(sizes == (0, 0, 0))
    }

    @Test func `a path that only shares traffic concerns the kernel, and no peer that is told the best`() throws {
        var rib = RIBTables(policy: .node, seed: 5)
        let (first, second, target) = (PeerID(rawValue: 1), PeerID(rawValue: 2), PeerID(rawValue: 3))
        rib.setPeer(first, .external(65001, mode: .all))
        rib.setPeer(second, .external(65002, "192.0.2.2", mode: .all))
        rib.setPeer(target, .external(65003, "192.0.2.3"))
        var export = ExportPolicy(
            mode: .all, localAS: asn(64601), isExternal: true, families: .all, clusterID: RouterID(rawValue: 1))
        export.ipv4NextHop = ip("192.0.2.10")
        rib.startExport(to: target, export)
        let prefix = cidr("11.0.0.0/24")
        func announce(_ rib: inout RIBTables, _ id: PeerID, _ path: [UInt32]) {
            rib.apply(.announce([prefix], .path(path), via: ip("192.0.2.\(id.rawValue)")), from: id, at: 0)
        }
        func told(_ rib: inout RIBTables) throws -> [ASPath] {
            try decode(rib.takeMessages(.ipv4, for: target, limit: 10), isExternal: true).flatMap(\.announced)
                .map { AttributeFields($0.attributes).asPath }
        }
        announce(&rib, first, [65001, 65009])
        #expect(rib.takeChanges(limit: 10, describing: true).first?.best?.nextHops.count == 1)
        #expect(try told(&rib).count == 1)
        announce(&rib, second, [65002, 65009])
        #expect(rib.takeChanges(limit: 10, describing: true).first?.best?.nextHops.count == 2)
        let isWaiting = rib.hasMessages(.ipv4, for: target)
        #expect(!isWaiting)
        announce(&rib, second, [65002])
        _ = rib.takeChanges(limit: 10, describing: true)
        #expect(try told(&rib).map(\.description) == ["64601 65002"], "the best path now")
        announce(&rib, second, [65002])
        rib.removePaths(of: first)
        while rib.hasWork { rib.work(limit: 10) }
        _ = rib.takeChanges(limit: 10, describing: true)
        #expect(try told(&rib).isEmpty)
    }

    @Test func `updates of unknown peers and late ones of removed peers change nothing`() {
        var rib = RIBTables(policy: .node, seed: 5)
        rib.setPeer(PeerID(rawValue: 1), .external(65001))
        rib.apply(
            .announce([cidr("10.244.2.0/24")], .path([65001]), via: ip("192.0.2.1")), from: PeerID(rawValue: 1), at: 0)
        rib.removePeer(PeerID(rawValue: 1))
        rib.apply(
            .announce([cidr("10.244.2.0/24")], .path([65001]), via: ip("192.0.2.1")), from: PeerID(rawValue: 1), at: 0)
        rib.apply(
            .announce([cidr("10.244.2.0/24")], .path([65001]), via: ip("192.0.2.1")), from: PeerID(rawValue: 9), at: 0)
        rib.stopExport(to: PeerID(rawValue: 9))
        rib.resend(.ipv4, to: PeerID(rawValue: 9))
        let changes = rib.takeChanges(limit: 10, describing: true)
        #expect(changes.allSatisfy { $0.best == nil })
        let sizes = rib.sizes
        #expect(sizes == (0, 0, 0))
    }
}
