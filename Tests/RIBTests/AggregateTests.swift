import BGPWire
import NetTypes
import RoutePolicy
import Testing

@testable import RIB

@Suite struct `Aggregates` {
    private let tor = PeerID(rawValue: 1)
    private let other = PeerID(rawValue: 2)
    private let block = cidr("10.244.16.0/20")

    private func rib() -> RIBTables {
        var rib = RIBTables(policy: .node, seed: 1)
        rib.setPeer(tor, .external(65001))
        rib.setPeer(other, .external(65002, "192.0.2.2"))
        var export = ExportPolicy(
            mode: .all, localAS: asn(64601), isExternal: true, families: .all, clusterID: RouterID(rawValue: 1))
        export.ipv4NextHop = ip("192.0.2.10")
        rib.startExport(to: other, export)
        return rib
    }

    private func announce(_ rib: inout RIBTables, _ prefix: String, origin: UInt8 = 0) {
        let fields = AttributeFields.path([65001]) { $0.origin = origin }
        rib.apply(.announce([cidr(prefix)], fields, via: ip("192.0.2.1")), from: tor, at: 1)
    }

    /// What the other peer holds after everything was told.
    private func flush(_ rib: inout RIBTables, _ told: inout [Prefix: PathAttributes]) throws {
        while rib.hasChanges { _ = rib.takeChanges(limit: 100, describing: true) }
        for update in try decode(rib.takeAll(.ipv4, for: other), isExternal: true) {
            for prefix in update.withdrawn { told[prefix] = nil }
            for announcement in update.announced {
                for prefix in announcement.prefixes { told[prefix] = announcement.attributes }
            }
        }
    }

    @Test func `are announced while something more specific is there`() throws {
        var rib = rib()
        var told: [Prefix: PathAttributes] = [:]
        rib.setAggregates([Aggregate(prefix: block)])
        announce(&rib, "10.244.40.0/24")
        try flush(&rib, &told)
        #expect(told.keys.sorted() == [cidr("10.244.40.0/24")] && rib.activeAggregates.isEmpty)
        announce(&rib, "10.244.17.0/24")
        announce(&rib, "10.244.18.0/24")
        try flush(&rib, &told)
        #expect(rib.activeAggregates == [block])
        let fields = try AttributeFields(#require(told[block]))
        #expect(fields.atomicAggregate && fields.asPath.description == "64601")
        #expect(fields.aggregator?.asNumber == asn(64601))
        #expect(told[cidr("10.244.17.0/24")] != nil)
        rib.apply(Update(withdrawn: [cidr("10.244.17.0/24")]), from: tor, at: 1)
        try flush(&rib, &told)
        #expect(told[block] != nil)
        rib.removePaths(of: tor)
        try flush(&rib, &told)
        #expect(told.isEmpty && rib.activeAggregates.isEmpty)
        #expect(rib.sizes.attributes == 0 && rib.sizes.ipv4 == 0)
    }

    @Test func `have the worst ORIGIN of what is inside, as that comes, changes and goes`() throws {
        var rib = rib()
        var told: [Prefix: PathAttributes] = [:]
        rib.setAggregates([Aggregate(prefix: block)])
        func origin() throws -> UInt8? {
            try flush(&rib, &told)
            return told[block].map { AttributeFields($0).origin }
        }
        announce(&rib, "10.244.17.0/24")
        #expect(try origin() == 0)
        announce(&rib, "10.244.18.0/24", origin: 1)
        #expect(try origin() == 1)
        announce(&rib, "10.244.19.0/24", origin: 2)
        #expect(try origin() == 2, "INCOMPLETE if one of them is (RFC 4271 section 9.2.2.2)")
        announce(&rib, "10.244.19.0/24", origin: 0)
        #expect(try origin() == 1)
        announce(&rib, "10.244.17.0/24", origin: 2)
        #expect(try origin() == 2)
        rib.setAggregates([Aggregate(prefix: block, summaryOnly: true)])
        #expect(try origin() == 2, "and those that are counted when the configuration changes")
        rib.apply(Update(withdrawn: [cidr("10.244.17.0/24"), cidr("10.244.18.0/24")]), from: tor, at: 1)
        #expect(try origin() == 0)
        rib.removePaths(of: tor)
        #expect(try origin() == nil)
        #expect(rib.sizes.attributes == 0 && rib.sizes.ipv4 == 0)
    }

    @Test func `that are summaries hide what is inside, until the configuration says otherwise`() throws {
        var rib = rib()
        var told: [Prefix: PathAttributes] = [:]
        announce(&rib, "10.244.17.0/24")
        rib.originate(cidr("10.244.18.0/24"), PathAttributes(AttributeFields(), nextHop: .v4(.any)), at: 0)
        try flush(&rib, &told)
        #expect(told.count == 2)
        rib.setAggregates([Aggregate(prefix: block, summaryOnly: true)])
        try flush(&rib, &told)
        #expect(told.keys.sorted() == [block])
        rib.setAggregates([Aggregate(prefix: block)])
        try flush(&rib, &told)
        #expect(told.count == 3)
        rib.setAggregates([])
        try flush(&rib, &told)
        #expect(told.keys.sorted() == [cidr("10.244.17.0/24"), cidr("10.244.18.0/24")])
    }
}

@Suite struct `Decision options` {
    private func rib(_ change: (inout DecisionOptions) -> Void) -> RIBTables {
        var rib = RIBTables(policy: .node, seed: 1)
        for (index, number) in [65001, 65002, 65001].enumerated() {
            rib.setPeer(
                PeerID(rawValue: UInt16(index + 1)),
                .external(UInt32(number), "192.0.2.\(index + 1)", id: UInt32(index + 1)))
        }
        var options = DecisionOptions()
        change(&options)
        rib.setDecision(options, maximumPaths: 16)
        return rib
    }

