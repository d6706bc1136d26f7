import Foundation
import Lab
import TestKit
import Testing

/// All tests with racks and real daemons run one after the other: two cores do not carry more, and time is part of
/// what they check.
@Suite(.serialized)
package struct Interop {}

extension Interop {
    /// The lab against itself: where these fail, the machine or a package is to blame, not Martlet.
    @Suite(.serialized)
    struct LabTests {
        @Test func `what a dead process left is swept, what a living one has is not`() throws {
            let dead = try Rack.use(tors: 0, nodes: 1) { rack in
                try Daemon(["true"], in: rack.nodes[0], log: rack.directory("true.log"))
            }
            dead.stop()
            let leftovers = ["martlet-lab-\(dead.pid)-1-tor", "martlet-lab-\(dead.pid)-1-node-a"]
            for name in leftovers { try must(["ip", "netns", "add", name]) }
            let directory = "/tmp/martlet-lab-\(dead.pid)-1"
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            try Rack.use(tors: 0, nodes: 1) { rack in
                LabName.sweep()
                let left = try FileManager.default.contentsOfDirectory(atPath: "/run/netns")
                #expect(Set(left).isDisjoint(with: leftovers))
                #expect(left.contains(rack.nodes[0].name))
                #expect(!FileManager.default.fileExists(atPath: directory))
                #expect(FileManager.default.fileExists(atPath: rack.name.directory))
            }
        }

        @Test(arguments: RouterKind.allCases)
        func `routers of every make exchange routes with BIRD in a rack`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                var top = rack.routerConfiguration()
                top.networks = ["10.200.0.0/16", "fd00:10:200::/48"]
                let tor = try rack.startRouter(kind, top)
                var own = RouterConfiguration(
                    asn: Rack.nodeASN(0), routerID: link.nodeIPv4,
                    neighbors: [Neighbor(name: "tor", address: link.routerIPv4, asn: Rack.torASN(0))])
                own.networks = Rack.podCIDRs(0)
                let node = try BIRDRouter(own, in: rack.nodes[0], directory: rack.directory("bird"))
                try tor.waitEstablished(link.nodeIPv4)
                try node.waitEstablished(link.routerIPv4)
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: link.nodeIPv4)
                try node.waitAccepted(Set(top.networks), from: link.routerIPv4)
                try tor.withdraw("10.200.0.0/16")
                try node.waitAccepted(["fd00:10:200::/48"], from: link.routerIPv4)
                try tor.announce("10.201.0.0/16")
                try node.waitAccepted(["fd00:10:200::/48", "10.201.0.0/16"], from: link.routerIPv4)
                try tor.shutDown(link.nodeIPv4, message: "rack move ticket 42")
                try eventually("BIRD lost the session") { try node.state(of: link.routerIPv4) != "Established" }
            }
        }
    }
}
