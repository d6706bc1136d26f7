import BGPWire
import NetTypes
import Testing

@testable import RIB

@Suite struct `Import policy` {
    /// The hostile announcements and what is said of each; what is good stands at the end.
    static let prefixes: [(String, RejectReason)] = [
        ("0.0.0.0/0", .defaultRoute), ("10.96.0.0/12", .outsideClusterCIDRs), ("10.244.2.7/32", .tooLong),
        ("10.244.1.128/25", .insideOwnPodCIDR), ("10.244.1.0/24", .ownPodCIDR), ("10.244.1.5/32", .insideOwnPodCIDR),
        ("169.254.1.1/32", .martian), ("192.0.2.10/32", .ownAddress), ("127.0.0.0/8", .martian),
        ("10.244.0.0/16", .coversOwnPodCIDR), ("10.244.0.0/23", .coversOwnPodCIDR), ("10.0.0.0/8", .coversOwnPodCIDR),
        ("10.244.200.0/24", .ownAddress), ("10.244.201.0/24", .linkSubnet), ("10.244.201.128/25", .linkSubnet),
        ("192.0.2.0/24", .ownAddress), ("192.0.2.64/26", .linkSubnet), ("224.0.0.0/8", .martian),
        ("0.0.0.1/32", .martian),
        ("10.244.2.0/29", .tooLong), ("203.0.113.0/24", .outsideClusterCIDRs), ("0.0.0.0/1", .coversOwnPodCIDR),
        ("::/0", .defaultRoute), ("fd00:10:96::/108", .outsideClusterCIDRs), ("fd00:10:244:2::7/128", .tooLong),
        ("fd00:10:244:1:8000::/65", .insideOwnPodCIDR), ("fd00:10:244:1::/64", .ownPodCIDR),
        ("fd00:10:244:1::5/128", .insideOwnPodCIDR), ("fe80::1/128", .martian), ("2001:db8::10/128", .ownAddress),
        ("::1/128", .martian), ("fd00:10:244::/48", .coversOwnPodCIDR), ("ff00::/8", .martian),
        ("::ffff:10.244.2.0/120", .martian), ("2001:db8::/80", .ownAddress), ("2001:db8:0:0:8000::/65", .linkSubnet),
        ("10.244.2.0/24", .none), ("10.244.128.0/18", .none), ("10.244.3.0/28", .none), ("fd00:10:244:2::/64", .none),
        ("fd00:10:244:4::/62", .none),
    ]

    @Test(arguments: prefixes) func `every prefix gets its verdict`(text: String, expected: RejectReason) {
        #expect(ImportPolicy.node.verdict(on: cidr(text), from: .external(65001)) == expected, "\(text)")
    }

    @Test(arguments: prefixes) func `a route server takes all but martians`(text: String, expected: RejectReason) {
        let verdict = ImportPolicy.node.verdict(on: cidr(text), from: .external(65001, mode: .all))
        #expect(verdict == (expected == .martian ? .martian : .none), "\(text)")
    }

    @Test func `a default route is taken when it is wanted`() {
        var policy = ImportPolicy.node
        policy.allowDefault = true
        #expect(policy.verdict(on: cidr("0.0.0.0/0"), from: .external(65001)) == .none)
        #expect(policy.verdict(on: cidr("::/0"), from: .external(65001)) == .none)
    }

    @Test func `too short is told apart from too long`() {
        var policy = ImportPolicy.node
        policy.ipv4Lengths = 20...24
        #expect(policy.verdict(on: cidr("10.244.128.0/18"), from: .external(65001)) == .tooShort)
        #expect(policy.verdict(on: cidr("10.244.128.0/25"), from: .external(65001)) == .tooLong)
        #expect(policy.verdict(on: cidr("10.244.128.0/20"), from: .external(65001)) == .none)
    }

    @Test func `without clusterCIDRs nothing is taken`() {
        var policy = ImportPolicy.node
        policy.clusterCIDRs = []
        #expect(policy.verdict(on: cidr("10.244.2.0/24"), from: .external(65001)) == .outsideClusterCIDRs)
    }

    private func verdict(
        _ fields: AttributeFields, via hop: String = "192.0.2.1", linkLocal: String? = nil,
        from peer: RIBPeer = .external(65001),
        _ change: (inout ImportPolicy) -> Void = { _ in }
    ) -> RejectReason {
        var policy = ImportPolicy.node
        change(&policy)
        let plain = PathAttributes(fields, nextHop: ip(hop))
        return policy.verdict(
            on: PathAttributes(
                bytes: plain.bytes, nextHop: plain.nextHop, linkLocalNextHop: linkLocal.flatMap { IPv6Address($0) },
                summary: plain.summary), from: peer)
    }

    @Test func `our own AS in the path is a loop, also in a set and at its end`() {
        #expect(verdict(.path([65001, 64601])) == .asLoop)
        #expect(verdict(.path([65001, 64601, 65002])) == .asLoop)
        let set = AttributeFields.path([]) {
            $0.asPath = ASPath([.init(kind: 2, numbers: [asn(65001)]), .init(kind: 1, numbers: [asn(7), asn(64601)])])
        }
        #expect(verdict(set) == .asLoop)
        #expect(verdict(.path([65001, 64602])) == .none)
    }

