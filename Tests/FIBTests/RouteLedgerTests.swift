import NetTypes
import Testing

@testable import FIB

@Suite struct RouteLedgerTests {
    private func rig() throws -> Rig { Rig(try Sample.topology()) }

    @Test func `a wish is installed, changed in place and removed`() throws {
        var rig = try rig()
        rig.ledger.set(try Sample.change("10.1.0.0/24", "192.0.2.1"))
        rig.run()
        #expect(rig.kernel.routes == [try Sample.installed("10.1.0.0/24")])
        rig.ledger.set(try Sample.change("10.1.0.0/24", "192.0.2.1", "198.51.100.1"))
        rig.run()
        #expect(rig.operations.count == 1)
        #expect(rig.kernel.routes.first?.nextHops.map(\.interfaceIndex) == [2, 3])
        rig.ledger.set(try Sample.change("10.1.0.0/24"))
        rig.run()
        #expect(rig.kernel.routes.isEmpty)
        #expect(rig.ledger.snapshot().rows.isEmpty)
        #expect(rig.ledger.counters.installed == 1)
        #expect(rig.ledger.counters.replaced == 1)
        #expect(rig.ledger.counters.removed == 1)
    }

    @Test func `only the latest wish of a prefix reaches the kernel`() throws {
        var rig = try rig()
        rig.ledger.set(try Sample.change("10.1.0.0/24", "192.0.2.1"))
        rig.ledger.set(try Sample.change("10.1.0.0/24"))
        rig.ledger.set(try Sample.change("10.1.0.0/24", "192.0.2.2"))
        rig.run()
        #expect(rig.operations == [.add(try Sample.installed("10.1.0.0/24", via: "192.0.2.2"))])
    }

    @Test func `an earlier run's routes are adopted untouched and swept after convergence only`() throws {
        var rig = try rig()
        let kept = try Sample.installed("10.1.0.0/24")
        let stale = try Sample.installed("10.2.0.0/24")
        let former = try Sample.installed("10.3.0.0/24", metric: 20)
        for route in [kept, stale, former] { _ = rig.kernel.apply(.add(route)) }
        rig.read()
        #expect(rig.ledger.adopted(.ipv4) == 3)
        rig.ledger.set(try Sample.change("10.1.0.0/24", "192.0.2.1"))
        rig.run()
        #expect(rig.operations.isEmpty)
        #expect(rig.status(stale.prefix) == .stale)
        #expect(rig.ledger.converge() == 2)
        rig.run()
        #expect(rig.kernel.routes == [kept])
        #expect(Set(rig.operations) == [.delete(stale), .delete(former)])
    }

    @Test func `a route that this run wanted goes at once even before convergence`() throws {
        var rig = try rig()
        _ = rig.kernel.apply(.add(try Sample.installed("10.1.0.0/24")))
        rig.read()
        rig.ledger.set(try Sample.change("10.1.0.0/24", "192.0.2.1"))
        rig.ledger.set(try Sample.change("10.1.0.0/24"))
        rig.run()
        #expect(rig.kernel.routes.isEmpty)
    }

    @Test func `a foreign route in our place is a conflict until it goes`() throws {
        var rig = try rig()
        let foreign = try Sample.installed("10.1.0.0/24", via: "192.0.2.9", protocolID: 3)
        _ = rig.kernel.apply(.add(foreign), cause: .others)
        // The ledger does not know it yet: the kernel refuses, and a reading tells why.
        _ = rig.kernel.takeNotices()
        rig.ledger.set(try Sample.change("10.1.0.0/24", "192.0.2.1"))
        rig.run()
        #expect(rig.kernel.routes == [foreign])
        #expect(rig.status(foreign.prefix) == .conflict(protocolID: 3))
        #expect(rig.takeNotes() == [.conflict(foreign.prefix, protocolID: 3)])
        _ = rig.kernel.apply(.delete(foreign), cause: .others)
        rig.run()
        #expect(rig.kernel.routes == [try Sample.installed("10.1.0.0/24")])
        #expect(rig.status(foreign.prefix) == .installed)
    }