    private func announce(
        _ rib: inout RIBTables, from peer: UInt16, _ path: [UInt32],
        _ change: (inout AttributeFields) -> Void = { _ in }
    ) {
        rib.apply(
            .announce([cidr("10.244.7.0/24")], .path(path, change), via: ip("192.0.2.\(peer)")),
            from: PeerID(rawValue: peer), at: 1)
    }

    private func hops(_ rib: inout RIBTables) -> [LocRIBChange.NextHop] {
        var last: LocRIBChange?
        while rib.hasChanges { last = rib.takeChanges(limit: 10, describing: true).last }
        return last?.best?.nextHops ?? []
    }

    @Test func `without relax external paths share traffic within one neighbour AS only`() {
        for relax in [true, false] {
            var rib = rib { $0.multipathRelax = relax }
            announce(&rib, from: 1, [65001, 7])
            announce(&rib, from: 2, [65002, 7])
            announce(&rib, from: 3, [65001, 8])
            #expect(hops(&rib).map(\.peer.rawValue) == (relax ? [1, 2, 3] : [1, 3]))
        }
    }

    @Test func `without relax internal paths share traffic with the same AS_PATH only`() {
        for relax in [true, false] {
            var rib = rib { $0.multipathRelax = relax }
            for number in 1...3 as ClosedRange<UInt16> {
                rib.setPeer(PeerID(rawValue: number), .internal_("192.0.2.\(number)", id: UInt32(number), mode: .safe))
            }
            announce(&rib, from: 1, [7, 8])
            announce(&rib, from: 2, [7, 9])
            announce(&rib, from: 3, [7, 8])
            #expect(hops(&rib).map(\.peer.rawValue) == (relax ? [1, 2, 3] : [1, 3]))
        }
    }

    @Test func `MED is compared between ASes, and a missing one is worst, when asked`() {
        var rib = rib { $0.alwaysCompareMED = true }
        announce(&rib, from: 1, [65001]) { $0.med = 20 }
        announce(&rib, from: 2, [65002]) { $0.med = 10 }
        #expect(hops(&rib).map(\.peer.rawValue) == [2])
        rib.setDecision(DecisionOptions(), maximumPaths: 16)
        #expect(hops(&rib).map(\.peer.rawValue) == [1, 2])
        announce(&rib, from: 3, [65001])
        #expect(hops(&rib).map(\.peer.rawValue) == [2, 3])
        var options = DecisionOptions()
        options.missingMEDWorst = true
        rib.setDecision(options, maximumPaths: 16)
        #expect(hops(&rib).map(\.peer.rawValue) == [1, 2])
        rib.setDecision(options, maximumPaths: 1)
        #expect(hops(&rib).map(\.peer.rawValue) == [1])
    }

    @Test func `link bandwidths become weights if every path has one, and a policy's weight comes first`() {
        func bandwidth(_ rate: Float) -> UInt64 { 0x4004_fde9 << 32 | UInt64(rate.bitPattern) }
        var rib = rib { _ in }
        announce(&rib, from: 1, [65001]) { $0.extendedCommunities = [bandwidth(1.25e9)] }
        announce(&rib, from: 2, [65002]) { $0.extendedCommunities = [bandwidth(3.75e9)] }
        #expect(hops(&rib).map(\.weight) == [85, 256])
        announce(&rib, from: 1, [65001]) { $0.extendedCommunities = [bandwidth(1.25e9)] }
        announce(&rib, from: 2, [65002]) { $0.extendedCommunities = [bandwidth(2.5e9)] }
        #expect(hops(&rib).map(\.weight) == [1, 2])
        announce(&rib, from: 3, [65001])
        #expect(hops(&rib).map(\.weight) == [1, 1, 1])
        var rule = PolicyRule(.accept)
        rule.actions.weight = 20
        var policy = Policy(name: "heavy")
        policy.rules = [rule]
        rib.setImportRules(PolicyChain([policy]), name: "three", for: PeerID(rawValue: 3))
        #expect(hops(&rib).map(\.weight) == [1, 1, 20])
    }
}
