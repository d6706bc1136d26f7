import Glibc
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

        /// Counts the packets of each flow that a router is given.
        private static let counting = """
            table ip count {
              set flows {
                type inet_service
                flags dynamic
                counter
                size 4096
              }
              chain arriving {
                type filter hook prerouting priority -300
                udp dport 9 add @flows { udp sport }
              }
            }

            """

        /// Packets by source port, as a router has counted them.
        private func counted(_ router: Namespace) throws -> [Int: Int] {
            let answer = try JSONValue(parsing: try router.require("nft", "-j", "list", "set", "ip", "count", "flows"))
            let set = answer["nftables"].array.first { $0["set"] != .null } ?? .null
            var packets: [Int: Int] = [:]
            for element in set["set"]["elem"].array {
                let element = element["elem"]
                if let port = element["val"].int { packets[port] = element["counter"]["packets"].int ?? 0 }
            }
            return packets
        }

        /// A packet of each of 128 flows, `rounds` times.
        private func send(_ sockets: [Int32], rounds: Int) {
            for _ in 0..<rounds {
                for descriptor in sockets { _ = Glibc.send(descriptor, "x", 1, Int32(MSG_NOSIGNAL)) }
            }
        }

        @Test(arguments: [2, 3])
        func `of the packets of 128 flows none of the other routers' flows moves when one goes`(count: Int) throws {
            try Rack.use(tors: count, nodes: 1) { rack in
                var tors: [any Router] = []
                for number in 0..<count {
                    var configuration = rack.routerConfiguration(tor: number)
                    configuration.networks = ["10.244.9.0/24"]
                    tors.append(try rack.startRouter(.frr, tor: number, configuration))
                    _ = try rack.tors[number].run(["nft", "-f", "-"], input: Self.counting)
                    // Where it ends without a word: an answer would make the sender's next send fail.
                    try rack.tors[number].require("ip", "route", "add", "blackhole", "10.244.9.0/24")
                }
                let node = try rack.startMartlet(0)
                func hops() throws -> Int {
                    try node.namespace.route("10.244.9.0/24", protocolID: 179)?.hops.count ?? 0
                }
                try eventually("all next hops") { try hops() == count }
                let target = Endpoint(try #require(IPAddress("10.244.9.7")), 9)
                let sockets = try (1...128).map {
                    try node.namespace.udp(Endpoint(.v4(.any), UInt16(20_000 + $0)), to: target)
                }
                defer { for descriptor in sockets { close(descriptor) } }
                func whole(_ packets: Int) throws -> [[Int: Int]] {
                    var found: [[Int: Int]] = []
                    try eventually("all packets are counted", last: { "\(found.map(\.count))" }) {
                        found = try rack.tors.map(counted)
                        return found.joined().reduce(0) { $0 + $1.value } == packets
                    }
                    return found
                }
                send(sockets, rounds: 10)
                let before = try whole(1280)
                #expect(before.allSatisfy { !$0.isEmpty }, "every router has flows")
                #expect(before.joined().count == 128, "and no flow has two routers")

                tors[0].stop()
                try eventually("one next hop less") { try hops() == count - 1 }
                send(sockets, rounds: 10)
                let after = try whole(2560)
                #expect(after[0] == before[0], "nothing for the dead one")
                for number in 1..<count {
                    for port in before[number].keys {
                        #expect(after[number][port] == 20, "flow \(port) of router \(number) has stayed")
                    }
                }
                let style = try node.json("fib")["nextHops"]
                #expect(style["style"].string == "resilient" && style["reason"].string == nil)
                print("drill ECMP: \(count) routers, \(before[0].count) flows of the one that went moved, no other")
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