    @Test func `a foreign route that takes our place stays there`() throws {
        var rig = try rig()
        rig.ledger.set(try Sample.change("10.1.0.0/24", "192.0.2.1"))
        rig.run()
        let foreign = try Sample.installed("10.1.0.0/24", via: "192.0.2.9", protocolID: 3)
        _ = rig.kernel.apply(.replace(foreign), cause: .others)
        rig.run()
        #expect(rig.kernel.routes == [foreign])
        #expect(rig.status(foreign.prefix) == .conflict(protocolID: 3))
    }

    @Test func `a route that somebody removes or changes is healed and told`() throws {
        var rig = try rig()
        rig.ledger.set(try Sample.change("10.1.0.0/24", "192.0.2.1"))
        rig.run()
        let ours = try Sample.installed("10.1.0.0/24")
        _ = rig.kernel.apply(.delete(ours), cause: .others)
        rig.run()
        #expect(rig.kernel.routes == [ours])
        #expect(rig.takeNotes() == [.healed(ours.prefix)])
        _ = rig.kernel.apply(.replace(try Sample.installed("10.1.0.0/24", via: "192.0.2.66")), cause: .others)
        rig.run(at: Sample.instant(5))
        #expect(rig.kernel.routes == [ours])
        #expect(rig.takeNotes() == [.healed(ours.prefix)])
        #expect(rig.ledger.counters.healed == 2)
    }

    @Test func `R62: a fight over a route is not fought more than five times a minute`() throws {
        var rig = try rig()
        rig.ledger.set(try Sample.change("10.1.0.0/24", "192.0.2.1"))
        rig.run()
        let ours = try Sample.installed("10.1.0.0/24")
        var installs = 0
        for second in 0..<12 {
            _ = rig.kernel.apply(.delete(ours), cause: .others)
            rig.run(at: Sample.instant(Int64(second)))
            installs += rig.operations.count
        }
        #expect(installs == 5)
        guard case .failed(let text) = rig.status(ours.prefix) else { Issue.record("not failed"); return }
        #expect(text == "another program keeps changing or removing it")
        rig.run(at: Sample.instant(70))
        #expect(rig.kernel.routes == [ours])
    }

    @Test func `R61: a route that is flushed in ten rounds within a moment is one that was lost once`() throws {
        var rig = try rig()
        rig.ledger.set(try Sample.change("10.1.0.0/24", "192.0.2.1"))
        rig.run()
        let ours = try Sample.installed("10.1.0.0/24")
        for flush in 0..<5 {
            let start = Sample.instant(Int64(5 * flush))
            for round in 0..<10 {
                _ = rig.kernel.apply(.delete(ours), cause: .others)
                rig.run(at: start + .milliseconds(2 * round))
            }
            #expect(rig.kernel.routes == [], "it waits until the flush is over")
            rig.run(at: start + .seconds(2))
            #expect(rig.kernel.routes == [ours], "flush \(flush)")
        }
    }

    @Test func `R66: one refused route keeps no other back and is tried again after 1, 2, 4 and at most 30 seconds`()
        throws
    {
        var rig = try rig()
        let bad = try Sample.prefix("10.5.0.0/24")
        rig.kernel.refuse = { $0.prefix == bad ? RouteProblem(text: "install 10.5.0.0/24: refused") : nil }
        for number in 0..<20 { rig.ledger.set(try Sample.change("10.\(number).0.0/24", "192.0.2.1")) }
        rig.run()
        #expect(rig.kernel.routes.count == 19)
        #expect(rig.status(bad) == .failed("install 10.5.0.0/24: refused"))
        var attempts: [Int64] = []
        for second in 1...100 {
            rig.run(at: Sample.instant(Int64(second)))
            if !rig.operations.isEmpty { attempts.append(Int64(second)) }
        }
        let gaps = zip(attempts.dropFirst(), attempts).map { $0 - $1 }
        #expect(gaps.prefix(4) == [3, 5, 9, 17])
        #expect(gaps.dropFirst(4).allSatisfy { $0 <= 31 })
        rig.kernel.refuse = { _ in nil }
        rig.ledger.set(try Sample.change("10.5.0.0/24", "192.0.2.2"))
        rig.run(at: Sample.instant(100))
        #expect(rig.status(bad) == .installed)
    }