    @Test func `a set in the path is rejected, whoever sends it`() {
        for kind: UInt8 in [1, 4] {
            let set = AttributeFields.path([]) {
                $0.asPath = ASPath([.init(kind: 2, numbers: [asn(65001)]), .init(kind: kind, numbers: [asn(7)])])
            }
            #expect(verdict(set) == .asSet)
            #expect(verdict(set, from: .internal_()) == .asSet)
        }
    }

    @Test func `an external path begins with the peer's AS`() {
        #expect(verdict(.path([65002])) == .firstASMismatch)
        #expect(verdict(.path([])) == .firstASMismatch)
        #expect(verdict(.path([65001])) == .none)
        #expect(verdict(.path([65002]), from: .internal_()) == .none)
    }

    @Test func `the next hop must be a neighbour, and not we ourselves`() {
        #expect(verdict(.path([65001]), via: "192.0.2.10") == .nextHopOwn)
        #expect(verdict(.path([65001]), via: "198.51.100.1") == .nextHopUnreachable)
        #expect(verdict(.path([65001]), via: "198.51.100.1") { $0.requiresConnectedNextHop = false } == .none)
        #expect(verdict(.path([65001]), via: "2001:db8:1::1") == .nextHopUnreachable)
        #expect(verdict(.path([65001]), via: "2001:db8:1::1", linkLocal: "fe80::1") == .none)
        #expect(verdict(.path([65001]), via: "fe80::1") == .none)
    }

    @Test func `reflected paths of our own are loops`() {
        let own = AttributeFields.path([65001]) { $0.originatorID = RouterID(rawValue: 0xc000_020a) }
        #expect(verdict(own, from: .internal_()) == .originatorLoop)
        let cluster = AttributeFields.path([65001]) { $0.clusterList = [1, 0xc000_020a] }
        #expect(verdict(cluster, from: .internal_()) == .clusterLoop)
        #expect(verdict(cluster, from: .internal_()) { $0.clusterID = RouterID(rawValue: 5) } == .none)
        #expect(verdict(cluster, from: .internal_()) { $0.clusterID = RouterID(rawValue: 1) } == .clusterLoop)
    }

    @Test func `import none takes nothing and says so`() {
        #expect(verdict(.path([65001]), from: .external(65001, mode: .none)) == .importNone)
    }

    @Test func `every reason has a sentence of its own`() {
        #expect(Set(RejectReason.allCases.map(\.sentence)).count == RejectReason.allCases.count)
    }
}

@Suite struct `Policy changes` {
    /// A RIB with one path of one peer for 10.244.2.0/24.
    private func withRIB(_ policy: ImportPolicy, _ body: (inout RIBTables) -> Void) {
        var rib = RIBTables(policy: policy, seed: 2)
        rib.setPeer(PeerID(rawValue: 1), .external(65001))
        rib.apply(
            .announce([cidr("10.244.2.0/24")], .path([65001]), via: ip("192.0.2.1")), from: PeerID(rawValue: 1), at: 0)
        body(&rib)
    }

    /// Applies `change`, and expects the reason of the only path after it and whether the change was told.
    private func expect(_ rib: inout RIBTables, _ reason: RejectReason, _ change: (inout ImportPolicy) -> Void) {
        var policy = rib.policy
        change(&policy)
        rib.policy = policy
        let changes = rib.takeChanges(limit: 10, describing: true)
        #expect(changes.map { $0.best != nil } == [reason == .none])
        let counts = rib.counts(PeerID(rawValue: 1), .ipv4)
        #expect(
            counts.received == 1 && counts.rejected == (reason == .none ? 0 : 1)
                && counts.best == (reason == .none ? 1 : 0))
        let views = rib.paths(PathQuery(.received(PeerID(rawValue: 1))))
        #expect(views.count == 1)
        if reason != .none { #expect(views.first?.standing == .rejected(reason)) }
    }

    @Test func `a path comes back without a refresh when its next hop's subnet does`() {
        withRIB(.node) { rib in
            _ = rib.takeChanges(limit: 10, describing: true)
            let subnets = rib.policy.linkSubnets
            expect(&rib, .nextHopUnreachable) { $0.linkSubnets = [] }
            expect(&rib, .none) { $0.linkSubnets = subnets }
            expect(&rib, .nextHopOwn) { $0.ownAddresses.insert(ip("192.0.2.1")) }
            expect(&rib, .none) { $0.ownAddresses.remove(ip("192.0.2.1")) }
        }
    }

    @Test func `a path comes back without a refresh when clusterCIDRs do`() {
        withRIB(.node) { rib in
            _ = rib.takeChanges(limit: 10, describing: true)
            expect(&rib, .outsideClusterCIDRs) { $0.clusterCIDRs = [cidr("10.245.0.0/16")] }
            expect(&rib, .none) { $0.clusterCIDRs = [cidr("10.244.0.0/16")] }
            expect(&rib, .ownPodCIDR) { $0.ownPodCIDRs = [cidr("10.244.2.0/24")] }
            expect(&rib, .none) { $0.ownPodCIDRs = [cidr("10.244.1.0/24")] }
        }
    }

    @Test func `a change that concerns nothing tells nothing`() {
        withRIB(.node) { rib in
            _ = rib.takeChanges(limit: 10, describing: true)
            var policy = rib.policy
            policy.linkSubnets.append(cidr("198.51.100.0/24"))
            rib.policy = policy
            let has = rib.hasChanges
            #expect(!has)
        }
    }
}
