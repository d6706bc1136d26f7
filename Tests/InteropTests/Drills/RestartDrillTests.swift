import BGPWire
import Foundation
import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// The agent's life, rows R1 to R5 and R15 of docs/drills.md.
    @Suite(.serialized)
    struct RestartDrillTests {
        @Test func `R1 R2 R3: no packet is lost while an agent is killed, upgraded by SIGTERM, and killed twice`()
            throws
        {
            try concurrently(RestartDrill.Fabric.allCases.map { fabric in { try RestartDrill.run(fabric) } })
        }

        @Test func `R1 R5: after the end of memory forwarding was kept, after a reboot it was not, and OPEN says so`()
            throws
        {
            // The second router is a speaker that sends more than there is memory for.
            try Rack.use(tors: 2, nodes: 1) { rack in
                let address = rack.link(node: 0).nodeIPv4
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4, remote6]
                let tor = try FRRRouter(configuration, in: rack.tors[0], directory: rack.directory("tor-1"))
                let group = try ControlGroup(rack.name, "memory", .memory(nil))
                var own = rack.nodeConfiguration(0)
                own.deferralTime = 3
                own.peers[1].passive = true
                let node = try rack.martlet(0, own)
                try node.start()
                try group.add(try #require(node.pid))
                let all = Set(Rack.podCIDRs(0) + [remote4, remote6])
                let (lost, kept) = (Self.bits(false), Self.bits(true))
                try rack.nodes[0].waitPrefixes(all, protocolID: 179)
                #expect(try tor.restartBits(address) == lost, "a node that boots")

                try Self.exhaust(node, group, rack)
                #expect(node.exitStatus == 128 + SIGKILL, "the kernel kills it")
                #expect(try rack.nodes[0].prefixes(protocolID: 179) == all)
                try node.start()
                try eventually("a node whose agent came back", last: { node.logTail }) {
                    try tor.restartBits(address) == kept
                }
                try node.waitInStep()
                #expect(try rack.nodes[0].prefixes(protocolID: 179) == all)
                // Any file that a reboot leaves is there, and nothing of the kernel's.
                node.kill()
                try rack.nodes[0].takeRoutesAway()
                try node.start()
                try eventually("a node after a reboot", last: { node.logTail }) {
                    try tor.restartBits(address) == lost && tor.state(of: address) == "Established"
                }
                try rack.nodes[0].waitPrefixes(all, protocolID: 179)
                node.kill()
                group.remove()
            }
        }

        /// What FRR shows when the agent restarted and kept all forwarding, or neither.
        private static func bits(_ value: Bool) -> [String: Bool] {
            ["R": value, "ipv4Unicast": value, "ipv6Unicast": value]
        }

        /// Announces what the agent must not install, but remembers, until the kernel has no more memory for it.
        private static func exhaust(_ node: MartletNode, _ group: ControlGroup, _ rack: Rack) throws {
            let link = rack.link(tor: 1, node: 0)
            let local = IPAddress(link.routerIPv4) ?? .v4(.any)
            let speaker = try RawSpeaker(
                in: rack.tors[1], from: Endpoint(local, 0), to: Endpoint(IPAddress(link.nodeIPv4) ?? .v4(.any), 179))
            try speaker.establish(asn: Rack.torASN(1))
            speaker.listen()
            try node.waitEstablished(link.routerIPv4)
            try group.set(.memory(group.memory + 2 << 20))
            for start in stride(from: 0, to: 180_000, by: 500) where node.isRunning {
                let prefixes = (start..<(start + 500)).map {
                    Prefix(bits: UInt128(0x1000_0000 + $0 * 16) << 96, length: 28, family: .ipv4)
                }
                let path = [Rack.torASN(1)] + (0..<100).map { UInt32(100_000 + start + $0) }
                guard speaker.send(RawSpeaker.announcement(prefixes, path: path, nextHop: local)) else { break }
            }
            try eventually("the agent is killed", last: { node.logTail }) { !node.isRunning }
            speaker.end()
        }

        @Test func `R15: an agent that crashes again and again keeps its routes, and pods come and go`() throws {
            try Rack.use { rack in
                let tor = try rack.startRouter(.frr)
                let nodes = try rack.nodes.indices.map { try rack.startMartlet($0) }
                for node in rack.nodes { try node.waitPrefixes(Drill.podCIDRs, protocolID: 179) }
                let network = try nodes[0].podNetwork()
                let pods = try ["pod-a1", "pod-a2"].map { try Pod($0, in: rack.name, on: network) }
                let streams = try AddressFamily.allCases.map {
                    try ProbeStream(from: pods[0].namespace, to: try pods[1].address($0), rate: 100)
                }
                let end = Date(timeIntervalSinceNow: Drill.isLong ? 60 : 8)
                let counts = Counts()
                try concurrently([
                    {
                        while Date() < end {
                            nodes[0].kill()
                            let found = try rack.nodes[0].prefixes(protocolID: 179)
                            try check(
                                found == Drill.podCIDRs, "routes after crash \(counts.crashes): \(found.sorted())")
                            try nodes[0].start()
                            counts.addCrash()
                        }
                    },
                    {
                        while Date() < end {
                            try Pod("pod-x", in: rack.name, on: network).delete()
                            counts.addPod()
                        }
                    },
                ])
                for report in streams.map({ $0.stop() }) { #expect(report.lost == 0, "\(report)") }
                #expect(counts.crashes >= 3 && counts.pods >= 3, "\(counts.crashes) crashes, \(counts.pods) pods")
                // The fabric forgets and learns again as its own timers say; in the end all is as it was.
                try tor.waitEstablished(rack.link(node: 0).nodeIPv4, within: 30)
                for node in nodes { try node.waitInStep(within: 40) }
                for node in rack.nodes { try node.waitPrefixes(Drill.podCIDRs, protocolID: 179, within: 30) }
                Drill.tell("R15", "\(counts.crashes) crashes, \(counts.pods) pods came and went meanwhile")
            }
        }
    }
}

/// What happened on two threads.
private final class Counts: @unchecked Sendable {
    private let lock = NSLock()
    private var values = (crashes: 0, pods: 0)

    func addCrash() { lock.withLock { values.crashes += 1 } }
    func addPod() { lock.withLock { values.pods += 1 } }
    var crashes: Int { lock.withLock { values.crashes } }
    var pods: Int { lock.withLock { values.pods } }
}
