import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// The agent restarts while the router watches it by BFD (RFC 5882 section 4.3): what the router must be told so
    /// that nothing is lost, which docs/bfd.md repeats.
    @Suite(.serialized)
    struct BFDRestartTests {
        enum End: String, CaseIterable, Sendable {
            case killed, terminated
        }

        @Test(arguments: [RouterKind.frr, .bird], End.allCases)
        func `a stream loses no packet while an agent with BFD is restarted`(kind: RouterKind, end: End) throws {
            try Rack.use { rack in
                var configuration = rack.routerConfiguration()
                configuration.runsBFD = true
                configuration.keepsForwarding = true
                for index in configuration.neighbors.indices {
                    configuration.neighbors[index].options = [kind == .frr ? "bfd profile p" : "bfd graceful"]
                }
                let tor = try rack.startRouter(kind, configuration)
                let nodes = try rack.nodes.indices.map { node in
                    try rack.startMartlet(node) { $0.peers[0].options = ["bfd: {interval: 200ms, multiplier: 5}"] }
                }
                let all = Set(Rack.podCIDRs(0) + Rack.podCIDRs(1))
                for node in rack.nodes.indices { try rack.nodes[node].waitPrefixes(all, protocolID: 179) }
                for node in nodes {
                    try eventually("BFD is up") {
                        try node.json("bfd")["sessions"].array.first?["state"].string == "up"
                    }
                }
                let here = try Pod("pod-a1", in: rack.name, on: try nodes[0].podNetwork())
                let there = try Pod("pod-b1", in: rack.name, on: try nodes[1].podNetwork())
                let streams = try AddressFamily.allCases.map { family in
                    try ProbeStream(from: there.namespace, to: try here.address(family))
                }
                try streams[0].advance(by: 250)
                if end == .killed { nodes[0].kill() } else { nodes[0].stop() }
                try streams[0].advance(by: 1000)
                for node in rack.nodes.indices { #expect(try rack.nodes[node].prefixes(protocolID: 179) == all) }
                try nodes[0].start()
                try tor.waitEstablished(rack.link(node: 0).nodeIPv4)
                try streams[0].advance(by: 1000)
                for stream in streams {
                    let report = stream.stop()
                    #expect(report.lost == 0, "\(kind), agent \(end): \(report)")
                }
                try eventually("BFD is up again") {
                    try nodes[0].json("bfd")["sessions"].array.first?["state"].string == "up"
                }
            }
        }
    }
}
