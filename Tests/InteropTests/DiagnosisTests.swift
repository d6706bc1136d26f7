import Foundation
import Lab
import TestKit
import Testing

extension Interop {
    /// When it does not work, martletctl says why, in words.
    @Suite(.serialized)
    struct DiagnosisTests {
        /// Waits until the session's last error says all of `words`, in the JSON and in the table.
        private func expect(_ node: MartletNode, _ address: String, says words: [String]) throws {
            try eventually(
                "martletctl sessions says \(words)", last: { (try? node.session(address).text) ?? node.logTail }
            ) {
                let text = try node.session(address)["lastError"]["text"].string?.lowercased() ?? ""
                return words.allSatisfy { text.contains($0) }
            }
            let table = try node.ctl("sessions").output.lowercased()
            for word in words { #expect(table.contains(word), "the table misses '\(word)':\n\(table)") }
            #expect(try node.state(of: address) != "Established")
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `a wrong AS is named with both numbers`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                _ = try rack.startRouter(kind)
                let node = try rack.startMartlet(0) { $0.peers[0].asn = 65009 }
                try expect(node, rack.link(node: 0).routerIPv4, says: ["as"])
            }
        }

        @Test func `a router that expects another AS of us is quoted`() throws {
            try Rack.use(nodes: 1) { rack in
                _ = try rack.startRouter(.frr)
                let node = try rack.startMartlet(0) { $0.asn = 64999 }
                try expect(node, rack.link(node: 0).routerIPv4, says: ["as"])
                try eventually("the NOTIFICATION is shown with its code") {
                    let error = try node.session(rack.link(node: 0).routerIPv4)["lastError"]
                    return error["code"] == 2 && error["subcode"] == 2
                }
            }
        }

        @Test func `a port where nobody listens is connection refused`() throws {
            try Rack.use(nodes: 1) { rack in
                _ = try rack.startRouter(.frr)
                let node = try rack.startMartlet(0) { $0.peers[0].port = 1790 }
                try expect(node, rack.link(node: 0).routerIPv4, says: ["refused"])
            }
        }

        @Test func `a router whose daemon is stopped is connection refused`() throws {
            try Rack.use(nodes: 1) { rack in
                let tor = try rack.startRouter(.bird)
                let node = try rack.startMartlet(0)
                try node.waitEstablished(rack.link(node: 0).routerIPv4)
                tor.kill()
                try expect(node, rack.link(node: 0).routerIPv4, says: ["refused"])
            }
        }

        @Test func `a router that is not there is no route to host or timed out`() throws {
            try Rack.use(nodes: 1) { rack in
                try rack.tors[0].require("ip", "address", "flush", "dev", rack.link(node: 0).routerInterface)
                let node = try rack.startMartlet(0)
                let address = rack.link(node: 0).routerIPv4
                try eventually(
                    "martletctl says that the host does not answer", last: { (try? node.session(address).text) ?? "" }
                ) {
                    let text = try node.session(address)["lastError"]["text"].string?.lowercased() ?? ""
                    return text.contains("no route to host") || text.contains("timed out")
                        || text.contains("unreachable")
                }
            }
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `the text of an administrative shutdown is shown`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                let tor = try rack.startRouter(kind)
                let node = try rack.startMartlet(0)
                try tor.waitEstablished(link.nodeIPv4)
                try tor.shutDown(link.nodeIPv4, message: "rack move ticket 42")
                try eventually(
                    "martletctl shows the shutdown text", last: { (try? node.session(link.routerIPv4).text) ?? "" }
                ) {
                    try node.session(link.routerIPv4).text.contains("rack move ticket 42")
                }
                let shown = try node.ctl("session", "tor")
                #expect(shown.output.contains("rack move ticket 42"), "\(shown)")
            }
        }

        @Test func `our own goodbye is understood by FRR`() throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                let tor = try FRRRouter(rack.routerConfiguration(), in: rack.tors[0], directory: rack.directory("tor"))
                let node = try rack.startMartlet(0)
                try tor.waitEstablished(link.nodeIPv4)
                node.stop()
                try eventually("FRR saw the session go") { try tor.state(of: link.nodeIPv4) != "Established" }
                // SIGTERM is a restart, not a farewell: FRR keeps the routes as stale (graceful restart).
                #expect(try tor.accepted(from: link.nodeIPv4) == Set(Rack.podCIDRs(0)))
            }
        }

        @Test func `without an agent martletctl says so and fails`() throws {
            try Rack.use(nodes: 1) { rack in
                let node = try rack.martlet(0)
                for command in ["sessions", "routes", "fib", "pods"] {
                    let finished = try node.ctl(command)
                    #expect(!finished.succeeded)
                    #expect(finished.errors.contains("not running"), "\(command): \(finished)")
                    #expect(finished.output.isEmpty)
                }
            }
        }

        @Test func `a killed agent leaves a socket that nobody mistakes for a running one`() throws {
            try Rack.use(nodes: 1) { rack in
                let node = try rack.startMartlet(0)
                node.kill()
                let finished = try node.ctl("sessions")
                #expect(!finished.succeeded)
                #expect(finished.errors.contains("not running"), "\(finished)")
                try node.start()
                #expect(try node.ctl("sessions").succeeded)
            }
        }

        @Test func `R10: check tells every problem of a file with line and column`() throws {
            try Rack.use(tors: 0, nodes: 1) { rack in
                let file = rack.directory("bad.yaml")
                let text = """
                    node:
                      name: node-a
                      podCIDRs: [10.244.1.0/33]
                    clusterCIDRs: [10.244.0.0/16]
                    bgp:
                      asn: -5
                      peers:
                        - {name: tor, address: 192.0.2.300, asn: 65001, colour: blue}

                    """
                try text.write(toFile: file, atomically: true, encoding: .utf8)
                let finished = try rack.nodes[0].run([try martletBinary("martletd"), "check", file])
                #expect(finished.status != 0)
                let report = finished.output + finished.errors
                for place in ["3:14", "6:8", "8:"] {
                    #expect(report.contains(":\(place)"), "no problem at \(place):\n\(report)")
                }
                #expect(report.contains("colour"), "\(report)")
                #expect(report.contains("bad.yaml"), "\(report)")
            }
        }

        @Test func `check accepts the configuration of the lab`() throws {
            try Rack.use(nodes: 1) { rack in
                let node = try rack.martlet(0)
                let finished = try rack.nodes[0].run([try martletBinary("martletd"), "check", node.configurationFile])
                #expect(finished.succeeded, "\(finished)")
            }
        }
    }
}
