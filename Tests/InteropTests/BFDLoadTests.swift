import Foundation
import Lab
import TestKit
import Testing

extension Interop {
    /// Twenty sessions at three times 50 ms with BIRD, while the agent loads a table and two processes burn what the
    /// machine has: nobody is found dead who is not.
    @Suite(.serialized)
    struct BFDLoadTests {
        private static let sessions = 20
        private static let isLong = ProcessInfo.processInfo.environment["MARTLET_TEST_LONG"] != nil

        private func address(_ side: Int, _ number: Int) -> String { "fd00:0:0:99::\(side)\(number)" }

        /// BIRD's side of all sessions; the first one tells the table.
        private func sections(_ table: String) -> String {
            let protocols = (10..<(10 + Self.sessions)).map { number in
                """
                protocol bgp load\(number) {
                  local \(address(1, number)) as 65001; neighbor \(address(2, number)) as 64601; bfd on;
                  hold time 90; connect delay time 1; connect retry time 1; error wait time 1, 2;
                  ipv4 { import none; export \(number == 10 ? "where source = RTS_STATIC" : "none");
                    extended next hop on; };
                }
                """
            }
            return protocols.joined(separator: "\n") + "\nprotocol static whole { ipv4;\ninclude \"\(table)\";\n}\n"
        }

        private func writeTable(_ count: Int, _ file: String) throws {
            let lines = (0..<count).map { number in
                let bits = 0x1000_0000 + UInt32(number) << 8
                return "route \(bits >> 24).\(bits >> 16 & 255).\(bits >> 8 & 255).0/24 blackhole;\n"
            }
            try lines.joined().write(toFile: file, atomically: true, encoding: .utf8)
        }

        @Test func `nobody is found dead while a table is loaded and the processors are busy`() throws {
            try Rack.use(nodes: 1) { rack in
                let (near, far) = (rack.nodes[0], rack.tors[0])
                for number in 10..<(10 + Self.sessions) {
                    let link = rack.link(node: 0)
                    try far.require(
                        "ip", "address", "add", "\(address(1, number))/64", "dev", link.routerInterface, "nodad")
                    try near.require(
                        "ip", "address", "add", "\(address(2, number))/64", "dev", link.nodeInterface, "nodad")
                }
                let count = Self.isLong ? 1_000_000 : 100_000
                let table = rack.directory("routes.conf")
                try writeTable(count, table)
                var configuration = rack.routerConfiguration()
                configuration.neighbors = []
                configuration.runsBFD = true
                configuration.bfdTimes = (50, 3)
                configuration.extra = sections(table)
                let bird = try #require(try rack.startRouter(.bird, configuration) as? BIRDRouter)
                try makePunctual(bird, rack.directory("tor"))
                let node = try rack.startMartlet(0) { configuration in
                    configuration.peers = (10..<(10 + Self.sessions)).map { number in
                        var peer = MartletPeer(name: "load\(number)", address: address(1, number), asn: 65001)
                        peer.imports = "all"
                        peer.options = ["localAddress: \"\(address(2, number))\"", "bfd: {interval: 50ms}"]
                        return peer
                    }
                    configuration.extra = "fib: {enabled: false}"
                }
                try watch(node, bird, count: count)
            }
        }

        /// BIRD's thread of BFD goes before the table, as ours does: the test is about ours.
        private func makePunctual(_ bird: BIRDRouter, _ directory: String) throws {
            let text = try String(contentsOfFile: "\(directory)/bird.pid", encoding: .utf8)
            let pid = text.trimmingCharacters(in: .whitespacesAndNewlines)
            let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
            #expect(threads.count > 1, "BIRD has no thread for BFD")
            for thread in threads where thread != pid {
                try bird.namespace.require("chrt", "--fifo", "--pid", "10", thread)
            }
        }

        private func watch(_ node: MartletNode, _ bird: BIRDRouter, count: Int) throws {
            func all(_ key: String) throws -> [Int] {
                try node.json("bfd")["sessions"].array.compactMap { $0[key].int }
            }
            try eventually("all are up", within: 60, last: { (try? node.ctl("bfd").output) ?? "" }) {
                let states = try node.json("bfd")["sessions"].array.compactMap { $0["state"].string }
                return states == Array(repeating: "up", count: Self.sessions)
            }
            let burning = try (0..<2).map { number in
                try Daemon(
                    ["sh", "-c", "while :; do :; done"], in: node.namespace, log: "\(node.stateDirectory)/burn\(number)"
                )
            }
            defer { for process in burning { process.killNow() } }
            let downs = try all("downs")
            let deadline = Date().addingTimeInterval(Self.isLong ? 600 : 20)
            while Date() < deadline {
                // The whole table once more, as often as it takes.
                _ = try node.ctl("reset", "load10", "--soft", "in")
                let quiet = try always(for: 5) { try all("downs") == downs }
                guard quiet else { break }
            }
            #expect(try all("downs") == downs, "\((try? node.ctl("bfd", "-o", "wide").output) ?? "") \(node.logTail)")
            #expect(try node.session("load10")["families"][0]["received"].int == count)
            #expect(try bird.birdc("show bfd sessions").components(separatedBy: "Up").count == Self.sessions + 1)
        }
    }
}
