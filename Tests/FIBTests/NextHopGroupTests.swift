import NetTypes
import Testing

@testable import FIB

/// Routes that share nexthop groups: what a lost next hop costs, and whose objects are touched.
@Suite struct NextHopGroupTests {
    private let prefixes = (0..<40).map { Prefix(bits: UInt128(10 << 24 | $0 << 8) << 96, length: 24, family: .ipv4) }

    /// 40 routes over both uplinks.
    private func rig(style: GroupStyle = .resilient) throws -> Rig {
        var rig = Rig(try Sample.topology(), style: style)
        try wish(&rig, "192.0.2.1", "198.51.100.1")
        rig.run()
        return rig
    }

    private func wish(_ rig: inout Rig, _ gateways: String...) throws {
        let hops = try gateways.map { DesiredNextHop(gateway: try Sample.address($0)) }
        for prefix in prefixes {
            rig.ledger.set(
                FIBChange(prefix: prefix, route: hops.isEmpty ? nil : DesiredRoute(prefix: prefix, nextHops: hops)))
        }
    }

    private func gateways(_ rig: Rig) -> Set<[String]> {
        Set(rig.kernel.routes.map { rig.kernel.hops($0).compactMap(\.gateway).map(\.description) })
    }

    @Test(arguments: [GroupStyle.hash, .resilient])
    func `routes with the same next hops share one group`(style: GroupStyle) throws {
        let rig = try rig(style: style)
        #expect(rig.kernel.objects.count == 3)
        #expect(Set(rig.kernel.routes.map(\.nextHopID)).count == 1)
        #expect(rig.kernel.objects.keys.allSatisfy { KernelNextHop.ownIDs.contains($0) })
        #expect(rig.ledger.snapshot().rows.allSatisfy { $0.status == .installed })
        #expect(rig.ledger.counters.installed == 40)
    }

    @Test func `routes that all want other next hops at once keep their group, which is changed in place`() throws {
        var rig = try rig()
        let group = rig.kernel.routes.first?.nextHopID
        try wish(&rig, "198.51.100.1")
        rig.run()
        #expect(rig.operations.isEmpty && gateways(rig) == [["198.51.100.1"]])
        #expect(rig.nextHopOperations.count == 1 && rig.kernel.routes.allSatisfy { $0.nextHopID == group })
        try wish(&rig, "192.0.2.1", "198.51.100.1")
        rig.run()
        #expect(rig.operations.isEmpty && gateways(rig) == [["192.0.2.1", "198.51.100.1"]])
        // Of two kinds of wishes none may have the group of both.
        try wish(&rig, "192.0.2.1")
        let other = prefixes[7]
        rig.ledger.set(try Sample.change("\(other)", "198.51.100.1"))
        rig.run()
        #expect(rig.operations.count == prefixes.count)
        #expect(rig.kernel.routes.allSatisfy { $0.nextHopID != group })
        #expect(gateways(rig) == [["192.0.2.1"], ["198.51.100.1"]])
    }

    @Test func `a lost next hop is one change whatever the number of routes, and nothing when the kernel did it`()
        throws
    {
        var rig = try rig()
        rig.ledger.update(try Sample.topology(eth0: false))
        rig.run()
        #expect(rig.operations.isEmpty && rig.nextHopOperations.count == 1)
        #expect(gateways(rig) == [["198.51.100.1"]])
        #expect(rig.takeNotes().contains(.regrouped(groups: 1, routes: 40)))
        rig.ledger.update(try Sample.topology())
        rig.run()
        #expect(rig.operations.isEmpty)
        #expect(gateways(rig) == [["192.0.2.1", "198.51.100.1"]])
        rig.lose(2, try Sample.topology(eth0: false))
        rig.run()
        #expect(rig.operations.isEmpty && rig.nextHopOperations.isEmpty)
        #expect(gateways(rig) == [["198.51.100.1"]])
        // It was back before anybody looked.
        rig.ledger.update(try Sample.topology())
        rig.run()
        #expect(rig.operations.isEmpty && gateways(rig) == [["192.0.2.1", "198.51.100.1"]])
    }

    @Test func `wishes that follow a repaired group find it done`() throws {
        var rig = try rig()
        rig.ledger.update(try Sample.topology(eth0: false))
        rig.run()
        try wish(&rig, "198.51.100.1")
        rig.run()
        #expect(rig.operations.isEmpty && rig.nextHopOperations.isEmpty)
        // The group is the other set's now: its next repair is one change again.
        rig.ledger.update(try Sample.topology())
        rig.run()
        #expect(rig.operations.isEmpty && gateways(rig) == [["198.51.100.1"]])
        rig.lose(3, try Sample.topology(eth1: false))
        rig.run()
        #expect(rig.kernel.routes.isEmpty)
        rig.ledger.update(try Sample.topology())
        rig.run()
        #expect(rig.kernel.routes.count == 40 && gateways(rig) == [["198.51.100.1"]])
    }

    @Test func `a route on another set's group leaves it when that changes`() throws {
        var rig = try rig()
        rig.ledger.update(try Sample.topology(eth0: false))
        rig.run()
        let first = prefixes[0]
        rig.ledger.set(
            FIBChange(
                prefix: first,
                route: DesiredRoute(
                    prefix: first, nextHops: [DesiredNextHop(gateway: try Sample.address("198.51.100.1"))])))
        rig.run()
        #expect(rig.operations.isEmpty)
        rig.ledger.update(try Sample.topology())
        rig.run()
        #expect(rig.operations.map(\.prefix) == [first])
        let left = rig.kernel.routes.filter { rig.kernel.hops($0).count == 1 }
        #expect(left.map(\.prefix) == [first])
    }

