import NetTypes
import Testing

@testable import FIB

/// The node's own router, as the kernel's default routes name it.
@Suite struct DefaultRouteTests {
    private static let owner: UInt8 = 179

    private func route(
        _ prefix: String, via gateways: [String], metric: UInt32 = 0, protocolID: UInt8 = 3, table: UInt32 = 254,
        index: UInt32 = 2
    ) throws -> KernelRoute {
        KernelRoute(
            key: RouteKey(prefix: try Sample.prefix(prefix), table: table, metric: metric), kind: .unicast,
            protocolID: protocolID,
            nextHops: try gateways.map { RouteNextHop(gateway: try Sample.address($0), interfaceIndex: index) })
    }

    private func builder() throws -> TopologyBuilder {
        var builder = TopologyBuilder()
        for interface in try Sample.topology().interfaces { builder.observe(.link(interface)) }
        return builder
    }

    private func gateways(_ builder: TopologyBuilder) -> [String] {
        builder.topology.defaultGateways.map(\.address.description)
    }

    @Test func `the lowest metric is preferred, and IPv4 before IPv6`() throws {
        var builder = try builder()
        let six = try route("::/0", via: ["fe80::9"], metric: 1024)
        let far = try route("0.0.0.0/0", via: ["192.0.2.2"], metric: 200)
        let near = try route("0.0.0.0/0", via: ["192.0.2.1"], metric: 100)
        for route in [six, far, near] {
            let isDefault = builder.observe(.present(route, isReplacing: false), owner: Self.owner)
            #expect(isDefault)
        }
        #expect(gateways(builder) == ["192.0.2.1", "192.0.2.2", "fe80::9"])
        _ = builder.observe(.absent(near), owner: Self.owner)
        #expect(gateways(builder) == ["192.0.2.2", "fe80::9"])
    }

    @Test func `a replaced route and single next hops that go are followed`() throws {
        var builder = try builder()
        let old = try route("0.0.0.0/0", via: ["192.0.2.1"])
        _ = builder.observe(.present(old, isReplacing: false), owner: Self.owner)
        _ = builder.observe(
            .present(try route("0.0.0.0/0", via: ["192.0.2.3"]), isReplacing: true), owner: Self.owner)
        #expect(gateways(builder) == ["192.0.2.3"])
        let two = try route("::/0", via: ["fe80::8", "fe80::9"], metric: 1024)
        _ = builder.observe(.present(two, isReplacing: false), owner: Self.owner)
        _ = builder.observe(.absent(try route("::/0", via: ["fe80::8"], metric: 1024)), owner: Self.owner)
        #expect(gateways(builder) == ["192.0.2.3", "fe80::9"])
    }

    @Test func `our own default route, other tables and other prefixes are nobody's gateway`() throws {
        var builder = try builder()
        for other in [
            try route("0.0.0.0/0", via: ["192.0.2.1"], protocolID: Self.owner),
            try route("0.0.0.0/0", via: ["192.0.2.1"], table: 100),
        ] {
            let isDefault = builder.observe(.present(other, isReplacing: false), owner: Self.owner)
            #expect(!isDefault)
        }
        #expect(gateways(builder) == [])
    }

    @Test func `a gateway behind a link without carrier is none until it is back`() throws {
        var builder = try builder()
        _ = builder.observe(.present(try route("0.0.0.0/0", via: ["192.0.2.1"]), isReplacing: false), owner: Self.owner)
        builder.observe(.link(try Sample.interface(2, "eth0", [], isRunning: false)))
        #expect(gateways(builder) == [])
        #expect(builder.hasRoute(on: 2) && !builder.hasRoute(on: 3))
        builder.observe(.link(try Sample.interface(2, "eth0", [])))
        #expect(gateways(builder) == ["192.0.2.1"])
    }

    @Test func `a full reading replaces what was known, and one that broke off nothing`() throws {
        var builder = try builder()
        _ = builder.observe(.present(try route("0.0.0.0/0", via: ["192.0.2.1"]), isReplacing: false), owner: Self.owner)
        builder.beginReadingRoutes()
        builder.abandonReadingRoutes()
        #expect(gateways(builder) == ["192.0.2.1"])
        builder.beginReadingRoutes()
        builder.read(try route("0.0.0.0/0", via: ["192.0.2.7"]), owner: Self.owner)
        builder.read(try route("10.0.0.0/8", via: ["192.0.2.9"]), owner: Self.owner)
        let isNews = builder.endReadingRoutes()
        #expect(isNews)
        #expect(gateways(builder) == ["192.0.2.7"])
    }

    @Test func `a neighbour with our other link's address is no address of this node`() throws {
        let topology = try Sample.topology()
        let hop = DesiredNextHop(gateway: try Sample.address("fe80::1"), interface: "eth1")
        #expect(
            topology.resolve([hop], family: .ipv4)
                == .resolved([RouteNextHop(gateway: try Sample.address("fe80::1"), interfaceIndex: 3)]))
        let own = DesiredNextHop(gateway: try Sample.address("fe80::2"), interface: "eth1")
        #expect(topology.resolve([own], family: .ipv4) == .unresolved("next hop fe80::2 is an address of this node"))
    }
}
