import BGPWire
import NetTypes
import RoutePolicy
import Testing

@testable import RIB

private let tor = PeerID(rawValue: 1)
private let other = PeerID(rawValue: 2)

/// A chain of one policy with one rule, which rejects or accepts what `match` says.
private func chain(
    _ verdict: PolicyVerdict, named name: String = "p", _ actions: (inout PolicyActions) -> Void = { _ in },
    match: (inout PolicyMatch) -> Void = { _ in }
) -> PolicyChain {
    var rule = PolicyRule(verdict)
    actions(&rule.actions)
    match(&rule.match)
    var policy = Policy(name: name)
    policy.rules = [rule]
    return PolicyChain([policy])
}

private func rib(_ change: (inout ImportPolicy) -> Void = { _ in }) -> RIBTables {
    var policy = ImportPolicy.node
    change(&policy)
    var rib = RIBTables(policy: policy, seed: 1)
    rib.setPeer(tor, .external(65001, "192.0.2.1", id: 1))
    rib.setPeer(other, .external(65002, "192.0.2.2", id: 2))
    return rib
}

private func announce(
    _ rib: inout RIBTables, _ prefixes: String..., path: [UInt32] = [65001], from peer: PeerID = tor,
    via hop: String = "192.0.2.1", _ change: (inout AttributeFields) -> Void = { _ in }
) {
    rib.apply(.announce(prefixes.map(cidr), .path(path, change), via: ip(hop)), from: peer, at: 1)
}

private func paths(_ rib: borrowing RIBTables, _ kind: PathQuery.Kind = .usable) -> [PathView] {
    rib.paths(PathQuery(kind))
}

/// Takes all changes and tells what the last one of each prefix was.
private func drain(_ rib: inout RIBTables) -> [Prefix: LocRIBChange] {
    var last: [Prefix: LocRIBChange] = [:]
    while rib.hasChanges {
        for change in rib.takeChanges(limit: 100, describing: true) { last[change.prefix] = change }
    }
    return last
}

@Suite struct `Import rules` {
    @Test func `change what the decision sees, and keep what was received`() {
        var rib = rib()
        rib.setImportRules(chain(.accept) { $0.localPref = 200 }, name: "tor", for: tor)
        announce(&rib, "10.244.7.0/24", path: [65001, 65009])
        announce(&rib, "10.244.7.0/24", path: [65002], from: other, via: "192.0.2.2")
        let usable = paths(rib)
        #expect(usable.first { $0.peer == tor }?.standing == .best(.localPref))
        #expect(usable.first { $0.peer == tor }?.attributes.summary.localPref == 200)
        #expect(paths(rib, .received(tor)).first?.attributes.summary.localPref == nil)
        rib.setImportRules(PolicyChain(), name: "tor", for: tor)
        #expect(paths(rib).first { $0.peer == other }?.standing == .best(.asPathLength))
        #expect(paths(rib).first { $0.peer == tor }?.attributes.summary.localPref == nil)
        rib.removePaths(of: tor)
        rib.removePaths(of: other)
        _ = drain(&rib)
        #expect(rib.sizes.attributes == 0)
    }

    @Test func `reject by name, and a changed policy is applied to what is stored`() throws {
        var rib = rib()
        let seven = [try PrefixPattern("10.244.7.0/24")]
        let deny = chain(.reject, named: "from-tor", match: { $0.prefixes = seven })
        rib.setImportRules(deny, name: "tor", for: tor)
        announce(&rib, "10.244.7.0/24", "10.244.8.0/24")
        #expect(paths(rib).map(\.prefix) == [cidr("10.244.8.0/24")])
        let rejected = paths(rib, .rejected(tor))
        #expect(rejected.map(\.standing) == [.rejected(.policy)])
        #expect(rejected.first?.rule == "policy from-tor rule 1")
        #expect(rib.counts(tor, .ipv4).rejected == 1)
        rib.setImportRules(chain(.accept), name: "tor", for: tor)
        #expect(paths(rib).count == 2)
        #expect(rib.counts(tor, .ipv4).rejected == 0)
        #expect(drain(&rib).keys.count == 2)
    }

