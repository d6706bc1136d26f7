import NetTypes
import Testing

@testable import FIB

@Suite struct RoutePlanTests {
    private func operations(
        desired: [KernelRoute], installed: [KernelRoute], sweepStale: Bool = true
    ) -> [RouteOperation] {
        plan(desired: desired, installed: installed, owner: 179, sweepStale: sweepStale).operations
    }

    @Test func `what is equal needs nothing, what differs is replaced, what is missing is added`() throws {
        let equal = try Sample.installed("10.1.0.0/24")
        let other = try Sample.installed("10.2.0.0/24")
        let wanted = try Sample.installed("10.2.0.0/24", via: "192.0.2.2")
        let missing = try Sample.installed("10.3.0.0/24")
        #expect(
            operations(desired: [equal, wanted, missing], installed: [equal, other]) == [
                .replace(wanted), .add(missing),
            ])
    }

    @Test func `the order in which the kernel names next hops makes no difference`() throws {
        let hops = [
            RouteNextHop(gateway: try Sample.address("192.0.2.1"), interfaceIndex: 2),
            RouteNextHop(gateway: try Sample.address("192.0.2.2"), interfaceIndex: 2),
        ]
        let key = Sample.settings.key(try Sample.prefix("10.1.0.0/24"))
        let desired = KernelRoute(key: key, kind: .unicast, protocolID: 179, nextHops: hops)
        let installed = KernelRoute(key: key, kind: .unicast, protocolID: 179, nextHops: hops.reversed())
        #expect(operations(desired: [desired], installed: [installed]).isEmpty)
    }

    @Test func `stale routes stay until they may be swept`() throws {
        let stale = try Sample.installed("10.1.0.0/24")
        #expect(operations(desired: [], installed: [stale], sweepStale: false).isEmpty)
        #expect(operations(desired: [], installed: [stale]) == [.delete(stale)])
    }

    @Test func `a route of ours with a former metric goes after the new one came`() throws {
        let former = try Sample.installed("10.1.0.0/24", metric: 20)
        let wanted = try Sample.installed("10.1.0.0/24")
        #expect(operations(desired: [wanted], installed: [former]) == [.add(wanted), .delete(former)])
        #expect(operations(desired: [wanted], installed: [former], sweepStale: false) == [.add(wanted)])
    }

    @Test(arguments: [2, 3, 4, 12, 80, 180] as [UInt8])
    func `a foreign route is never touched`(protocolID: UInt8) throws {
        let foreign = try Sample.installed("10.1.0.0/24", via: "192.0.2.9", protocolID: protocolID)
        let wanted = try Sample.installed("10.1.0.0/24")
        let result = plan(desired: [wanted], installed: [foreign], owner: 179, sweepStale: true)
        #expect(result.operations.isEmpty)
        #expect(result.conflicts == [foreign])
        #expect(operations(desired: [], installed: [foreign]).isEmpty)
    }

    @Test func `a foreign route with another metric is no conflict`() throws {
        let foreign = try Sample.installed("10.1.0.0/24", metric: 10, protocolID: 3)
        let wanted = try Sample.installed("10.1.0.0/24")
        #expect(operations(desired: [wanted], installed: [foreign]) == [.add(wanted)])
    }

    @Test func `ours beside a foreign route in the same place is left alone rather than replaced`() throws {
        let foreign = try Sample.installed("10.1.0.0/24", via: "192.0.2.9", protocolID: 3)
        let ours = try Sample.installed("10.1.0.0/24", via: "192.0.2.8")
        let wanted = try Sample.installed("10.1.0.0/24")
        let result = plan(desired: [wanted], installed: [ours, foreign], owner: 179, sweepStale: true)
        #expect(result.operations.isEmpty)
        #expect(result.conflicts == [foreign])
    }

    @Test func `the loopback that the kernel names for IPv6 unreachable routes makes no difference`() throws {
        let prefix = try Sample.prefix("fd00:10::/64")
        let installed = KernelRoute(
            key: Sample.settings.key(prefix), kind: .unreachable, protocolID: 179,
            nextHops: [RouteNextHop(gateway: nil, interfaceIndex: 1)])
        #expect(operations(desired: [Sample.settings.unreachable(prefix)], installed: [installed]).isEmpty)
    }

    @Test func `an IPv6 metric of 0 is 1024`() throws {
        let settings = RouteSettings(table: 254, metric: 0)
        #expect(settings.key(try Sample.prefix("fd00::/64")).metric == 1024)
        #expect(settings.key(try Sample.prefix("10.0.0.0/8")).metric == 0)
    }
}
