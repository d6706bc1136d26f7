import NetTypes
import Testing

@testable import FIB

/// Routes of others inside the node's and the cluster's prefixes.
@Suite struct OverlappingRouteTests {
    private static let owner: UInt8 = 179

    private func route(
        _ prefix: String, via gateway: String? = "192.0.2.9", protocolID: UInt8 = 4, kind: RouteKind = .unicast,
        table: UInt32 = 254
    ) throws -> KernelRoute {
        let hop = RouteNextHop(gateway: try gateway.map(Sample.address), interfaceIndex: 2)
        return KernelRoute(
            key: RouteKey(prefix: try Sample.prefix(prefix), table: table, metric: 0), kind: kind,
            protocolID: protocolID, nextHops: kind == .unicast ? [hop] : [])
    }

    private func builder() throws -> TopologyBuilder {
        var builder = TopologyBuilder()
        let watched = try ["10.244.1.0/24", "10.244.0.0/16"].map(Sample.prefix)
        let isNew = builder.watch(watched)
        let isNewAgain = builder.watch(watched)
        #expect(isNew && !isNewAgain)
        return builder
    }

    private func found(_ builder: TopologyBuilder) -> [String] {
        builder.topology.overlapping.map { "\($0.route.prefix) in \($0.inside)" }
    }

    @Test func `what leads elsewhere or nowhere is told, by the closest of our prefixes`() throws {
        var builder = try builder()
        for route in [
            try route("10.244.7.0/25"), try route("10.244.1.128/25"),
            try route("10.244.9.0/24", protocolID: 3, kind: .blackhole),
        ] {
            let isNews = builder.observe(.present(route, isReplacing: false), owner: Self.owner)
            #expect(isNews)
        }
        #expect(
            found(builder) == [
                "10.244.1.128/25 in 10.244.1.0/24", "10.244.7.0/25 in 10.244.0.0/16", "10.244.9.0/24 in 10.244.0.0/16",
            ])
        _ = builder.observe(.absent(try route("10.244.7.0/25")), owner: Self.owner)
        #expect(found(builder).count == 2)
    }

    @Test func `ours, the plugin's, links, pods of other plugins, other tables and prefixes are no trouble`() throws {
        var builder = try builder()
        for route in [
            try route("10.244.7.0/24", protocolID: 179), try route("10.244.1.7/32", via: nil, protocolID: 180),
            try route("10.244.1.8/32", via: nil, protocolID: 3), try route("10.244.1.64/26", via: nil, protocolID: 2),
            try route("10.244.7.0/24", table: 100), try route("10.245.0.0/24"), try route("10.244.0.0/16"),
            try route("10.244.1.9/32", kind: .other(2)),
        ] {
            _ = builder.observe(.present(route, isReplacing: false), owner: Self.owner)
        }
        #expect(found(builder).isEmpty)
    }

    @Test func `a full reading replaces what was known, and links read anew keep it`() throws {
        var builder = try builder()
        _ = builder.observe(.present(try route("10.244.7.0/25"), isReplacing: false), owner: Self.owner)
        builder.beginReadingRoutes()
        builder.read(try route("10.244.8.0/25"), owner: Self.owner)
        let differs = builder.endReadingRoutes()
        #expect(differs)
        var fresh = TopologyBuilder()
        fresh.keepRoutes(of: builder)
        #expect(found(fresh) == ["10.244.8.0/25 in 10.244.0.0/16"])
    }
}
