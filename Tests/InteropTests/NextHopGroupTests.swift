import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// Several routers, one of which goes: what the kernel does with the flows.
    @Suite(.serialized)
    struct NextHopGroupTests {
        /// The gateway of each of 128 flows to the remote pods, by source port.
        private func flows(_ space: Namespace) throws -> [String] {
            let questions = (1...128).map { "route get 10.244.9.7 ipproto udp sport \(20_000 + $0) dport 9\n" }
            let answer = try space.run(["ip", "-batch", "-"], input: questions.joined())
            return answer.output.split(separator: "\n").compactMap { line in
                let words = line.split(separator: " ")
                return words.firstIndex(of: "via").map { String(words[$0 + 1]) }
            }
        }

        @Test func `one of three routers goes, and no flow of the others moves`() throws {
            try Rack.use(tors: 3, nodes: 1) { rack in
                var tors: [any Router] = []
                for number in 0..<3 {
                    var configuration = rack.routerConfiguration(tor: number)
                    configuration.networks = ["10.244.9.0/24", remote6]
                    tors.append(try rack.startRouter(.frr, tor: number, configuration))
                }
                let node = try rack.startMartlet(0)
                let space = node.namespace
                func hops() throws -> Int { try space.route("10.244.9.0/24", protocolID: 179)?.hops.count ?? 0 }
                try eventually("three next hops") { try hops() == 3 }
                // The agent saw to it that flows are told apart by their ports.
                let policy = try space.require("cat", "/proc/sys/net/ipv4/fib_multipath_hash_policy")
                #expect(policy.hasPrefix("1"))
                let before = try flows(space)
                #expect(before.count == 128 && Set(before).count == 3)

                let dead = rack.link(tor: 1, node: 0).routerIPv4
                tors[1].stop()
                try eventually("two next hops") { try hops() == 2 }
                let after = try flows(space)
                let moved = zip(before, after).filter { $0.0 != dead && $0.0 != $0.1 }
                #expect(moved.isEmpty)
                #expect(!after.contains(dead))
                #expect(Set(zip(before, after).filter { $0.0 == dead }.map(\.1)).count == 2)
                let fib = try node.json("fib")
                #expect(fib["nextHops"]["style"].string == "resilient")
                let verified = try node.ctl("fib", "verify")
                #expect(verified.succeeded, "\(verified.output)")
            }
        }
    }
}
