import NetTypes
import Testing

@testable import FIB

/// The audit reads the kernel itself: what it finds is what the mirror may not know.
@Suite struct RouteAuditTests {
    private func rig() throws -> Rig {
        var rig = Rig(try Sample.topology(), style: .hash)
        rig.ledger.set(try Sample.change("10.1.0.0/24", "192.0.2.1", "198.51.100.1"))
        rig.ledger.set(try Sample.change("10.2.0.0/24", "192.0.2.1"))
        rig.ledger.setAggregates([try Sample.prefix("10.244.1.0/24")])
        _ = rig.ledger.converge()
        rig.run()
        return rig
    }

    private func audit(_ rig: Rig) -> [String] {
        rig.ledger.audit(routes: rig.kernel.routes, nextHops: Array(rig.kernel.objects.values)).map {
            ($0.prefix.map { "\($0) " } ?? "") + $0.text
        }
    }

    @Test func `nothing differs when all is done`() throws { #expect(audit(try rig()) == []) }

    @Test func `what is missing, changed, foreign, unknown or unused is named`() throws {
        var rig = try rig()
        let group = try #require(rig.kernel.routes.first { $0.prefix.description == "10.1.0.0/24" }?.nextHopID)
        let lone = try #require(rig.kernel.routes.first { $0.prefix.description == "10.2.0.0/24" })
        // None of it is told: the audit must see it all the same.
        let hop = RouteNextHop(gateway: try Sample.address("192.0.2.66"), interfaceIndex: 2)
        let single = KernelNextHop(id: 1_790_000_900, protocolID: 179, body: .single(hop))
        _ = rig.kernel.apply(.add(single), cause: .others)
        _ = rig.kernel.apply(
            .replace(
                KernelNextHop(
                    id: group, protocolID: 179,
                    body: .group([NextHopMember(id: single.id, weight: 1)], isResilient: false))), cause: .others)
        _ = rig.kernel.apply(.delete(lone), cause: .others)
        _ = rig.kernel.apply(.add(try Sample.installed("10.2.0.0/24", via: "192.0.2.9", protocolID: 4)), cause: .others)
        _ = rig.kernel.apply(.add(try Sample.installed("10.3.0.0/24")), cause: .others)
        _ = rig.kernel.apply(.add(try Sample.installed("10.4.0.0/24", metric: 7)), cause: .others)
        let aggregate = try Sample.prefix("10.244.1.0/24")
        _ = rig.kernel.apply(.delete(Sample.settings.unreachable(aggregate)), cause: .others)
        let unused = rig.kernel.objects.values.filter { $0.protocolID == 179 && $0.id != group && $0.id != single.id }
        #expect(
            audit(rig).filter { $0.hasPrefix("10.") } == [
                "10.1.0.0/24 next hops are 192.0.2.66 (group \(group)), desired 192.0.2.1, 198.51.100.1",
                "10.2.0.0/24 not installed: a route of protocol 4 holds the place",
                "10.3.0.0/24 in the kernel, and martletd does not know of it",
                "10.4.0.0/24 a route of a former configuration, table 254 metric 7", "10.244.1.0/24 not installed",
            ])
        #expect(audit(rig).filter { $0.hasPrefix("nexthop object") }.count == unused.count)
    }

    @Test func `what cannot be installed says why`() throws {
        var rig = try rig()
        rig.ledger.set(try Sample.change("10.5.0.0/24", "203.0.113.1"))
        rig.run()
        #expect(audit(rig) == ["10.5.0.0/24 not installed: next hop 203.0.113.1 is on no connected subnet"])
    }
}
