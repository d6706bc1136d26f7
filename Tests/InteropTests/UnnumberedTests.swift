import Foundation
import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// Sessions over links that have link-local addresses only: the neighbour is found by router advertisement, and
    /// IPv4 goes over IPv6 next hops (RFC 8950).
    @Suite(.serialized)
    struct UnnumberedTests {
        /// A peer on an interface, called by its name.
        private func peer(_ interface: String, asn: UInt32) -> MartletPeer {
            var peer = MartletPeer(name: "on-\(interface)", address: "on-\(interface)", asn: asn)
            peer.location = "interface: \(interface)"
            peer.asnText = "external"
            return peer
        }

        private func startNode(_ rack: Rack, _ node: Int, _ change: (inout MartletConfiguration) -> Void = { _ in })
            throws -> MartletNode
        {
            try rack.startMartlet(node) { configuration in
                configuration.peers = rack.tors.indices.map { peer("eth\($0)", asn: Rack.torASN($0)) }
                change(&configuration)
            }
        }

        private func frr(_ rack: Rack, tor: Int = 0, networks: [String] = []) throws -> any Router {
            var configuration = rack.routerConfiguration(tor: tor)
            for index in configuration.neighbors.indices {
                configuration.neighbors[index].address = Rack.nodeName(index)
                configuration.neighbors[index].isUnnumbered = true
            }
            configuration.networks = networks
            return try rack.startRouter(.frr, tor: tor, configuration)
        }

        /// The link-local address of an interface.
        private func linkLocal(_ namespace: Namespace, _ interface: String) throws -> String {
            let addresses = try namespace.ip("-6", "address", "show", "dev", interface, "scope", "link")
            return try #require(addresses[0]["addr_info"][0]["local"].string)
        }

        @Test func `FRR and we find each other, and pods of both families talk over it`() throws {
            try Rack.use(nodes: 2, numbered: false) { rack in
                let tor = try frr(rack)
                let nodes = try rack.nodes.indices.map { try startNode(rack, $0) }
                for (index, node) in nodes.enumerated() {
                    try node.waitEstablished("on-eth0", within: 30)
                    try tor.waitEstablished(Rack.nodeName(index))
                    try tor.waitAccepted(Set(Rack.podCIDRs(index)), from: Rack.nodeName(index))
                    let router = try linkLocal(rack.tors[0], Rack.nodeName(index))
                    #expect(try node.session("on-eth0")["address"].string == "\(router)%eth0")
                    #expect(try node.ctl("session", "\(router)%eth0").output.hasPrefix("Peer on-eth0"))
                    let all = Set(Rack.podCIDRs(0) + Rack.podCIDRs(1))
                    try node.namespace.waitPrefixes(all, protocolID: 179)
                    for prefix in Rack.podCIDRs(1 - index) {
                        #expect(try node.namespace.route(prefix, protocolID: 179)?.hops == ["via \(router) dev eth0"])
                    }
                }
                try rack.tors[0].waitPrefixes(Set(Rack.podCIDRs(0) + Rack.podCIDRs(1)), protocolID: 186)
                // Nobody takes the other for a default gateway.
                for namespace in rack.nodes {
                    #expect(try namespace.routes().allSatisfy { !["0.0.0.0/0", "::/0"].contains($0.prefix) })
                }
                #expect(try rack.tors[0].routes().allSatisfy { !["0.0.0.0/0", "::/0"].contains($0.prefix) })
                let networks = try nodes.map { try $0.podNetwork() }
                let first = try Pod("pod-a1", in: rack.name, on: networks[0])
                let second = try Pod("pod-b1", in: rack.name, on: networks[1])
                #expect(try Mesh([(first, 0), (second, 1)]).probe().compactMap(\.fault) == [])
            }
        }

        @Test(arguments: [true, false])
        func `it comes up when only one side calls`(weCall: Bool) throws {
            try Rack.use(nodes: 1, numbered: false) { rack in
                var configuration = rack.routerConfiguration(passive: weCall)
                configuration.neighbors[0].address = Rack.nodeName(0)
                configuration.neighbors[0].isUnnumbered = true
                configuration.networks = [remote4, remote6]
                let node = try startNode(rack, 0) { $0.peers[0].passive = !weCall }
                // Until FRR runs nobody is there, and that is what is said.
                let waiting = "no router advertisement on eth0 yet"
                try eventually("it waits") { try node.session("on-eth0")["waiting"].string == waiting }
                #expect(try node.ctl("sessions").output.contains("waiting: \(waiting)"))
                let tor = try rack.startRouter(.frr, configuration)
                try node.waitEstablished("on-eth0", within: 30)
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: Rack.nodeName(0))
                try node.namespace.waitPrefixes(Set(Rack.podCIDRs(0) + [remote4, remote6]), protocolID: 179)
                #expect(try node.session("on-eth0")["waiting"] == .null)
            }
        }

        @Test func `two uplinks share the traffic, also when both routers have the same address`() throws {
            try Rack.use(tors: 2, nodes: 1, numbered: false) { rack in
                for tor in rack.tors {
                    let name = Rack.nodeName(0)
                    try tor.require("ip", "address", "flush", "dev", name)
                    try tor.require("ip", "address", "add", "fe80::1/64", "dev", name, "nodad")
                }
                let tors = try rack.tors.indices.map { try frr(rack, tor: $0, networks: [remote4, remote6]) }
                let node = try startNode(rack, 0)
                for (index, tor) in tors.enumerated() {
                    try node.waitEstablished("on-eth\(index)", within: 30)
                    #expect(try node.session("on-eth\(index)")["address"].string == "fe80::1%eth\(index)")
                    try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: Rack.nodeName(0))
                }
                for prefix in [remote4, remote6] {
                    try eventually(
                        "\(prefix) has two next hops",
                        last: { (try? node.namespace.routes().map(\.description).joined(separator: "; ")) ?? "" }
                    ) {
                        try node.namespace.route(prefix, protocolID: 179)?.hops
                            == ["via fe80::1 dev eth0", "via fe80::1 dev eth1"]
                    }
                }
                // One link goes down: at once its session is, and the traffic is on the other.
                try rack.setLink(tor: 0, node: 0, up: false)
                for prefix in [remote4, remote6] {
                    try eventually("\(prefix) is left with one") {
                        try node.namespace.route(prefix, protocolID: 179)?.hops == ["via fe80::1 dev eth1"]
                    }
                }
                #expect(try node.session("on-eth0")["waiting"].string == "eth0 has no carrier")
                #expect(try node.state(of: "on-eth1") == "Established")
                try rack.setLink(tor: 0, node: 0, up: true)
                try rack.tors[0].require("ip", "address", "replace", "fe80::1/64", "dev", Rack.nodeName(0), "nodad")
                try node.waitEstablished("on-eth0", within: 40)
            }
        }

        @Test func `a router that changes its address is found again`() throws {
            try Rack.use(nodes: 1, numbered: false) { rack in
                let tor = try frr(rack, networks: [remote4])
                let node = try startNode(rack, 0) { $0.holdTime = 9 }
                try node.waitEstablished("on-eth0", within: 30)
                let name = Rack.nodeName(0)
                try rack.tors[0].require("ip", "address", "flush", "dev", name)
                try rack.tors[0].require("ip", "address", "add", "fe80::77/64", "dev", name, "nodad")
                try eventually("the new address is in use", within: 40, last: { node.logTail + tor.logTail }) {
                    let session = try node.session("on-eth0")
                    return session["address"].string == "fe80::77%eth0" && session["state"].string == "established"
                }
                try node.namespace.waitPrefixes(Set(Rack.podCIDRs(0) + [remote4]), protocolID: 179)
                #expect(try node.namespace.route(remote4, protocolID: 179)?.hops == ["via fe80::77 dev eth0"])
            }
        }

        private func passwordFile(_ rack: Rack, _ password: String) throws -> String {
            let path = rack.directory("secret")
            try Data("\(password)\n".utf8).write(to: URL(fileURLWithPath: path))
            return path
        }

        @Test func `a password goes with the router that was found`() throws {
            try Rack.use(nodes: 1, numbered: false) { rack in
                var configuration = rack.routerConfiguration()
                configuration.neighbors[0].address = Rack.nodeName(0)
                configuration.neighbors[0].isUnnumbered = true
                configuration.neighbors[0].options = ["password mellon"]
                let file = try passwordFile(rack, "balrog")
                let tor = try rack.startRouter(.frr, configuration)
                let node = try startNode(rack, 0) { $0.peers[0].options = ["passwordFile: \(file)"] }
                try eventually("it is found", within: 30) {
                    try node.session("on-eth0")["address"].string?.hasSuffix("%eth0") == true
                }
                try eventually("the wrong password is told", within: 30) {
                    let text = try node.session("on-eth0")["lastError"]["text"].string ?? ""
                    return text.contains("wrong TCP MD5 signature")
                }
                _ = try passwordFile(rack, "mellon")
                try node.waitEstablished("on-eth0", within: 30)
                try tor.waitEstablished(Rack.nodeName(0))
            }
        }

        @Test func `two of ours find each other, and IPv4 goes over IPv6 both ways`() throws {
            try Rack.use(nodes: 1, numbered: false) { rack in
                let node = try startNode(rack, 0)
                let own = Rack.podCIDRs(1)
                let configuration = MartletConfiguration(
                    name: "tor", asn: Rack.torASN(0), routerID: "192.0.2.200", podCIDRs: own,
                    peers: [peer(Rack.nodeName(0), asn: Rack.nodeASN(0))])
                let tor = try MartletNode(configuration, in: rack.tors[0], directory: rack.directory("tor"))
                try tor.start()
                for (agent, name) in [(node, "on-eth0"), (tor, "on-\(Rack.nodeName(0))")] {
                    try agent.waitEstablished(name)
                    let all = Set(Rack.podCIDRs(0) + own)
                    try agent.namespace.waitPrefixes(all, protocolID: 179)
                }
                let capabilities = try node.session("on-eth0")["capabilitiesReceived"].array.compactMap(\.string)
                #expect(capabilities.contains("extended-next-hop ipv4-unicast over ipv6"))
                let router = try linkLocal(rack.tors[0], Rack.nodeName(0))
                for prefix in own {
                    #expect(try node.namespace.route(prefix, protocolID: 179)?.hops == ["via \(router) dev eth0"])
                }
            }
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `a session between global IPv6 addresses without IPv4 on the link carries IPv4`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                for (namespace, interface) in [
                    (rack.nodes[0], link.nodeInterface), (rack.tors[0], link.routerInterface),
                ] { try namespace.require("ip", "-4", "address", "flush", "dev", interface) }
                var configuration = rack.routerConfiguration()
                configuration.neighbors[0].address = link.nodeIPv6
                configuration.neighbors[0].extendsNextHop = true
                configuration.networks = [remote4, remote6]
                let tor = try rack.startRouter(kind, configuration)
                let node = try rack.startMartlet(0) { $0.peers[0].address = link.routerIPv6 }
                try tor.waitEstablished(link.nodeIPv6)
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: link.nodeIPv6)
                try node.namespace.waitPrefixes(Set(Rack.podCIDRs(0) + [remote4, remote6]), protocolID: 179)
                let hop = try #require(try node.namespace.route(remote4, protocolID: 179)?.hops.first)
                #expect(hop.contains(":") && hop.hasSuffix("dev \(link.nodeInterface)"))
            }
        }
    }
}
