import Foundation
import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// Peers that are found as the default gateway, that call from a range, or that are bound to an interface.
    @Suite(.serialized)
    struct LocationTests {
        @Test func `the peer is whoever is the default gateway, and follows it`() throws {
            try Rack.use(tors: 2, nodes: 1) { rack in
                let gateways = rack.tors.indices.map { rack.link(tor: $0, node: 0).routerIPv4 }
                let tors = try rack.tors.indices.map { tor in
                    try rack.startRouter(
                        .frr, tor: tor, rack.routerConfiguration(tor: tor, asn: Rack.torASN(0), passive: true))
                }
                let node = try rack.startMartlet(0) { configuration in
                    var peer = MartletPeer(name: "gateway", address: "gateway", asn: Rack.torASN(0))
                    peer.location = "defaultGateway: true"
                    configuration.peers = [peer]
                }
                let waiting = "the kernel has no default route through a gateway yet"
                #expect(try node.session("gateway")["waiting"].string == waiting)
                #expect(try node.session("gateway")["address"].string == "default gateway")

                for (tor, gateway) in zip(tors, gateways) {
                    try node.namespace.require("ip", "route", "replace", "default", "via", gateway)
                    try eventually("the session is with \(gateway)", last: { node.logTail }) {
                        let session = try node.session("gateway")
                        return session["address"].string == gateway && session["state"].string == "established"
                    }
                    let link = rack.link(tor: tor === tors[0] ? 0 : 1, node: 0)
                    try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: link.nodeIPv4)
                }
                #expect(try tors[0].state(of: rack.link(tor: 0, node: 0).nodeIPv4) != "Established")

                try node.namespace.require("ip", "route", "delete", "default")
                try eventually("it waits again") { try node.session("gateway")["waiting"].string == waiting }
                try node.namespace.require(
                    "ip", "-6", "route", "add", "default", "via", rack.link(tor: 1, node: 0).routerIPv6)
                try eventually("IPv6 has a gateway") {
                    try node.session("gateway")["address"].string == rack.link(tor: 1, node: 0).routerIPv6
                }
            }
        }

        /// A file with a password in a rack.
        private func passwordFile(_ rack: Rack, _ password: String) throws -> String {
            let path = rack.directory("secret")
            try Data("\(password)\n".utf8).write(to: URL(fileURLWithPath: path))
            chmod(path, 0o600)
            return path
        }

        /// Our agent as the router of the rack, for every node that calls from its links.
        private func startTor(_ rack: Rack, _ options: [String]) throws -> MartletNode {
            var peer = MartletPeer(name: "nodes", address: "nodes", asn: Rack.nodeASN(0))
            peer.location = "range: 192.0.2.0/24"
            // A range only listens, which the lab's line of a peer says of no other.
            (peer.passive, peer.options) = (true, options)
            let configuration = MartletConfiguration(
                name: "tor", asn: Rack.torASN(0), routerID: "192.0.2.200", podCIDRs: Rack.podCIDRs(5), peers: [peer])
            let tor = try MartletNode(configuration, in: rack.tors[0], directory: rack.directory("tor"))
            try tor.start()
            return tor
        }

        @Test func `nodes that call from a range are peers of their own, with one password for all`() throws {
            try Rack.use(nodes: 2) { rack in
                let tor = try startTor(rack, ["passwordFile: \(try passwordFile(rack, "mellon"))"])
                #expect(try tor.json("sessions")["sessions"].array.isEmpty)
                var nodes: [any Router] = []
                for (index, password) in ["mellon", "balrog"].enumerated() {
                    let link = rack.link(node: index)
                    var neighbor = Neighbor(name: "tor", address: link.routerIPv4, asn: Rack.torASN(0))
                    neighbor.options = ["password \(password)"]
                    var configuration = RouterConfiguration(
                        asn: Rack.nodeASN(0), routerID: link.nodeIPv4, neighbors: [neighbor])
                    configuration.networks = [Rack.podCIDRs(index)[0]]
                    nodes.append(
                        try FRRRouter(configuration, in: rack.nodes[index], directory: rack.directory("n\(index)")))
                }
                let name = "nodes-\(rack.link(node: 0).nodeIPv4)"
                try tor.waitEstablished(name)
                try nodes[0].waitAccepted(Set(Rack.podCIDRs(5)), from: rack.link(node: 0).routerIPv4)
                try rack.tors[0].waitPrefixes(Set(Rack.podCIDRs(5) + [Rack.podCIDRs(0)[0]]), protocolID: 179)
                #expect(
                    try always(for: 3) {
                        try tor.json("sessions")["sessions"].array.compactMap { $0["peer"].string } == [name]
                    })
                // The other one's password is put right, and it is the range's second peer.
                let wrong = try #require(nodes[1] as? FRRRouter)
                _ = try wrong.vtysh(
                    "configure terminal", "router bgp \(Rack.nodeASN(0))",
                    "neighbor \(rack.link(node: 1).routerIPv4) password mellon")
                try tor.waitEstablished("nodes-\(rack.link(node: 1).nodeIPv4)", within: 30)
                // One that is gone is forgotten.
                nodes[0].kill()
                try eventually("the first one is forgotten", within: 30) {
                    try tor.session(name) == .null
                }
            }
        }

        @Test func `a peer bound to an interface is called out of that and no other`() throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                _ = try rack.startRouter(.frr, rack.routerConfiguration(passive: true))
                let node = try rack.startMartlet(0) { $0.peers[0].options = ["interface: lo"] }
                try eventually("it cannot get out", last: { node.logTail }) {
                    try node.session(link.routerIPv4)["lastError"]["text"].string?.isEmpty == false
                }
                #expect(try node.state(of: link.routerIPv4) != "Established")
                try node.configure { $0.peers[0].options = ["interface: \(link.nodeInterface)"] }
                kill(try #require(node.pid), SIGHUP)
                try node.waitEstablished(link.routerIPv4)
                let sockets = try node.namespace.require("ss", "-Htn", "state", "established", "dport", "=", ":179")
                #expect(sockets.contains("%\(link.nodeInterface)"), "\(sockets)")
            }
        }
    }
}