    @Test func `inline routes of an older run are taken over in place and lose nothing`() throws {
        var rig = Rig(try Sample.topology(), style: .resilient)
        let old = try Sample.installed("10.0.0.0/24")
        _ = rig.kernel.apply(.add(old))
        rig.read()
        rig.ledger.set(try Sample.change("10.0.0.0/24", "192.0.2.1"))
        rig.run()
        #expect(rig.operations.map(\.description) == ["replace 10.0.0.0/24"])
        #expect(rig.kernel.routes.map { rig.kernel.hops($0) } == [old.nextHops])
        #expect(rig.kernel.routes.first?.nextHopID != 0)
    }

    @Test func `a restarted agent adopts its groups and routes without a change`() throws {
        var rig = try rig()
        rig.restart(try Sample.topology(), style: .resilient)
        try wish(&rig, "192.0.2.1", "198.51.100.1")
        rig.run()
        #expect(rig.operations.isEmpty && rig.nextHopOperations.isEmpty)
        _ = rig.ledger.converge()
        rig.ledger.update(try Sample.topology(eth0: false))
        rig.run()
        #expect(rig.operations.isEmpty && gateways(rig) == [["198.51.100.1"]])
    }

    @Test func `another style moves all routes and leaves no object behind`() throws {
        var rig = try rig(style: .hash)
        for style in [GroupStyle.resilient, .inline] {
            rig.restart(try Sample.topology(), style: style)
            try wish(&rig, "192.0.2.1", "198.51.100.1")
            _ = rig.ledger.converge()
            rig.run()
            #expect(rig.operations.allSatisfy { $0.description.hasPrefix("replace") })
            #expect(gateways(rig) == [["192.0.2.1", "198.51.100.1"]])
            #expect(rig.kernel.objects.count == (style == .inline ? 0 : 3))
        }
    }

    @Test func `objects without users go after convergence, others' never, and withdrawing everything leaves none`()
        throws
    {
        var rig = try rig()
        let hop = RouteNextHop(gateway: try Sample.address("192.0.2.77"), interfaceIndex: 2)
        let foreign = KernelNextHop(id: KernelNextHop.ownIDs.lowerBound + 9, protocolID: 11, body: .single(hop))
        _ = rig.kernel.apply(.add(foreign), cause: .others)
        try wish(&rig, "192.0.2.1")
        rig.run()
        #expect(rig.kernel.objects.count == 4)
        _ = rig.ledger.converge()
        rig.run()
        #expect(rig.kernel.objects.count == 3)
        rig.ledger.withdrawAll()
        rig.run()
        #expect(rig.kernel.routes.isEmpty)
        #expect(Array(rig.kernel.objects.values) == [foreign])
    }

    @Test func `groups and next hops that somebody removes or changes are healed`() throws {
        var rig = try rig()
        let group = try #require(rig.kernel.objects.values.first { if case .group = $0.body { true } else { false } })
        let single = try #require(rig.kernel.objects.values.first { $0.id != group.id })
        _ = rig.kernel.apply(.delete(single), cause: .others)
        rig.run()
        #expect(rig.operations.isEmpty && gateways(rig) == [["192.0.2.1", "198.51.100.1"]])
        _ = rig.kernel.apply(.delete(group), cause: .others)
        rig.run()
        #expect(rig.kernel.routes.count == 40 && gateways(rig) == [["192.0.2.1", "198.51.100.1"]])
        #expect(rig.ledger.counters.healed == 40)
    }

    @Test func `a refused group leaves routes that carry their next hops, and is tried again`() throws {
        var rig = Rig(try Sample.topology(), style: .resilient)
        rig.kernel.refuseNextHop = { _ in RouteProblem(text: "make group: refused") }
        try wish(&rig, "192.0.2.1", "198.51.100.1")
        rig.run()
        #expect(rig.kernel.objects.isEmpty && rig.kernel.routes.count == 40)
        #expect(gateways(rig) == [["192.0.2.1", "198.51.100.1"]])
        rig.kernel.refuseNextHop = { _ in nil }
        rig.run(at: Sample.instant(2))
        #expect(rig.kernel.routes.allSatisfy { $0.nextHopID != 0 })
        #expect(gateways(rig) == [["192.0.2.1", "198.51.100.1"]])
    }

    @Test func `an id that somebody has taken meanwhile is left to them`() throws {
        var rig = Rig(try Sample.topology(), style: .hash)
        let hop = RouteNextHop(gateway: try Sample.address("192.0.2.77"), interfaceIndex: 2)
        let foreign = KernelNextHop(id: KernelNextHop.ownIDs.lowerBound + 1, protocolID: 11, body: .single(hop))
        _ = rig.kernel.apply(.add(foreign), cause: .others)
        _ = rig.kernel.takeNotices()
        try wish(&rig, "192.0.2.1")
        rig.run()
        rig.run(at: Sample.instant(5))
        #expect(rig.kernel.objects[foreign.id] == foreign)
        #expect(rig.kernel.routes.count == 40 && gateways(rig) == [["192.0.2.1"]])
        #expect(rig.kernel.routes.allSatisfy { $0.nextHopID != 0 })
    }

    @Test func `weights are in lowest terms and at most 255`() throws {
        let hops = [
            DesiredNextHop(gateway: try Sample.address("192.0.2.1"), weight: 256),
            DesiredNextHop(gateway: try Sample.address("198.51.100.1"), weight: 1),
        ]
        guard case .resolved(let both) = try Sample.topology().resolve(hops, family: .ipv4) else {
            Issue.record("unresolved")
            return
        }
        #expect(both.map(\.weight) == [255, 1])
        guard case .resolved(let one) = try Sample.topology(eth1: false).resolve(hops, family: .ipv4) else {
            Issue.record("unresolved")
            return
        }
        #expect(one.map(\.weight) == [1])
    }
}
