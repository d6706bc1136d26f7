import Foundation
import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// The node's own prefixes: changed under living pods (R12), and announced by somebody else (R13).
    @Suite(.serialized)
    struct OwnPrefixTests {
        private static let moved = ["10.244.91.0/24", "fd00:10:244:91::/64"]

        /// Seconds that `condition` takes to become true.
        private static func seconds(_ what: String, _ condition: () throws -> Bool) throws -> Double {
            let began = Date()
            try eventually(what, within: 20) { try condition() }
            return Date().timeIntervalSince(began)
        }

        @Test
        func `R12: a podCIDR that changes under living pods is exchanged at once, and ADD waits if it is told to`()
            throws
        {
            try Rack.use(nodes: 1) { rack in
                let (space, link) = (rack.nodes[0], rack.link(node: 0))
                let tor = try rack.startRouter(.frr)
                let refuse = "cni: {refuseWhileOldPods: true}"
                let node = try rack.startMartlet(0) { $0.extra = refuse }
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: link.nodeIPv4)
                let network = try node.podNetwork()
                let old = try Pod("pod-old", in: rack.name, on: network)

                let began = Date()
                try node.configure { $0.podCIDRs = Self.moved }
                let routes = try Self.seconds("the kernel has the new ones and not the old ones") {
                    try space.prefixes(protocolID: 179) == Set(Self.moved)
                }
                try tor.waitAccepted(Set(Self.moved), from: link.nodeIPv4, within: 10)
                let announced = Date().timeIntervalSince(began)
                #expect(routes <= 1 && announced <= 2, "\(routes) s and \(announced) s")
                #expect(try node.session(link.routerIPv4)["establishedCount"].int == 1)

                // The old pod is seen, and no new one admitted.
                try eventually("the old pod is reported") { try node.json("status")["oldPods"].int == 1 }
                #expect(try node.ctl("status").output.contains("1 pod outside of the pod CIDRs"))
                #expect(try node.ctl("metrics").output.contains("martlet_pods_outside_podcidrs 1\n"))
                do {
                    _ = try Pod("pod-new", in: rack.name, on: network)
                    Issue.record("ADD was not refused")
                } catch {
                    #expect("\(error)".contains("podCIDRs changed, and pods with addresses of the old ones live"))
                    #expect("\(error)".contains(old.name), "the pod is named: \(error)")
                }
                try network.delete(old.identity, netns: old.namespace.path)
                try eventually("nobody is left") { try node.json("status")["oldPods"].int == 0 }
                let new = try Pod("pod-new", in: rack.name, on: network)
                #expect(try #require(Prefix(strict: Self.moved[0])).contains(try new.address(.ipv4)))

                // Without being told to, pods come beside the old ones.
                try node.configure {
                    $0.podCIDRs = Rack.podCIDRs(0)
                    $0.extra = ""
                }
                try space.waitPrefixes(Set(Rack.podCIDRs(0)), protocolID: 179)
                try eventually("the old pod is reported") { try node.json("status")["oldPods"].int == 1 }
                _ = try Pod("pod-other", in: rack.name, on: network)
            }
        }

        @Test func `R13: our podCIDR from a ToR is rejected, and told by STATUS, metric, log and history within 1 s`()
            throws
        {
            try Rack.use(nodes: 1) { rack in
                let (space, link) = (rack.nodes[0], rack.link(node: 0))
                let tor = try rack.startRouter(.frr)
                let node = try rack.startMartlet(0)
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: link.nodeIPv4)
                try eventually("ready") { try node.ctl("ready").succeeded }
                let own = Rack.podCIDRs(0)[0]
                try tor.announce(own)
                let time = try Self.seconds("the conflict is told") {
                    try node.ctl("metrics").output.contains("martlet_podcidr_conflicts 1\n")
                }
                #expect(time <= 1, "\(time) s, asking included")
                #expect(try node.rejected()[own] == "this is the node's own podCIDR")
                #expect(try node.ctl("status").output.contains("CONFLICT"))
                #expect(try node.ctl("history", "tor").output.contains("podCIDR conflict: \(own)"))
                #expect(node.logTail.contains("another node has a podCIDR of this one"))
                #expect(try StatusTests.status(node) == 51)
                let route = try #require(try space.route(own))
                #expect("\(route)".contains("unreachable"), "ours stands: \(route)")
                try tor.withdraw(own)
                try eventually("it is over") { try StatusTests.status(node) == 0 }
            }
        }
    }
}