    @Test func `admit nothing that the safety rules refuse, and may mend a next hop`() {
        var rib = rib()
        rib.setImportRules(chain(.accept) { $0.nextHop = .address(ip("192.0.2.7")) }, name: "tor", for: tor)
        announce(&rib, "198.51.100.0/24", "10.244.1.0/24", "10.244.7.0/24", via: "203.0.113.1")
        #expect(paths(rib).map(\.prefix) == [cidr("10.244.7.0/24")])
        #expect(drain(&rib)[cidr("10.244.7.0/24")]?.best?.nextHops.map(\.address) == [ip("192.0.2.7")])
        rib.setImportRules(chain(.accept) { $0.nextHop = .address(ip("192.0.2.10")) }, name: "tor", for: tor)
        #expect(paths(rib, .rejected(tor)).contains { $0.standing == .rejected(.nextHopOwn) })
    }

    @Test(arguments: 1...30) func `count every attribute set in every order of events`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var rib = rib()
        let chains = [
            PolicyChain(), chain(.accept) { $0.localPref = 200 }, chain(.reject),
            chain(.accept) {
                $0.communities.add = [7]
            } match: {
                $0.communities = [[CommunityPattern("0:8")].compactMap { $0 }]
            },
        ]
        for _ in 0..<200 {
            let peer = Bool.random(using: &random) ? tor : other
            let number = UInt32.random(in: 2...6, using: &random)
            let prefix = "10.244.\(number).0/24"
            switch UInt8.random(in: 0..<8, using: &random) {
            case 0: rib.setImportRules(chains.randomElement(using: &random) ?? PolicyChain(), name: "x", for: peer)
            case 1: rib.apply(Update(withdrawn: [cidr(prefix)]), from: peer, at: 1)
            case 2: rib.removePaths(of: peer)
            case 3: _ = rib.takeChanges(limit: 3, describing: true)
            default:
                let isMarked = Bool.random(using: &random)
                announce(
                    &rib, prefix, "10.244.9.0/24", path: [peer == tor ? 65001 : 65002],
                    from: peer, via: "192.0.2.\(peer.rawValue)"
                ) { if isMarked { $0.communities = [8] } }
            }
        }
        for id in [tor, other] {
            let counts = rib.counts(id, .ipv4)
            #expect(counts.rejected == paths(rib, .rejected(id)).count)
            #expect(counts.received == paths(rib, .received(id)).count)
            rib.removePeer(id)
        }
        _ = drain(&rib)
        #expect(rib.sizes.attributes == 0 && rib.sizes.ipv4 == 0)
    }
}

@Suite struct `Well-known communities` {
    @Test func `GRACEFUL_SHUTDOWN makes an external path the last choice`() {
        var rib = rib()
        announce(&rib, "10.244.7.0/24") { $0.communities = [Community.gracefulShutdown.rawValue] }
        announce(&rib, "10.244.7.0/24", path: [65002, 65009, 65010], from: other, via: "192.0.2.2")
        #expect(paths(rib).first { $0.peer == other }?.standing == .best(.localPref))
        #expect(paths(rib).first { $0.peer == tor }?.attributes.summary.localPref == 0)
        rib.updatePeer(tor) { $0.honorsGracefulShutdown = false }
        #expect(paths(rib).first { $0.peer == tor }?.standing == .best(.asPathLength))
    }

    @Test func `BLACKHOLE counts for one address of the cluster, from a peer that may`() {
        var rib = rib()
        let host = cidr("10.244.7.9/32")
        func send(_ rib: inout RIBTables) {
            for prefix in ["10.244.7.9/32", "198.51.100.9/32", "10.244.1.9/32", "10.244.8.0/24"] {
                announce(&rib, prefix, via: "203.0.113.9") { $0.communities = [Community.blackhole.rawValue] }
            }
        }
        send(&rib)
        #expect(paths(rib).isEmpty)
        rib.updatePeer(tor) { $0.acceptsBlackhole = true }
        #expect(paths(rib).map(\.prefix) == [host], "no other cluster's, not our own pods', no whole network")
        #expect(drain(&rib)[host]?.best?.isBlackhole == true)
        #expect(paths(rib).first?.attributes.summary.noAdvertise == true)
        rib.updatePeer(tor) { $0.acceptsBlackhole = false }
        #expect(paths(rib).isEmpty)
        #expect(drain(&rib)[host]?.best == nil)
    }

