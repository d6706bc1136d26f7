import Foundation
import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// A goodbye that nobody notices, row R6 of docs/drills.md.
    @Suite(.serialized)
    struct DrainDrillTests {
        private static let anycast = ["10.244.99.0/24", "fd00:10:244:99::/64"]
        private static let service = ["10.244.99.1", "fd00:10:244:99::1"]

        /// A service behind a node under the address that it has behind the other one too.
        private static func addService(_ rack: Rack, _ node: Int) throws -> EchoServer {
            let (host, inside) = (rack.nodes[node], try Namespace(rack.name, "service-\(node)"))
            try must([
                "ip", "link", "add", "svc", "netns", host.name, "type", "veth", "peer", "name", "eth0", "netns",
                inside.name,
            ])
            for (index, (near, far)) in [("169.254.7.1", "169.254.7.2"), ("fd00:7::1", "fd00:7::2")].enumerated() {
                let (length, full) = index == 0 ? (30, 32) : (64, 128)
                try host.require("ip", "address", "add", "\(near)/\(length)", "dev", "svc")
                try inside.require("ip", "address", "add", "\(far)/\(length)", "dev", "eth0")
                try inside.require("ip", "address", "add", "\(service[index])/\(full)", "dev", "lo")
                try host.require("ip", "link", "set", "svc", "up")
                try inside.require("ip", "link", "set", "eth0", "up")
                let family = index == 0 ? "-4" : "-6"
                try inside.require("ip", family, "route", "add", "default", "via", near, "src", service[index])
                try host.require("ip", family, "route", "add", "\(service[index])/\(full)", "via", far)
            }
            return try EchoServer(in: inside)
        }

        /// Who asks, behind the router under addresses that every node knows a way to.
        private static func addClient(_ rack: Rack) throws -> Namespace {
            let (router, inside) = (rack.tors[0], try Namespace(rack.name, "client"))
            try must([
                "ip", "link", "add", "clients", "netns", router.name, "type", "veth", "peer", "name", "eth0", "netns",
                inside.name,
            ])
            for (near, far, length) in [
                ("10.244.200.1", "10.244.200.2", 24), ("fd00:10:244:200::1", "fd00:10:244:200::2", 64),
            ] {
                try router.require("ip", "address", "add", "\(near)/\(length)", "dev", "clients")
                try inside.require("ip", "address", "add", "\(far)/\(length)", "dev", "eth0")
                try router.require("ip", "link", "set", "clients", "up")
                try inside.require("ip", "link", "set", "eth0", "up")
                let family = length == 24 ? "-4" : "-6"
                try inside.require("ip", family, "route", "add", "default", "via", near)
            }
            return inside
        }

        @Test func `R6: a drained node is empty before it says goodbye, and no packet is lost`() throws {
            try Rack.use { rack in
                let client = try Self.addClient(rack)
                var configuration = rack.routerConfiguration()
                configuration.networks = ["10.244.200.0/24", "fd00:10:244:200::/64"]
                let tor = try FRRRouter(configuration, in: rack.tors[0], directory: rack.directory("tor"))
                let nodes = try rack.nodes.indices.map { node in
                    try rack.startMartlet(node) { $0.podCIDRs += Self.anycast }
                }
                let servers = try rack.nodes.indices.map { try Self.addService(rack, $0) }
                defer { for server in servers { server.stop() } }
                /// Nodes that the router's kernel sends an anycast prefix to, for both prefixes.
                @Sendable func ways() throws -> [Set<String>] {
                    try Self.anycast.map { prefix in
                        Set(
                            (try rack.tors[0].route(prefix)?.hops ?? []).compactMap {
                                $0.split(separator: " ").last.map(String.init)
                            })
                    }
                }
                let (both, other): (Set, Set) = ([Rack.nodeName(0), Rack.nodeName(1)], [Rack.nodeName(1)])
                try eventually("both nodes are used", within: 30, last: { (try? "\(ways())") ?? "" }) {
                    try ways() == [both, both]
                }
                // Many flows: some go to each node.
                let targets = try Self.service.map { try #require(IPAddress($0)) }
                for target in targets {
                    try eventually("\(target) answers") { try Probe(from: client).udp(target).echo != nil }
                }
                let streams = try (0..<16).map { try ProbeStream(from: client, to: targets[$0 % 2], rate: 50) }
                let served: @Sendable () throws -> Int = { try rack.nodes[0].sentPackets("svc") }
                let before = try served()
                try eventually("the first node serves some of them") { try served() > before + 100 }

                let watched = DrainWatch()
                try concurrently([
                    {
                        let finished = try nodes[0].ctl("drain", "--wait", "4s")
                        watched.drained = true
                        try check(finished.succeeded, "\(finished)")
                    },
                    {
                        try eventually("the router prefers the other node", last: { (try? "\(ways())") ?? "" }) {
                            try ways() == [other, other]
                        }
                        // What was on its way arrives; then nothing more comes, though the session is up.
                        try eventually("the node is empty") {
                            let now = try served()
                            return try always(for: 0.5) { try served() == now }
                        }
                        try check(!watched.drained, "the goodbye came before the node was empty")
                        try check(
                            try tor.state(of: rack.link(node: 0).nodeIPv4) == "Established", "the session is gone")
                    },
                ])
                try eventually("the router has no route of it", within: 5) {
                    try tor.accepted(from: rack.link(node: 0).nodeIPv4).isEmpty
                }
                try streams[0].advance(by: 50)
                #expect(try nodes[0].ctl("undrain").succeeded)
                try eventually("both nodes are used again", within: 30, last: { (try? "\(ways())") ?? "" }) {
                    try ways() == [both, both]
                }
                try streams[0].advance(by: 50)
                let reports = streams.map { $0.stop() }
                let lost = reports.reduce(0) { $0 + $1.lost }
                #expect(lost == 0, "\(reports)")
                Drill.tell("R6", "\(lost) of \(reports.reduce(0) { $0 + $1.sent }) packets lost over drain and undrain")
            }
        }
    }
}

/// Whether the drain has ended.
private final class DrainWatch: @unchecked Sendable {
    private let lock = NSLock()
    private var value = false
    var drained: Bool {
        get { lock.withLock { value } }
        set { lock.withLock { value = newValue } }
    }
}
