import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// What FRR and BIRD make of the capabilities beyond the basic ones.
    @Suite(.serialized)
    struct ExtensionTests {
        /// FRR's own account of our capabilities and of the last end of the session.
        private func neighbor(_ tor: any Router, _ address: String) throws -> JSONValue {
            guard let frr = tor as? FRRRouter else { throw LabError("not FRR") }
            return try frr.show("bgp neighbors \(address)")[address]
        }

        private func askForRefresh(_ tor: any Router, _ address: String) throws {
            if let frr = tor as? FRRRouter { _ = try frr.vtysh("clear bgp \(address) soft in") }
            if let bird = tor as? BIRDRouter { _ = try bird.birdc("reload in node_a") }
        }

        private func capabilities(_ node: MartletNode, _ rack: Rack, _ key: String) throws -> [String] {
            try node.session(rack.link(node: 0).routerIPv4)[key].array.compactMap(\.string)
        }

        @Test func `FRR shows our name, and both sides agree on extended messages and enhanced refresh`() throws {
            try Rack.use(nodes: 1) { rack in
                let tor = try rack.startRouter(.frr)
                let node = try rack.startMartlet(0)
                try node.waitEstablished(rack.link(node: 0).routerIPv4)
                let found = try neighbor(tor, rack.link(node: 0).nodeIPv4)["neighborCapabilities"]
                #expect(found["hostName"]["rcvHostName"].string == "node-a", "\(found)")
                #expect(found["extendedMessage"].string == "advertisedAndReceived", "\(found)")
                #expect(found["enhancedRouteRefresh"].string == "advertisedAndReceived", "\(found)")
                let theirs = try capabilities(node, rack, "capabilitiesReceived")
                for name in ["host-name tor", "extended-message", "enhanced-route-refresh"] {
                    #expect(theirs.contains(name), "\(theirs)")
                }
                #expect(theirs.contains { $0.hasPrefix("long-lived-graceful-restart") }, "\(theirs)")
            }
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `a refresh that the router asks for is answered, and the routes stay`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let tor = try rack.startRouter(kind)
                let node = try rack.startMartlet(0)
                let address = rack.link(node: 0).nodeIPv4
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: address)
                try askForRefresh(tor, rack.link(node: 0).nodeIPv4)
                try eventually("the request is counted", last: { node.logTail }) {
                    let session = try node.session(rack.link(node: 0).routerIPv4)
                    return (session["messagesReceived"]["routeRefresh"].int ?? 0) >= 1
                }
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: address)
                #expect(try node.state(of: rack.link(node: 0).routerIPv4) == "Established")
            }
        }

        @Test func `a table from FRR in extended messages reaches BIRD in plain ones`() throws {
            try Rack.use(tors: 2, nodes: 1) { rack in
                let networks = (0..<3000).map { "11.\($0 / 250).\($0 % 250).0/24" }
                var configuration = rack.routerConfiguration()
                configuration.networks = networks
                let source = try rack.startRouter(.frr, configuration)
                let sink = try rack.startRouter(.bird, tor: 1)
                let node = try rack.startMartlet(0) { configuration in
                    configuration.extra = "fib: {enabled: false}"
                    for index in configuration.peers.indices {
                        (configuration.peers[index].imports, configuration.peers[index].exports) = ("all", "all")
                    }
                }
                let expected = Set(networks + Rack.podCIDRs(0))
                try sink.waitAccepted(expected, from: rack.link(tor: 1, node: 0).nodeIPv4)
                #expect(try node.accepted(from: rack.link(node: 0).routerIPv4) == Set(networks))
                try source.withdraw(networks[7])
                try sink.waitAccepted(
                    expected.subtracting([networks[7]]), from: rack.link(tor: 1, node: 0).nodeIPv4)
            }
        }

        @Test func `a shutdown by FRR comes as a hard reset and is shown with its reason`() throws {
            try Rack.use(nodes: 1) { rack in
                let tor = try rack.startRouter(.frr)
                let node = try rack.startMartlet(0)
                let link = rack.link(node: 0)
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: link.nodeIPv4)
                let restart = try neighbor(tor, link.nodeIPv4)["gracefulRestartInfo"]
                #expect(restart["nBit"] == true, "\(restart)")
                try tor.shutDown(link.nodeIPv4, message: "rack move")
                try eventually("the hard reset is shown with its reason", last: { node.logTail }) {
                    let text = try node.session(link.routerIPv4)["lastError"]["text"].string ?? ""
                    return text.contains("Hard Reset") && text.contains("Administrative Shutdown")
                }
            }
        }
    }
}
