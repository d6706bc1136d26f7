import Lab
import NetTypes
import TestKit

/// Two nodes with a pod each under one router, and streams between the pods while one speaker is away.
struct RestartBench {
    private let rack: Rack
    private let tor: any Router
    private let nodes: [MartletNode]
    private let here, there: Pod
    private let everything = Set(Rack.podCIDRs(0) + Rack.podCIDRs(1))

    static func run(_ kind: RouterKind, _ report: MatrixRun.Reporter) throws {
        try Rack.use(nodes: 2) { rack in
            let bench = try RestartBench(rack, kind)
            report.cell(.ourRestart) { try bench.restartNode() }
            report.cell(.theirRestart) { try bench.restartRouter() }
        }
    }

    private init(_ rack: Rack, _ kind: RouterKind) throws {
        self.rack = rack
        var configuration = rack.routerConfiguration()
        configuration.keepsForwarding = true
        for node in rack.nodes.indices {
            configuration.neighbors[node].nextHopIPv6 = rack.link(node: node).routerIPv6
            switch kind {
            case .frr, .bird: continue
            case .exabgp: configuration.networks += Rack.podCIDRs(node)  // It passes nothing on by itself.
            case .gobgp, .openbgpd: break
            }
            let link = rack.link(node: node)
            for (prefix, hop) in zip(Rack.podCIDRs(node), [link.nodeIPv4, link.nodeIPv6]) {
                try rack.tors[0].require("ip", "route", "add", prefix, "via", hop)
            }
        }
        tor = try rack.startRouter(kind, configuration)
        nodes = try rack.nodes.indices.map { try rack.startMartlet($0) }
        for node in rack.nodes { try node.waitPrefixes(everything, protocolID: 179, within: 30) }
        for node in rack.nodes.indices {
            try tor.waitAccepted(Set(Rack.podCIDRs(node)), from: rack.link(node: node).nodeIPv4)
        }
        here = try Pod("pod-a1", in: rack.name, on: try nodes[0].podNetwork())
        there = try Pod("pod-b1", in: rack.name, on: try nodes[1].podNetwork())
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
        try countingPackets { stream in
            try tor.crash()
            for node in nodes.indices {
                try eventually("node \(node) has lost the session") {
                    try nodes[node].state(of: rack.link(node: node).routerIPv4) != "Established"
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
        for report in reports { try check(report.lost == 0 && report.sent > 1000, "\(report)") }
        try checkKernels()
    }

    private func checkKernels() throws {
        for node in rack.nodes {
            let found = try node.prefixes(protocolID: 179)
            try check(found == everything, "\(node.role) has \(found.sorted())")
        }
    }

    private func waitEstablished(_ node: Int) throws {
        try tor.waitEstablished(rack.link(node: node).nodeIPv4, within: 40)
        try nodes[node].waitEstablished(rack.link(node: node).routerIPv4)
    }

    /// Waits until nothing of before the restart is left unconfirmed.
    private func waitFresh(_ node: Int) throws {
        func families() throws -> [JSONValue] {
            try nodes[node].session(rack.link(node: node).routerIPv4)["families"].array
        }
        try eventually("node \(node) has no stale route", within: 40, last: { (try? "\(families())") ?? "" }) {
            try families().allSatisfy { $0["stale"].int == 0 && ($0["accepted"].int ?? 0) > 0 }
        }
    }
}
