import NetTypes
import Testing

@testable import FIB

/// Next hops behind routes that we have learned ourselves.
@Suite struct OwnRouteTests {
    private static func rig(_ style: GroupStyle = .inline) throws -> Rig { Rig(try Sample.topology(), style: style) }

    private static func gateways(_ rig: Rig, _ prefix: String) throws -> [String] {
        let prefix = try Sample.prefix(prefix)
        let row = rig.ledger.snapshot().rows.first { $0.prefix == prefix }
        return row?.installed?.nextHops.compactMap { $0.gateway?.description } ?? []
    }

    @Test(arguments: [GroupStyle.inline, .hash, .resilient])
    func `a next hop behind a route of ours is reached as that route is, and follows it`(style: GroupStyle) throws {
        var rig = try Self.rig(style)
        // The route to the router comes after the one that needs it.
        rig.ledger.set(try Sample.change("10.9.0.0/24", "203.0.113.9"))
        rig.run()
        #expect(rig.status(try Sample.prefix("10.9.0.0/24")) != .installed)
        rig.ledger.set(try Sample.change("203.0.113.9/32", "192.0.2.1", "198.51.100.1"))
        rig.run()
        #expect(try Self.gateways(rig, "10.9.0.0/24") == ["192.0.2.1", "198.51.100.1"])
        rig.ledger.set(try Sample.change("203.0.113.9/32", "198.51.100.1"))
        rig.run()
        #expect(try Self.gateways(rig, "10.9.0.0/24") == ["198.51.100.1"])
        // A link of the route that is stood on.
        rig.ledger.set(try Sample.change("203.0.113.9/32", "192.0.2.1", "198.51.100.1"))
        rig.run()
        rig.lose(2, try Sample.topology(eth0: false))
        rig.run()
        #expect(try Self.gateways(rig, "10.9.0.0/24") == ["198.51.100.1"])
        rig.ledger.set(try Sample.change("203.0.113.9/32"))
        rig.run()
        #expect(try Self.gateways(rig, "10.9.0.0/24") == [])
        #expect(rig.kernel.routes.isEmpty)
    }

    @Test func `routes stand on routes that stand on routes, and the longest counts`() throws {
        var rig = try Self.rig()
        rig.ledger.set(try Sample.change("10.9.0.0/24", "203.0.113.9"))
        rig.ledger.set(try Sample.change("203.0.113.0/24", "192.0.2.1"))
        rig.run()
        #expect(try Self.gateways(rig, "10.9.0.0/24") == ["192.0.2.1"])
        rig.ledger.set(try Sample.change("203.0.113.8/29", "100.64.0.1"))
        rig.run()
        // What leads nowhere is not in the kernel: the next shorter one is.
        #expect(try Self.gateways(rig, "10.9.0.0/24") == ["192.0.2.1"])
        rig.ledger.set(try Sample.change("100.64.0.0/10", "198.51.100.1"))
        rig.run()
        #expect(try Self.gateways(rig, "10.9.0.0/24") == ["198.51.100.1"])
        #expect(try Self.gateways(rig, "203.0.113.8/29") == ["198.51.100.1"])
    }

    @Test func `no route stands on itself, and none on the default route or in a black hole`() throws {
        var rig = try Self.rig()
        // To itself, in a circle of two, and by the default route.
        rig.ledger.set(try Sample.change("203.0.113.0/24", "203.0.113.9"))
        rig.ledger.set(try Sample.change("100.64.0.0/16", "100.65.0.1"))
        rig.ledger.set(try Sample.change("100.65.0.0/16", "100.64.0.1"))
        rig.ledger.set(try Sample.change("0.0.0.0/0", "192.0.2.1"))
        rig.ledger.set(try Sample.change("10.9.0.0/24", "233.252.0.1"))
        var hole = DesiredRoute(prefix: try Sample.prefix("172.16.0.9/32"), nextHops: [])
        hole.isBlackhole = true
        rig.ledger.set(FIBChange(prefix: hole.prefix, route: hole))
        rig.ledger.set(try Sample.change("10.8.0.0/24", "172.16.0.9"))
        rig.run()
        #expect(Set(rig.kernel.routes.map(\.prefix.description)) == ["0.0.0.0/0", "172.16.0.9/32"])
        // A way out of the circle is a way for both.
        rig.ledger.set(try Sample.change("100.64.0.0/24", "192.0.2.1"))
        rig.run()
        #expect(try Self.gateways(rig, "100.65.0.0/16") == ["192.0.2.1"])
        #expect(try Self.gateways(rig, "100.64.0.0/16") == ["192.0.2.1"])
    }

