import Glibc
import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// The agent dies and comes back: nothing may be lost, and nothing stale may stay.
    @Suite(.serialized)
    struct RestartTests {
        enum End: String, CaseIterable, Sendable {
            case killed, terminated
        }

        @Test(arguments: [RouterKind.frr, .bird], End.allCases)
        func `a stream between pods loses no packet while an agent is restarted`(kind: RouterKind, end: End) throws {
            try Rack.use { rack in
                let tor = try rack.startRouter(kind)
                let nodes = try rack.nodes.indices.map { try rack.startMartlet($0) }
                for node in rack.nodes.indices { try rack.nodes[node].waitPrefixes(everyPodCIDR, protocolID: 179) }
                let here = try Pod("pod-a1", in: rack.name, on: try nodes[0].podNetwork())
                let there = try Pod("pod-b1", in: rack.name, on: try nodes[1].podNetwork())
                let streams = try AddressFamily.allCases.map { family in
                    try ProbeStream(from: there.namespace, to: try here.address(family))
                }
                try streams[0].advance(by: 250)
                if end == .killed { nodes[0].kill() } else { nodes[0].stop() }
                // Two seconds without an agent: routes stay on both sides.
                try streams[0].advance(by: 1000)
                for node in rack.nodes.indices {
                    #expect(try rack.nodes[node].prefixes(protocolID: 179) == everyPodCIDR)
                }
                try nodes[0].start()
                try tor.waitEstablished(rack.link(node: 0).nodeIPv4)
                try streams[0].advance(by: 1000)
                for stream in streams {
                    let report = stream.stop()
                    #expect(report.lost == 0, "\(kind), agent \(end): \(report)")
                    #expect(report.sent > 2000)
                }
                for node in rack.nodes.indices {
                    #expect(try rack.nodes[node].prefixes(protocolID: 179) == everyPodCIDR)
                }
            }
        }

        @Test func `a prefix that vanished while the agent was away is swept after End-of-RIB`() throws {
            try Rack.use(nodes: 1) { rack in
                let space = rack.nodes[0]
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4, remote6, "10.244.10.0/24"]
                let tor = try rack.startRouter(.frr, configuration)
                let node = try rack.startMartlet(0)
                let all = Set(Rack.podCIDRs(0) + configuration.networks)
                try space.waitPrefixes(all, protocolID: 179)
                node.kill()
                try tor.withdraw(remote4)
                #expect(try space.prefixes(protocolID: 179) == all)
                try node.start()
                try space.waitPrefixes(all.subtracting([remote4]), protocolID: 179)
            }
        }

        @Test func `a peer that stays away delays the sweep no longer than the deferral time`() throws {
            try Rack.use(tors: 2, nodes: 1) { rack in
                let space = rack.nodes[0]
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4, "10.244.10.0/24"]
                let tor = try rack.startRouter(.frr, configuration)
                // The second router of the configuration never runs.
                let node = try rack.startMartlet(0) { $0.deferralTime = 5 }
                let all = Set(Rack.podCIDRs(0) + configuration.networks)
                try space.waitPrefixes(all, protocolID: 179)
                node.kill()
                try tor.withdraw(remote4)
                try node.start()
                // What the router that is there says counts at once; its own prefix is announced without waiting, too.
                try tor.announce("10.244.11.0/24")
                try eventually("a new route comes before the sweep", within: 5) {
                    try space.route("10.244.11.0/24") != nil
                }
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: rack.link(node: 0).nodeIPv4, within: 5)
                try space.waitPrefixes(
                    all.subtracting([remote4]).union(["10.244.11.0/24"]), protocolID: 179, within: 20)
            }
        }

        private var everyPodCIDR: Set<String> { Set(Rack.podCIDRs(0) + Rack.podCIDRs(1)) }
    }
}
