import NetTypes
import Testing

@testable import FIB

/// Next hops beyond the links, resolved by routes of others.
@Suite struct GatewayRouteTests {
    private static let owner: UInt8 = 179

    private func route(
        _ prefix: String, _ hops: [(String?, UInt32)], metric: UInt32 = 0, protocolID: UInt8 = 4
    ) throws -> KernelRoute {
        KernelRoute(
            key: RouteKey(prefix: try Sample.prefix(prefix), table: 254, metric: metric), kind: .unicast,
            protocolID: protocolID,
            nextHops: try hops.map { RouteNextHop(gateway: try $0.0.map(Sample.address), interfaceIndex: $0.1) })
    }

    private func topology(_ routes: [KernelRoute], eth0: Bool = true) throws -> Topology {
        var builder = TopologyBuilder()
        for interface in try Sample.topology(eth0: eth0).interfaces {
            builder.observe(.link(interface))
            for address in interface.addresses { builder.observe(.address(interface.index, address)) }
        }
        for route in routes { _ = builder.observe(.present(route, isReplacing: false), owner: Self.owner) }
        return builder.topology
    }

    private func resolve(_ gateway: String, _ topology: Topology, weight: UInt16 = 1) throws -> Resolution {
        topology.resolve(
            [DesiredNextHop(gateway: try Sample.address(gateway), weight: weight)],
            family: try Sample.address(gateway).family)
    }

    private func near(_ gateway: String, _ index: UInt32) throws -> RouteNextHop {
        RouteNextHop(gateway: try Sample.address(gateway), interfaceIndex: index)
    }

    @Test func `a router's loopback is reached over all next hops of the route to it, and over what is left`() throws {
        let loopback = try route("203.0.113.1/32", [("192.0.2.1", 2), ("198.51.100.1", 3)])
        #expect(
            try resolve("203.0.113.1", topology([loopback]))
                == .resolved([near("192.0.2.1", 2), near("198.51.100.1", 3)]))
        #expect(
            try resolve("203.0.113.1", topology([loopback], eth0: false)) == .resolved([near("198.51.100.1", 3)]))
        #expect(
            try resolve("203.0.113.2", topology([loopback]))
                == .unresolved("next hop 203.0.113.2 is on no connected subnet"))
    }

    @Test func `the longest match counts, then the lowest metric`() throws {
        let wide = try route("203.0.113.0/24", [("192.0.2.9", 2)])
        let far = try route("203.0.113.1/32", [("192.0.2.2", 2)], metric: 20)
        let close = try route("203.0.113.1/32", [("192.0.2.1", 2)], metric: 10)
        #expect(try resolve("203.0.113.1", topology([wide, far, close])) == .resolved([near("192.0.2.1", 2)]))
        #expect(try resolve("203.0.113.7", topology([wide, far, close])) == .resolved([near("192.0.2.9", 2)]))
    }

    @Test func `our own routes in the kernel, the default route and pods' routes resolve nothing`() throws {
        for other in [
            try route("203.0.113.0/24", [("192.0.2.1", 2)], protocolID: 179),
            try route("0.0.0.0/0", [("192.0.2.1", 2)]), try route("203.0.113.1/32", [(nil, 4)], protocolID: 180),
        ] {
            guard case .unresolved = try resolve("203.0.113.1", topology([other])) else {
                Issue.record("\(other) resolves it")
                continue
            }
        }
    }

    @Test func `a route to a link makes the next hop a neighbour there`() throws {
        let link = try route("203.0.113.1/32", [(nil, 3)])
        #expect(try resolve("203.0.113.1", topology([link])) == .resolved([near("203.0.113.1", 3)]))
    }

    @Test func `a dead next hop is dead beyond a link too, and so is the way to it`() throws {
        var topology = try topology([try route("203.0.113.1/32", [("192.0.2.1", 2), ("198.51.100.1", 3)])])
        topology.unreachable = [DeadGateway(address: try Sample.address("192.0.2.1"))]
        #expect(try resolve("203.0.113.1", topology) == .resolved([near("198.51.100.1", 3)]))
        topology.unreachable = [DeadGateway(address: try Sample.address("203.0.113.1"))]
        guard case .unresolved = try resolve("203.0.113.1", topology) else {
            Issue.record("resolved")
            return
        }
    }

    @Test func `routes that go are followed, by notification and by reading`() throws {
        var builder = TopologyBuilder()
        builder.observe(.link(Interface(index: 2, name: "eth0")))
        let loopback = try route("203.0.113.1/32", [("192.0.2.1", 2)])
        let isFollowed = builder.observe(.present(loopback, isReplacing: false), owner: Self.owner)
        #expect(isFollowed && builder.topology.gatewayRoutes.count == 1 && builder.hasRoute(on: 2))
        let isGone = builder.observe(.absent(loopback), owner: Self.owner)
        #expect(isGone && builder.topology.gatewayRoutes.isEmpty)
        _ = builder.observe(.present(loopback, isReplacing: false), owner: Self.owner)
        builder.beginReadingRoutes()
        let isNews = builder.endReadingRoutes()
        #expect(isNews && builder.topology.gatewayRoutes.isEmpty)
    }

    @Test func `a next hop that leaves with its session leaves beyond the links too`() throws {
        var topology = try topology([
            try route("203.0.113.1/32", [("192.0.2.1", 2)]), try route("203.0.113.2/32", [("198.51.100.1", 3)]),
        ])
        topology.leaving = [try Sample.address("203.0.113.1")]
        let hops = try ["203.0.113.1", "203.0.113.2"].map { DesiredNextHop(gateway: try Sample.address($0)) }
        #expect(topology.resolve(hops, family: .ipv4) == .resolved([try near("198.51.100.1", 3)]))
        #expect(topology.resolve([hops[0]], family: .ipv4) == .resolved([try near("192.0.2.1", 2)]))
    }
}