    @Test func `somebody's longer route goes before ours, and a lower metric among equals`() throws {
        let hop = DesiredNextHop(gateway: try Sample.address("203.0.113.9"))
        var topology = try Sample.topology()
        let way = [DesiredNextHop(gateway: try Sample.address("192.0.2.1"))]
        func own(_ prefix: String) throws -> OwnRoute {
            OwnRoute(prefix: try Sample.prefix(prefix), metric: 50, nextHops: way, isBlackhole: false)
        }
        func foreign(_ prefix: String, _ metric: UInt32) throws -> GatewayRoute {
            let near = RouteNextHop(gateway: try Sample.address("198.51.100.1"), interfaceIndex: 3)
            var route = GatewayRoute(prefix: try Sample.prefix(prefix), nextHops: [near])
            route.metric = metric
            return route
        }
        func used() -> UInt32? {
            guard case .resolved(let hops) = topology.resolve([hop], family: .ipv4) else { return nil }
            return hops.first?.interfaceIndex
        }
        topology.ownRoutes = [hop.gateway: [try own("203.0.113.0/24")]]
        for (other, index): (GatewayRoute, UInt32) in [
            (try foreign("203.0.113.9/32", 100), 3), (try foreign("203.0.113.0/24", 20), 3),
            (try foreign("203.0.113.0/24", 100), 2), (try foreign("203.0.0.0/16", 0), 2),
        ] {
            topology.gatewayRoutes = [other]
            #expect(used() == index, "\(other)")
        }
    }

    @Test func `a maze of routes ends`() throws {
        var rig = try Self.rig()
        for level in 0..<24 {
            for number in 0..<4 {
                let next = (0..<4).map { "100.\(level + 1).\($0).1" }
                let hops = try next.map { DesiredNextHop(gateway: try Sample.address($0)) }
                let prefix = try Sample.prefix("100.\(level).\(number).0/24")
                rig.ledger.set(FIBChange(prefix: prefix, route: DesiredRoute(prefix: prefix, nextHops: hops)))
            }
        }
        rig.run()
        #expect(rig.kernel.routes.isEmpty)
    }

    @Test func `of a better route of somebody else's it is known that it goes before ours`() throws {
        var better = BetterRoutes(Sample.settings)
        let prefix = try Sample.prefix("10.1.0.0/24")
        let first = try Sample.installed("10.1.0.0/24", metric: 20, protocolID: 4)
        let second = try Sample.installed("10.1.0.0/24", metric: 10, protocolID: 186)
        let worse = try Sample.installed("10.1.0.0/24", metric: 100, protocolID: 4)
        let isNews = better.observe(.present(worse, isReplacing: false))
        #expect(!isNews && better[prefix] == nil)
        let isFirst = better.observe(.present(first, isReplacing: false))
        let isSecond = better.observe(.present(second, isReplacing: false))
        #expect(isFirst && !isSecond && better[prefix] == second)
        _ = better.observe(.absent(second))
        #expect(better[prefix] == first)
        better.beginReading()
        better.endReading()
        #expect(better.isEmpty)
    }

    @Test func `a neighbour is told of once when it does not answer any more`() throws {
        var table = NeighborTable()
        let hop = RouteNextHop(gateway: try Sample.address("192.0.2.1"), interfaceIndex: 2)
        let key = NeighborKey(address: try Sample.address("192.0.2.1"), interfaceIndex: 2)
        func see(_ state: NeighborState?) -> Bool { table.observe(NeighborObservation(key: key, state: state)) }
        #expect(!see(.reachable) && table.state(of: hop) == .reachable)
        #expect(see(.failed) && !see(.failed))
        #expect(table.state(of: RouteNextHop(gateway: hop.gateway, interfaceIndex: 3)) == nil)
        #expect(!see(nil) && table.state(of: hop) == nil)
    }
}
