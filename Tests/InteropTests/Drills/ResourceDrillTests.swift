import Foundation
import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// Too little of everything: rows R16, R17 and R18 of docs/drills.md.
    @Suite(.serialized)
    struct ResourceDrillTests {
        @Test func `R16: at five percent of a processor and under 20,000 changing routes no session flaps`() throws {
            try Rack.use(tors: 2, nodes: 1) { rack in
                let address = rack.link(node: 0).nodeIPv4
                var configuration = rack.routerConfiguration()
                configuration.holdTime = 9
                let tor = try FRRRouter(configuration, in: rack.tors[0], directory: rack.directory("tor-1"))
                let node = try rack.startMartlet(0) {
                    $0.holdTime = 9
                    $0.peers[1].passive = true
                    $0.clusterCIDRs.append(RouteFlood.cluster)
                }
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: address)
                let flood = try RouteFlood(rack, tor: 1, node: 0)
                let prefixes = RouteFlood.prefixes(20_000)
                let group = try ControlGroup(rack.name, "processor", .processor(5))
                try group.add(try #require(node.pid))
                // It may not be heard for longer than a hold time at any moment, however long this takes.
                let end = Date(timeIntervalSinceNow: Drill.isLong ? 600 : 15)
                var rounds = 0
                while Date() < end {
                    let (first, last) = rounds % 2 == 0 ? (prefixes, []) : ([], prefixes)
                    guard flood.change(announced: first, withdrawn: last, until: end) else { break }
                    rounds += 1
                }
                let before = try tor.show("bgp neighbors \(address)")[address]
                #expect(before["bgpState"] == "Established")
                #expect(before["connectionsDropped"] == 0, "\(before.text.prefix(2000))")
                #expect(flood.isUp, "the flooding session is up, too")
                let usage = try Usage(try #require(node.pid))
                try group.set(.processor(100))
                #expect(flood.change(announced: [], withdrawn: prefixes, until: Date(timeIntervalSinceNow: 60)))
                try rack.nodes[0].waitPrefixes(Set(Rack.podCIDRs(0)), protocolID: 179, within: 60)
                try node.waitInStep()
                Drill.tell(
                    "R16",
                    "\(flood.changed) changes of routes sent at 5 %, 0 flaps, \(usage), "
                        + "\(node.said("late")) times late by more than a second")
                node.kill()
                group.remove()
            }
        }

        @Test func `R17: routes and pods that come and go leave the agent as large as it was`() throws {
            let (cycles, judged, routes, pods) = Drill.isLong ? (20, 8, 10_000, 100) : (12, 4, 10_000, 5)
            try Rack.use(tors: 1, nodes: 1) { rack in
                let node = try rack.startMartlet(0) {
                    $0.peers[0].passive = true
                    $0.clusterCIDRs.append(RouteFlood.cluster)
                }
                let flood = try RouteFlood(rack, tor: 0, node: 0, holdTime: 90)
                let prefixes = RouteFlood.prefixes(routes)
                let network = try node.podNetwork()
                var resident: [Double] = []
                for cycle in 0..<cycles {
                    #expect(flood.change(announced: prefixes, withdrawn: [], until: .distantFuture))
                    try Self.wait(node, for: routes + 2)
                    #expect(flood.change(announced: [], withdrawn: prefixes, until: .distantFuture))
                    try Self.wait(node, for: 2)
                    for pod in 0..<pods {
                        let space = try Namespace(rack.name, "pod-\(cycle)-\(pod)")
                        defer { space.remove() }
                        let identity = PodIdentity(name: "pod", containerID: "cycle\(cycle)pod\(pod)")
                        try network.add(identity, netns: space.path)
                        try network.delete(identity, netns: space.path)
                    }
                    let usage = try Usage(try #require(node.pid))
                    resident.append(usage.resident)
                    Drill.tell("R17", "cycle \(cycle): \(usage)")
                }
                // What is in use for a moment when it is looked at is no growth. What was kept of each route that came
                // and went would be more than a mebibyte: 32 octets in four cycles.
                let last = resident.suffix(judged).min() ?? 0
                let first = resident.dropLast(judged).suffix(judged).min() ?? 0
                let growth = (last - first) / first / Double(judged)
                #expect(growth < 0.01 || last - first < 1, "\(resident)")
                #expect(try rack.nodes[0].prefixes(protocolID: 179) == Set(Rack.podCIDRs(0)))
            }
        }

        /// Waits until so many routes are in the kernel, asking for one number only.
        private static func wait(_ node: MartletNode, for count: Int) throws {
            try eventually("\(count) routes are installed", within: 60, last: { node.logTail }) {
                try node.ctl("metrics").output.contains("\nmartlet_routes_installed \(count)\n")
            }
        }

        @Test func `R18: with 64 descriptors and 1,000 half-open connections sessions stay, and nothing spins`() throws
        {
            try Scene.run("64 descriptors, 1,000 half-open connections") { scene in
                let pid = try #require(scene.node.pid)
                try scene.space.require("prlimit", "--pid", "\(pid)", "--nofile=64:")
                // They come from a peer's address, and nobody waits until they are taken.
                let remote = scene.remote
                let descriptors = try (0..<1000).map { _ in try scene.tor(0).tcp(to: remote) }
                let (before, began) = (try scene.usage().cpu, Date())
                try Drill.watch(for: 5, "the witness keeps its session") {
                    scene.witness.record.end == nil && kill(pid, 0) == 0
                }
                let share = (try scene.usage().cpu - before) / Date().timeIntervalSince(began)
                #expect(share < 0.5, "it spins: \(Int(share * 100)) % of a core")
                #expect(try scene.usage().descriptors <= 64)
                for descriptor in descriptors { close(descriptor) }
                let freed = Date()
                var honest: RawSpeaker?
                try eventually("a peer that means it has its session") {
                    if honest == nil || honest?.record.end != nil {
                        honest = try scene.rogue()
                        honest?.listen()
                    }
                    return try scene.isEstablished(0)
                }
                Drill.tell("R18", String(format: "a session again %.1f s later", Date().timeIntervalSince(freed)))
                honest?.end()
                return "\(descriptors.count) connections, \(Int(share * 100)) percent of a core meanwhile"
            }
        }
    }
}
