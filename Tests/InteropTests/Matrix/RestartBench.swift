import Lab
import NetTypes
import TestKit

/// Two nodes with a pod each under one router, and streams between the pods while one speaker is away.
struct RestartBench {
    static let features: [Feature] = [.ourRestart, .theirRestart]

    private let rack: Rack
    private let kind: RouterKind
    private let tor: any Router
    private let nodes: [MartletNode]
    private let here, there: Pod
    private let everything = Set(Rack.podCIDRs(0) + Rack.podCIDRs(1))

    static func run(_ kind: RouterKind, _ report: MatrixRun.Reporter) throws {
        try Rack.use(nodes: 2) { rack in
            let bench = try RestartBench(rack, kind)
            report.lacking { try bench.offered() }
            report.cell(.ourRestart) { try bench.restartNode() }
            report.cell(.theirRestart) { try bench.restartRouter() }
        }
    }

    /// A session: the router's address, the node's, and its families.
    private typealias Ends = (router: String, node: String, families: [String])

    /// One session for both families; two with OpenBGPD, which has one IPv6 next hop for all its sessions over IPv4.
    private static func sessions(_ rack: Rack, _ kind: RouterKind, _ node: Int) -> [Ends] {
        let link = rack.link(node: node)
        guard kind == .openbgpd else { return [(link.routerIPv4, link.nodeIPv4, ["ipv4", "ipv6"])] }
        return [(link.routerIPv4, link.nodeIPv4, ["ipv4"]), (link.routerIPv6, link.nodeIPv6, ["ipv6"])]
    }

    private func sessions(_ node: Int) -> [Ends] { Self.sessions(rack, kind, node) }

    private static func configuration(_ rack: Rack, _ kind: RouterKind) -> RouterConfiguration {
        var configuration = rack.routerConfiguration()
        configuration.keepsForwarding = true
        configuration.neighbors = rack.nodes.indices.flatMap { node in
            sessions(rack, kind, node).map { ends in
                let name = Rack.nodeName(node) + (ends.families == ["ipv6"] ? "-6" : "")
                var neighbor = Neighbor(name: name, address: ends.node, asn: Rack.nodeASN(node))
                neighbor.families = ends.families
                // When both sides call it may lose a second connection, and with it what it keeps of the first: once in
                // twenty runs it had withdrawn our routes for a second.
                neighbor.passive = kind == .openbgpd
                neighbor.nextHopIPv6 = rack.link(node: node).routerIPv6
                return neighbor
            }
        }
        if kind == .openbgpd { configuration.nextHopIPv6 = nil }
        // It passes nothing on by itself.
        if kind == .exabgp { configuration.networks = rack.nodes.indices.flatMap(Rack.podCIDRs) }
        return configuration
    }

    private init(_ rack: Rack, _ kind: RouterKind) throws {
        self.rack = rack
        self.kind = kind
        if ![.frr, .bird].contains(kind) { try rack.addStaticRoutes() }
        tor = try rack.startRouter(kind, Self.configuration(rack, kind))
        nodes = try rack.nodes.indices.map { node in
            try rack.startMartlet(node) { own in
                own.peers = Self.sessions(rack, kind, node).enumerated().map { number, ends in
                    var peer = MartletPeer(name: "tor-\(number)", address: ends.router, asn: Rack.torASN(0))
                    peer.options = ["families: [\(ends.families.map { $0 + "-unicast" }.joined(separator: ", "))]"]
                    return peer
                }
            }
        }
        for node in rack.nodes { try node.waitPrefixes(everything, protocolID: 179, within: 30) }
        for node in rack.nodes.indices {
            for ends in Self.sessions(rack, kind, node) {
                let expected = Rack.podCIDRs(node).filter { ends.families.contains($0.contains(":") ? "ipv6" : "ipv4") }
                try tor.waitAccepted(Set(expected), from: ends.node)
            }
        }
        here = try Pod("pod-a1", in: rack.name, on: try nodes[0].podNetwork())
        there = try Pod("pod-b1", in: rack.name, on: try nodes[1].podNetwork())
    }

    private func offered() throws -> [String] {
        try nodes[0].session(sessions(0)[0].router)["capabilitiesReceived"].array.compactMap(\.string)
    }

    private func restartNode() throws {
        try countingPackets { stream in
            nodes[0].kill()
            // Two seconds without an agent: routes stay on both sides.
            try stream.advance(by: 1000)
            try checkKernels()
            try nodes[0].start()
            try waitEstablished(0)
        }
    }

    private func restartRouter() throws {
        if kind == .frr { try rack.addStaticRoutes() }
        try countingPackets { stream in
            try tor.crash()
            for node in nodes.indices {
                for ends in sessions(node) {
                    try eventually("node \(node) has lost the session") {
                        try nodes[node].state(of: ends.router) != "Established"
                    }
                }
            }
            try stream.advance(by: 500)
            try checkKernels()
            try tor.recover()
            for node in nodes.indices { try waitEstablished(node) }
            for node in nodes.indices { try waitFresh(node) }
        }
    }

    /// Runs `body` under a stream of each family, none of which may lose anything, and looks at the routes afterwards.
    private func countingPackets(_ body: (ProbeStream) throws -> Void) throws {
        // Neighbours are found first: that is not what is counted.
        for family in AddressFamily.allCases {
            let target = try here.address(family)
            try eventually("\(there.name) reaches \(target)") {
                try Probe(from: there.namespace).udp(target).echo != nil
            }
        }
        let streams = try AddressFamily.allCases.map { family in
            try ProbeStream(from: there.namespace, to: try here.address(family))
        }
        let outcome = Result {
            try streams[0].advance(by: 250)
            try body(streams[0])
            try streams[0].advance(by: 1000)
        }
        let reports = streams.map { $0.stop() }
        try outcome.get()
        for report in reports {
            try check(report.lost == 0 && report.sent > 1000, "\(report)\n\(histories)\n\(tor.logTail)")
        }
        try checkKernels()
    }

    /// What happened to the sessions, for the reader of a failure.
    private var histories: String {
        nodes.map { node in
            node.namespace.role + ":\n"
                + ((try? node.ctl("history", "tor-0").output).map { String($0.suffix(1500)) } ?? "")
        }.joined(separator: "\n")
    }

    private func checkKernels() throws {
        for node in rack.nodes {
            let found = try node.prefixes(protocolID: 179)
            try check(found == everything, "\(node.role) has \(found.sorted())")
        }
    }

    private func waitEstablished(_ node: Int) throws {
        for ends in sessions(node) {
            try tor.waitEstablished(ends.node, within: 40)
            try nodes[node].waitEstablished(ends.router)
        }
    }

    /// Waits until nothing of before the restart is left unconfirmed.
    private func waitFresh(_ node: Int) throws {
        for ends in sessions(node) {
            func families() throws -> [JSONValue] { try nodes[node].session(ends.router)["families"].array }
            try eventually("node \(node) has no stale route", within: 40, last: { (try? "\(families())") ?? "" }) {
                try families().allSatisfy { $0["stale"].int == 0 && ($0["accepted"].int ?? 0) > 0 }
            }
        }
    }
}
