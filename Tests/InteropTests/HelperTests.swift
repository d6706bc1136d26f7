import Lab
import NetTypes
import TestKit
import Testing

/// What the kernel of a node says of its routes.
private struct RouteMonitor {
    private let daemon: Daemon

    init(_ namespace: Namespace, in directory: String) throws {
        daemon = try Daemon(["ip", "monitor", "route"], in: namespace, log: "\(directory)-routes.log")
    }

    /// Prefixes of our protocol that were taken out.
    var deletedPrefixes: [String] {
        let text = (try? String(contentsOfFile: daemon.log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").filter { $0.hasPrefix("Deleted ") && $0.contains("proto 179") }.compactMap {
            $0.split(separator: " ").dropFirst().first.map(String.init)
        }
    }

    func stop() { daemon.killNow() }
}

extension Interop {
    /// A router restarts, and the nodes keep what it told them (RFC 4724 section 4.2).
    @Suite(.serialized)
    struct HelperTests {
        private static let extra4 = "10.244.11.0/24"

        /// A router that says it forwards while it restarts, for `seconds`.
        private static func start(_ kind: RouterKind, _ rack: Rack, restartTime seconds: Int) throws -> any Router {
            var configuration = rack.routerConfiguration()
            configuration.networks = [remote4, remote6]
            configuration.keepsForwarding = true
            switch kind {
            case .frr:
                configuration.extra = "router bgp \(configuration.asn)\n bgp graceful-restart restart-time \(seconds)\n"
            default:
                for index in configuration.neighbors.indices {
                    configuration.neighbors[index].options = ["graceful restart time \(seconds)"]
                }
            }
            return try rack.startRouter(kind, configuration)
        }

        private static func isStale(_ node: MartletNode, _ prefix: String) throws -> Bool {
            try node.json("routes", prefix)["routes"].array.first?["stale"] == true
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `a stream through a router that restarts loses no packet, and what it forgot is swept`(
            kind: RouterKind
        ) throws {
            try Rack.use { rack in
                let tor = try Self.start(kind, rack, restartTime: 60)
                let nodes = try rack.nodes.indices.map { try rack.startMartlet($0) }
                let pods = Set(Rack.podCIDRs(0) + Rack.podCIDRs(1))
                let all = pods.union([remote4, remote6])
                for node in rack.nodes { try node.waitPrefixes(all, protocolID: 179) }
                // Not in the file that it reads when it comes back.
                if kind == .frr { try tor.announce(Self.extra4) }
                let before = kind == .frr ? all.union([Self.extra4]) : all
                for node in rack.nodes { try node.waitPrefixes(before, protocolID: 179) }
                let here = try Pod("pod-a1", in: rack.name, on: try nodes[0].podNetwork())
                let there = try Pod("pod-b1", in: rack.name, on: try nodes[1].podNetwork())
                let streams = try AddressFamily.allCases.map { family in
                    try ProbeStream(from: there.namespace, to: try here.address(family))
                }
                try streams[0].advance(by: 250)
                let monitors = try rack.nodes.map { try RouteMonitor($0, in: rack.directory($0.role)) }
                defer { for monitor in monitors { monitor.stop() } }
                // When zebra of FRR 8.4 hears the new bgpd, it takes its own routes out for some 40 ms.
                if kind == .frr { try rack.addStaticRoutes() }
                try tor.crash()
                try eventually("the routes are stale", last: { nodes[0].logTail }) {
                    try Self.isStale(nodes[0], remote4)
                }
                try streams[0].advance(by: 1000)
                for node in rack.nodes { #expect(try node.prefixes(protocolID: 179) == before) }
                try tor.recover()
                try tor.waitEstablished(rack.link(node: 0).nodeIPv4)
                for node in rack.nodes { try node.waitPrefixes(all, protocolID: 179, within: 30) }
                try eventually("nothing is stale", last: { nodes[0].logTail }) {
                    try !Self.isStale(nodes[0], remote4)
                }
                try streams[0].advance(by: 500)
                for (index, monitor) in monitors.enumerated() {
                    let deleted = Set(monitor.deletedPrefixes)
                    #expect(deleted == before.subtracting(all), "node \(index)")
                }
                for (family, stream) in zip(AddressFamily.allCases, streams) {
                    let report = stream.stop()
                    #expect(report.lost == 0, "\(kind), \(family): \(report)")
                }
            }
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `a router that does not come back is forgotten after its restart time`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let tor = try Self.start(kind, rack, restartTime: 5)
                let node = try rack.startMartlet(0)
                let own = Set(Rack.podCIDRs(0))
                let all = own.union([remote4, remote6])
                try rack.nodes[0].waitPrefixes(all, protocolID: 179)
                try tor.crash()
                try eventually("the routes are stale", last: { node.logTail }) { try Self.isStale(node, remote4) }
                let away = try node.json("sessions")["sessions"].array.first?["kept"]
                // FRR also sends back what it got from us, which is rejected.
                #expect((away?["paths"].int ?? 0) >= 2 && (away?["endsInSeconds"].int ?? 99) <= 5)
                let stay = try always(for: 2) { try rack.nodes[0].prefixes(protocolID: 179) == all }
                #expect(stay)
                try rack.nodes[0].waitPrefixes(own, protocolID: 179, within: 15)
            }
        }

        @Test func `R5: a session that is new after a restart says that forwarding was kept, and no restart`() throws {
            try Rack.use(nodes: 1) { rack in
                let address = rack.link(node: 0).nodeIPv4
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4, remote6]
                let tor = try FRRRouter(configuration, in: rack.tors[0], directory: rack.directory("tor"))
                let node = try rack.startMartlet(0)
                let all = Set(Rack.podCIDRs(0) + [remote4, remote6])
                try rack.nodes[0].waitPrefixes(all, protocolID: 179)
                func bits() throws -> [String: Bool] {
                    let restart = try tor.show("bgp neighbors \(address)")[address]["gracefulRestartInfo"]
                    var bits = ["R": restart["rBit"] == true]
                    for family in ["ipv4Unicast", "ipv6Unicast"] { bits[family] = restart[family]["fBit"] == true }
                    return bits
                }
                #expect(try bits() == ["R": false, "ipv4Unicast": false, "ipv6Unicast": false], "a node that boots")
                node.kill()
                try node.start()
                try eventually("a node whose agent came back", last: { node.logTail }) {
                    try bits() == ["R": true, "ipv4Unicast": true, "ipv6Unicast": true]
                }
                try eventually("the restart is over") { node.logTail.contains("stale routes are swept") }
                try node.configure { $0.holdTime = 60 }
                node.reload()
                try eventually("a new session of the same run", last: { node.logTail }) {
                    try bits() == ["R": false, "ipv4Unicast": true, "ipv6Unicast": true]
                }
                #expect(try rack.nodes[0].prefixes(protocolID: 179) == all)
            }
        }

        @Test func `R4: a router that is dead keeps nobody else waiting`() throws {
            try Rack.use(tors: 2, nodes: 1) { rack in
                let tor = try rack.startRouter(.frr)
                // The second router of the configuration never runs.
                let node = try rack.startMartlet(0)
                let address = rack.link(node: 0).nodeIPv4
                try tor.waitEstablished(address)
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: address, within: 2)
                // After a restart with routes to keep, too.
                node.kill()
                try node.start()
                try tor.waitEstablished(address)
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: address, within: 2)
                #expect(try node.state(of: rack.link(tor: 1, node: 0).routerIPv4) != "Established")
            }
        }
    }
}
