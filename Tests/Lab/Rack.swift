import Foundation
import TestKit

/// One link of a rack: a veth pair between a router and a node, dual stack, of full MTU.
package struct RackLink: Sendable {
    /// IPv4 address of the router's end and of the node's end (a /31), and IPv6 (a /64).
    package let routerIPv4, nodeIPv4: String
    package let routerIPv6, nodeIPv6: String
    /// Interface of the node towards the router.
    package let nodeInterface: String
    /// Interface of the router towards the node.
    package let routerInterface: String
}

/// A rack in network namespaces: some top-of-rack routers and some nodes, every node with one link to every router.
/// No default route anywhere: what reaches another namespace was routed there by BGP.
///
///          tor-1  AS 65001    (tor-2  AS 65002)
///          /    \
///     eth0/      \eth0        192.0.2.0/31, 192.0.2.2/31, ... and fd00:0:0:N::/64
///     node-a    node-b        AS 64601, 64602
///      pods      pods         10.244.1.0/24 + fd00:10:244:1::/64, 10.244.2.0/24 + fd00:10:244:2::/64
package final class Rack: Sendable {
    package let name: LabName
    package let tors: [Namespace]
    package let nodes: [Namespace]

    /// AS number of the routers: 65001, 65002.
    package static func torASN(_ tor: Int) -> UInt32 { 65001 + UInt32(tor) }
    /// AS number of the nodes: 64601, 64602.
    package static func nodeASN(_ node: Int) -> UInt32 { 64601 + UInt32(node) }
    /// IPv4 and IPv6.
    package static func podCIDRs(_ node: Int) -> [String] {
        ["10.244.\(node + 1).0/24", "fd00:10:244:\(node + 1)::/64"]
    }
    package static let clusterCIDRs = ["10.244.0.0/16", "fd00:10:244::/48"]
    /// node-a, node-b, ...
    package static func nodeName(_ node: Int) -> String {
        "node-" + String(UnicodeScalar(UInt8(ascii: "a") + UInt8(node)))
    }

    private let token: Cleanup.Token

    /// Builds namespaces, links and addresses. Nothing routes yet.
    /// `numbered` false: the links have link-local addresses only.
    package init(tors: Int = 1, nodes: Int = 2, numbered: Bool = true, name: LabName = LabName()) throws {
        LabName.sweep()
        self.name = name
        try makeDirectory(name.directory)
        token = Cleanup.shared.add { try? FileManager.default.removeItem(atPath: name.directory) }
        self.tors = try (0..<tors).map { try Namespace(name, tors == 1 ? "tor" : "tor-\($0 + 1)", forwards: true) }
        self.nodes = try (0..<nodes).map { try Namespace(name, Self.nodeName($0), forwards: true) }
        for tor in 0..<tors { for node in 0..<nodes { try connect(tor, node, numbered) } }
    }

    /// Builds a rack, calls `body`, and takes it away however `body` ends.
    package static func use<Value>(
        tors: Int = 1, nodes: Int = 2, numbered: Bool = true, _ body: (Rack) throws -> Value
    ) throws -> Value {
        let rack = try Rack(tors: tors, nodes: nodes, numbered: numbered)
        defer { rack.remove() }
        return try body(rack)
    }

    package func link(tor: Int = 0, node: Int) -> RackLink {
        let number = tor * 16 + node
        return RackLink(
            routerIPv4: "192.0.2.\(2 * number)", nodeIPv4: "192.0.2.\(2 * number + 1)",
            routerIPv6: "fd00:0:0:\(String(number + 1, radix: 16))::1",
            nodeIPv6: "fd00:0:0:\(String(number + 1, radix: 16))::2",
            nodeInterface: "eth\(tor)", routerInterface: Self.nodeName(node))
    }

    /// A directory for one member of the rack.
    package func directory(_ role: String) -> String { "\(name.directory)/\(role)" }

    private func connect(_ tor: Int, _ node: Int, _ numbered: Bool) throws {
        let link = link(tor: tor, node: node)
        let (router, host) = (tors[tor].name, nodes[node].name)
        try must(
            [
                "ip", "link", "add", link.routerInterface, "netns", router, "type", "veth",
                "peer", "name", link.nodeInterface, "netns", host,
            ])
        let ends = [
            (router, link.routerInterface, link.routerIPv4, link.routerIPv6),
            (host, link.nodeInterface, link.nodeIPv4, link.nodeIPv6),
        ]
        for (namespace, interface, ipv4, ipv6) in ends {
            if numbered {
                try must(["ip", "-n", namespace, "address", "add", "\(ipv4)/31", "dev", interface])
                try must(["ip", "-n", namespace, "address", "add", "\(ipv6)/64", "dev", interface, "nodad"])
            }
            try must(["ip", "-n", namespace, "link", "set", interface, "up"])
        }
    }

    /// Cuts or mends the link between a router and a node: the carrier goes on both ends.
    package func setLink(tor: Int = 0, node: Int, up: Bool) throws {
        try must([
            "ip", "-n", tors[tor].name, "link", "set", link(tor: tor, node: node).routerInterface, up ? "up" : "down",
        ])
    }

    /// The configuration of a router that peers with every node of the rack.
    package func routerConfiguration(tor: Int = 0, asn: UInt32? = nil, passive: Bool = false) -> RouterConfiguration {
        var configuration = RouterConfiguration(
            asn: asn ?? Self.torASN(tor), routerID: "192.0.2.\(200 + tor)",
            neighbors: nodes.indices.map {
                Neighbor(
                    name: Self.nodeName($0), address: link(tor: tor, node: $0).nodeIPv4, asn: Self.nodeASN($0),
                    passive: passive)
            })
        configuration.nextHopIPv6 = link(tor: tor, node: 0).routerIPv6
        return configuration
    }

    /// Starts a router of the given make on top of the rack.
    package func startRouter(_ kind: RouterKind, tor: Int = 0, _ configuration: RouterConfiguration? = nil) throws
        -> any Router
    {
        try kind.start(
            configuration ?? routerConfiguration(tor: tor), in: tors[tor], directory: directory(tors[tor].role))
    }

    /// Takes everything away: processes, namespaces, files.
    package func remove() {
        for namespace in nodes + tors { namespace.remove() }
        name.removeAll()
        Cleanup.shared.run(token)
    }

    /// It will outlive this process.
    package func keep() {
        for namespace in nodes + tors { namespace.keep() }
        Cleanup.shared.forget(token)
    }
}

extension Rack {
    /// Static routes of the first router to the nodes' pods: what forwards for a router that puts nothing into the
    /// kernel, or when that falls short; worse than what it puts there.
    package func addStaticRoutes() throws {
        for node in nodes.indices {
            let link = link(node: node)
            for (prefix, hop) in zip(Rack.podCIDRs(node), [link.nodeIPv4, link.nodeIPv6]) {
                try tors[0].require("ip", "route", "replace", prefix, "via", hop, "metric", "1024")
            }
        }
    }
}
