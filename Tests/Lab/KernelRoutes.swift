import Foundation
import NetTypes
import TestKit

/// A route of the kernel's main table.
package struct KernelRoute: Hashable, Sendable, CustomStringConvertible {
    /// With its length, also for a single address: 10.244.1.2/32; the default route is 0.0.0.0/0 or ::/0.
    package let prefix: String
    /// unicast, unreachable, blackhole ...
    package let kind: String
    /// Number of the route protocol: 179 the agent, 180 the plugin, 186 BGP of FRR, 12 BIRD, 2 kernel, 3 boot, 4
    /// static.
    package let protocolID: Int
    package let metric: Int
    /// Next hops, `via ADDRESS dev NAME` or `dev NAME`, sorted.
    package let hops: [String]

    package var description: String {
        "\(kind == "unicast" ? "" : kind + " ")\(prefix) \(hops.joined(separator: " | ")) proto \(protocolID)"
    }
}

extension Namespace {
    /// The main table of a family, as iproute2 reads it; of one protocol id if given.
    package func routes(_ families: [AddressFamily] = AddressFamily.allCases, protocolID: Int? = nil) throws
        -> [KernelRoute]
    {
        try families.flatMap { family in
            let version = family == .ipv4 ? "-4" : "-6"
            return try ip("-N", version, "route", "show", "table", "main").array.compactMap { KernelRoute($0, family) }
        }.filter { protocolID == nil || $0.protocolID == protocolID }
    }

    /// Prefixes of the routes of one protocol id.
    package func prefixes(protocolID: Int) throws -> Set<String> {
        Set(try routes(protocolID: protocolID).map(\.prefix))
    }

    /// The route of exactly that prefix, of a protocol id if given.
    package func route(_ prefix: String, protocolID: Int? = nil) throws -> KernelRoute? {
        try routes([prefix.contains(":") ? .ipv6 : .ipv4], protocolID: protocolID).first { $0.prefix == prefix }
    }

    /// Waits until the prefixes of a protocol id in the kernel are exactly those.
    package func waitPrefixes(_ expected: Set<String>, protocolID: Int, within seconds: Double = 15) throws {
        try eventually(
            "the kernel of \(role) has exactly \(expected.sorted()) of protocol \(protocolID)", within: seconds,
            last: { (try? routes(protocolID: protocolID).map(\.description).joined(separator: "; ")) ?? "" }
        ) { try prefixes(protocolID: protocolID) == expected }
    }

    /// Kinds of the links other than loopback: `veth` and nothing else, where nothing is encapsulated.
    package func linkKinds() throws -> [(name: String, kind: String, mtu: Int)] {
        try ip("link", "show").array.compactMap { link in
            guard let name = link["ifname"].string, name != "lo" else { return nil }
            return (name, link["linkinfo"]["info_kind"].string ?? "physical", link["mtu"].int ?? 0)
        }
    }

    /// Packets that an interface has sent.
    package func sentPackets(_ interface: String) throws -> Int {
        try ip("-s", "link", "show", "dev", interface)[0]["stats64"]["tx"]["packets"].int ?? 0
    }
}

extension KernelRoute {
    init?(_ json: JSONValue, _ family: AddressFamily) {
        guard var prefix = json["dst"].string else { return nil }
        if prefix == "default" { prefix = family == .ipv4 ? "0.0.0.0/0" : "::/0" }
        if !prefix.contains("/") { prefix += "/\(family.bitWidth)" }
        self.prefix = prefix
        kind = json["type"].string.map { Self.kinds[$0] ?? $0 } ?? "unicast"
        protocolID = json["protocol"].string.flatMap { Self.protocols[$0] ?? Int($0) } ?? 0
        metric = json["metric"].int ?? 0
        let several = json["nexthops"].array
        hops = (several.isEmpty ? [json] : several).map { hop in
            let via = hop["gateway"].string ?? hop["via"]["host"].string
            return [via.map { "via \($0)" }, hop["dev"].string.map { "dev \($0)" }].compactMap { $0 }.joined(
                separator: " ")
        }.filter { !$0.isEmpty }.sorted()
    }

    /// With `-N`, iproute2 prints numbers; older ones print names of what they know all the same.
    private static let kinds = ["1": "unicast", "6": "blackhole", "7": "unreachable", "8": "prohibit", "9": "throw"]
    private static let protocols = [
        "kernel": 2, "boot": 3, "static": 4, "ra": 9, "bird": 12, "bgp": 186, "martlet": 179, "martlet-pod": 180,
    ]
}