    @Test func `NO_EXPORT_SUBCONFED stays inside the AS, and NOPEER from those who are no more than peers`() {
        for (community, external, internal_) in [
            (Community.noExportSubconfederation, false, true), (.noExport, false, true), (.noAdvertise, false, false),
            (.noPeer, true, true),
        ] {
            let attributes = PathAttributes(
                .path([65001]) { $0.communities = [community.rawValue] }, nextHop: ip("192.0.2.1"))
            for isExternal in [true, false] {
                var export = ExportPolicy(
                    mode: .all, localAS: asn(64601), isExternal: isExternal, families: .all,
                    clusterID: RouterID(rawValue: 1))
                export.ipv4NextHop = ip("192.0.2.10")
                let told = export.exported(attributes, source: .external(65001), family: .ipv4, by: .none)
                export.role = .peer
                let toPeer = export.exported(attributes, source: .external(65001), family: .ipv4, by: .none)
                #expect((toPeer != nil) == (told != nil && !(isExternal && community == .noPeer)), "\(community)")
                #expect((told != nil) == (isExternal ? external : internal_), "\(community)")
            }
        }
    }
}

@Suite struct `Export rules` {
    private func start(_ rib: inout RIBTables, mode: ExportPolicy.Mode = .all, _ rules: PolicyChain) {
        var export = ExportPolicy(
            mode: mode, localAS: asn(64601), isExternal: true, families: .ipv4, clusterID: RouterID(rawValue: 1))
        export.ipv4NextHop = ip("192.0.2.10")
        export.rules = rules
        rib.startExport(to: other, export)
    }

    private func flush(_ rib: inout RIBTables) throws -> [Prefix: PathAttributes?] {
        _ = drain(&rib)
        var told: [Prefix: PathAttributes?] = [:]
        for update in try decode(rib.takeAll(.ipv4, for: other), isExternal: true) {
            for prefix in update.withdrawn { told[prefix] = .some(nil) }
            for announcement in update.announced {
                for prefix in announcement.prefixes { told[prefix] = announcement.attributes }
            }
        }
        return told
    }

    @Test func `are asked after the built-in rules, and a change is told on the same session`() throws {
        var rib = rib()
        announce(&rib, "10.244.7.0/24", "10.244.8.0/24")
        rib.originate(cidr("10.244.1.0/24"), PathAttributes(AttributeFields(), nextHop: .v4(.any)), at: 0)
        let seven = [try PrefixPattern("10.244.7.0/24")]
        start(&rib, chain(.reject, match: { $0.prefixes = seven }))
        #expect(try flush(&rib).keys.sorted() == [cidr("10.244.1.0/24"), cidr("10.244.8.0/24")])
        rib.changeExport(to: other) {
            $0.rules = chain(.accept) {
                $0.med = 9
            } match: {
                $0.prefixes = seven
            }
        }
        let second = try flush(&rib)
        #expect(second[cidr("10.244.7.0/24")]??.summary.med == 9)
        rib.changeExport(to: other) { $0.rules = chain(.reject, match: { $0.peers = ["local"] }) }
        let third = try flush(&rib)
        #expect(third[cidr("10.244.1.0/24")] == .some(nil))
        #expect(third[cidr("10.244.7.0/24")]??.summary.med == nil)
        #expect(third[cidr("10.244.8.0/24")] != .some(nil))
        rib.changeExport(to: other) { $0.mode = .localOnly }
        #expect(try flush(&rib).keys.sorted() == [cidr("10.244.7.0/24"), cidr("10.244.8.0/24")])
    }

    @Test func `a goodbye stands above them`() throws {
        var rib = rib()
        rib.originate(cidr("10.244.1.0/24"), PathAttributes(AttributeFields(), nextHop: .v4(.any)), at: 0)
        start(&rib, chain(.accept) { $0.communities.replacement = [7] })
        rib.changeExport(to: other) { $0.gracefulShutdown = true }
        let told = try flush(&rib)[cidr("10.244.1.0/24")] ?? nil
        #expect(told.map { AttributeFields($0).communities } == [7, Community.gracefulShutdown.rawValue])
    }
}