    @Test func `next hops follow the links`() throws {
        var rig = try rig()
        rig.ledger.set(try Sample.change("10.1.0.0/24", "192.0.2.1", "198.51.100.1"))
        rig.ledger.set(try Sample.change("10.2.0.0/24", "192.0.2.1"))
        rig.run()
        rig.ledger.update(try Sample.topology(eth0: false))
        rig.run()
        #expect(rig.kernel.routes == [try Sample.installed("10.1.0.0/24", via: "198.51.100.1", index: 3)])
        #expect(
            rig.status(try Sample.prefix("10.2.0.0/24"))
                == .unresolved("next hop 192.0.2.1 is on eth0, which has no carrier"))
        #expect(rig.takeNotes().count == 1)
        rig.ledger.update(try Sample.topology())
        rig.run()
        #expect(rig.kernel.routes.map(\.nextHops.count).sorted() == [1, 2])
    }

    @Test func `a dead gateway leaves every route that has another and takes those that have none`() throws {
        var rig = try rig()
        rig.ledger.set(try Sample.change("10.1.0.0/24", "192.0.2.1", "198.51.100.1"))
        rig.ledger.set(try Sample.change("10.2.0.0/24", "192.0.2.1"))
        rig.run()
        var topology = try Sample.topology()
        topology.unreachable = [DeadGateway(address: try Sample.address("192.0.2.1"))]
        rig.ledger.update(topology)
        rig.run()
        #expect(rig.kernel.routes == [try Sample.installed("10.1.0.0/24", via: "198.51.100.1", index: 3)])
        #expect(rig.status(try Sample.prefix("10.2.0.0/24")) == .unresolved("next hop 192.0.2.1: BFD is down"))
        rig.ledger.update(try Sample.topology())
        rig.run()
        #expect(rig.kernel.routes.map(\.nextHops.count).sorted() == [1, 2])
    }

    @Test func `what the kernel dropped in silence comes back after a reading`() throws {
        var rig = try rig()
        rig.ledger.set(try Sample.change("10.1.0.0/24", "192.0.2.1"))
        rig.run()
        rig.kernel.flush { _ in true }
        rig.run()
        #expect(rig.kernel.routes.isEmpty)
        rig.read()
        rig.run()
        #expect(rig.kernel.routes.count == 1)
    }

    @Test func `aggregates are unreachable and win over a learned route for the same prefix`() throws {
        var rig = try rig()
        let own = try [Sample.prefix("10.244.1.0/24"), Sample.prefix("fd00:10:244:1::/64")]
        rig.ledger.set(try Sample.change("10.244.1.0/24", "192.0.2.1"))
        rig.ledger.setAggregates(own)
        rig.run()
        #expect(rig.kernel.routes.map(\.kind) == [.unreachable, .unreachable])
        rig.ledger.setAggregates([own[1]])
        rig.run()
        #expect(rig.kernel.routes.first { $0.prefix == own[0] }?.kind == .unicast)
        rig.ledger.withdrawAll()
        rig.run()
        #expect(rig.kernel.routes.isEmpty)
        #expect(rig.ledger.snapshot().rows.isEmpty)
    }

    @Test func `IPv6 next hops that go one by one leave the others`() throws {
        var rig = try rig()
        rig.ledger.set(try Sample.change("fd00:1::/64", "2001:db8::1", "2001:db8::2"))
        rig.run()
        let single = try Sample.installed("fd00:1::/64", via: "2001:db8::1")
        rig.ledger.observe(.absent(single), cause: .others, at: Sample.instant(0))
        let left = try #require(rig.ledger.snapshot().rows.first?.installed)
        #expect(left.nextHops.map(\.gateway) == [try Sample.address("2001:db8::2")])
        let due = rig.ledger.nextOperations(limit: 10, at: Sample.instant(0))
        #expect(due.map(\.description) == ["replace fd00:1::/64"])
    }
}
