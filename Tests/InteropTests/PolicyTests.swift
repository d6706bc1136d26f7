import Foundation
import Lab
import TestKit
import Testing

extension Interop {
    /// Policies, well-known communities, aggregates and weights, with real routers and the real kernel.
    @Suite(.serialized)
    struct PolicyTests {
        private static let seven = "10.244.107.0/24"
        private static let eight = "10.244.108.0/24"

        private func policies(rejecting prefix: String, told mark: String) -> [String] {
            [
                "policies:", "  - name: from-tor", "    rules:",
                "      - {name: deny, match: {prefixes: [\"\(prefix)\"]}, action: reject}",
                "  - name: to-tor", "    rules:",
                "      - {match: {peers: [local]}, action: accept, set: {addCommunities: [\"\(mark)\"], prepend: 1}}",
            ]
        }

        private func reload(_ node: MartletNode) throws {
            let pid = try #require(node.pid)
            #expect(Foundation.kill(pid, SIGHUP) == 0)
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `R11: a changed policy changes routes both ways while the session stays`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                var configuration = rack.routerConfiguration()
                configuration.networks = [Self.seven, Self.eight]
                let tor = try rack.startRouter(kind, configuration)
                let node = try rack.startMartlet(0) {
                    $0.options = policies(rejecting: Self.seven, told: "64601:1")
                    $0.peers[0].options = ["importPolicies: from-tor", "exportPolicies: [to-tor]"]
                }
                let link = rack.link(node: 0)
                try rack.nodes[0].waitPrefixes(Set(Rack.podCIDRs(0) + [Self.eight]), protocolID: 179)
                #expect(try node.rejected()[Self.seven] == "rejected by policy from-tor rule 1 (deny)")
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: link.nodeIPv4)
                #expect(try Self.told(tor).contains("64601:1"))
                let before = try node.session(link.routerIPv4)

                try node.configure { $0.options = policies(rejecting: Self.eight, told: "64601:2") }
                try reload(node)
                try rack.nodes[0].waitPrefixes(Set(Rack.podCIDRs(0) + [Self.seven]), protocolID: 179)
                try eventually("\(kind) sees the other community", last: { (try? Self.told(tor)) ?? "" }) {
                    let text = try Self.told(tor)
                    return text.contains("64601:2") && !text.contains("64601:1")
                }
                let after = try node.session(link.routerIPv4)
                #expect(after["establishedCount"] == 1 && after["state"] == "established")
                #expect(try #require(after["uptimeSeconds"].int) >= (try #require(before["uptimeSeconds"].int)))
                if let frr = tor as? FRRRouter {
                    let neighbor = try frr.show("bgp neighbors \(link.nodeIPv4)")[link.nodeIPv4]
                    #expect(neighbor["connectionsEstablished"] == 1 && neighbor["connectionsDropped"] == 0)
                }
                let test = try node.ctl("policy", "test", "tor", Self.eight)
                #expect(test.output.contains("Rejected by policy from-tor rule 1 (deny)."), "\(test.output)")
            }
        }

        /// What a router says about our podCIDR.
        private static func told(_ tor: any Router) throws -> String {
            if let frr = tor as? FRRRouter { return try frr.vtysh("show bgp ipv4 unicast \(Rack.podCIDRs(0)[0])") }
            guard let bird = tor as? BIRDRouter else { return "" }
            return try bird.birdc("show route all for \(Rack.podCIDRs(0)[0])").replacing("(64601,", with: "64601:")
        }

        @Test func `a dry run shows the rule that decides, built-in or not`() throws {
            try Rack.use(nodes: 1) { rack in
                var configuration = rack.routerConfiguration()
                configuration.networks = [Self.seven]
                _ = try rack.startRouter(.frr, configuration)
                let node = try rack.startMartlet(0) {
                    $0.options = [
                        "policies:", "  - name: from-tor", "    default: reject", "    rules:",
                        "      - match: {asPath: {matches: \"^65001_\"}, communities: [\"65001:*\"]}",
                        "        action: accept", "        set: {localPref: 300}",
                    ]
                    $0.peers[0].options = ["importPolicies: from-tor"]
                }
                try node.waitEstablished(rack.link(node: 0).routerIPv4)
                try eventually("the path is rejected by the default") {
                    try node.rejected()[Self.seven] == "rejected by policy from-tor default"
                }
                let held = try node.json("policy", "test", "tor", Self.seven)
                #expect(held["held"] == true && held["accepted"] == false)
                let made = try node.json("policy", "test", "tor", Self.seven, "--community", "65001:9")
                #expect(made["accepted"] == true && made["after"]["localPref"] == 300)
                #expect(made["verdict"] == "Accepted by policy from-tor rule 1.")
                let foreign = try node.json("policy", "test", "tor", "198.51.100.0/24", "--community", "65001:9")
                #expect(foreign["verdict"].string?.contains("not inside clusterCIDRs") == true)
                let told = try node.json("policy", "test", "tor", Rack.podCIDRs(0)[0], "--export")
                #expect(told["accepted"] == true && told["after"]["asPath"] == "64601")
                let transit = try node.json(
                    "policy", "test", "tor", Self.seven, "--export", "--from", "tor", "--med", "1")
                #expect(transit["accepted"] == false)
                #expect(try node.ctl("policy", "test", "tor", "10.9.0.0/16").status == 1)
            }
        }

        @Test func `link bandwidths of two FRR become weights in the kernel`() throws {
            try Rack.use(tors: 2, nodes: 1) { rack in
                for tor in 0..<2 {
                    var configuration = rack.routerConfiguration(tor: tor)
                    configuration.networks = [Self.seven, "fd00:10:244:77::/64"]
                    configuration.extra = """
                        route-map WIDE permit 10
                         set extcommunity bandwidth \(tor == 0 ? 1000 : 3000)
                        router bgp \(Rack.torASN(tor))
                         address-family ipv4 unicast
                          neighbor \(rack.link(tor: tor, node: 0).nodeIPv4) route-map WIDE out
                         address-family ipv6 unicast
                          neighbor \(rack.link(tor: tor, node: 0).nodeIPv4) route-map WIDE out
                        """
                    _ = try rack.startRouter(.frr, tor: tor, configuration)
                }
                let node = try rack.startMartlet(0)
                for (prefix, version) in [(Self.seven, "-4"), ("fd00:10:244:77::/64", "-6")] {
                    var text = ""
                    try eventually("the kernel has weights", last: { text + node.logTail }) {
                        text = try rack.nodes[0].run(["ip", version, "route", "show", prefix]).output
                        return text.contains("dev eth0 weight 85") && text.contains("dev eth1 weight 256")
                    }
                }
                #expect(try node.ctl("fib", Self.seven).output.contains("weight 256"))
            }
        }

        @Test func `an aggregate stands for what is inside, and a black hole is one in the kernel`() throws {
            try Rack.use(nodes: 1) { rack in
                var configuration = rack.routerConfiguration()
                configuration.networks = ["10.244.7.9/32"]
                configuration.extra = """
                    route-map HOLE permit 10
                     set community blackhole
                    router bgp \(Rack.torASN(0))
                     address-family ipv4 unicast
                      neighbor \(rack.link(node: 0).nodeIPv4) route-map HOLE out
                    """
                let tor = try rack.startRouter(.frr, configuration)
                let node = try rack.startMartlet(0) {
                    $0.options = ["aggregates: [{prefix: 10.244.0.0/20, summaryOnly: true}]"]
                    $0.peers[0].options = ["blackhole: true"]
                }
                let told: Set = ["10.244.0.0/20", Rack.podCIDRs(0)[1]]
                try tor.waitAccepted(told, from: rack.link(node: 0).nodeIPv4)
                try eventually("the kernel drops", last: { node.logTail }) {
                    try rack.nodes[0].route("10.244.7.9/32", protocolID: 179)?.kind == "blackhole"
                        && rack.nodes[0].route("10.244.0.0/20", protocolID: 179)?.kind == "unreachable"
                }
                let frr = try #require(tor as? FRRRouter)
                let route = try frr.show("bgp ipv4 unicast 10.244.0.0/20")["paths"].array.first
                #expect(route?["atomicAggregate"] == true)
                try tor.withdraw("10.244.7.9/32")
                try eventually("the black hole is gone") {
                    try rack.nodes[0].route("10.244.7.9/32", protocolID: 179) == nil
                }
            }
        }

        @Test func `a path with GRACEFUL_SHUTDOWN is the last choice`() throws {
            try Rack.use(tors: 2, nodes: 1) { rack in
                for tor in 0..<2 {
                    var configuration = rack.routerConfiguration(tor: tor)
                    configuration.networks = [Self.seven]
                    if tor == 0 {
                        configuration.extra = """
                            route-map BYE permit 10
                             set community graceful-shutdown
                            router bgp \(Rack.torASN(tor))
                             address-family ipv4 unicast
                              neighbor \(rack.link(tor: tor, node: 0).nodeIPv4) route-map BYE out
                            """
                    }
                    _ = try rack.startRouter(.frr, tor: tor, configuration)
                }
                let node = try rack.startMartlet(0)
                for tor in 0..<2 { try node.waitEstablished(rack.link(tor: tor, node: 0).routerIPv4) }
                try eventually("only the other way is used", last: { node.logTail }) {
                    try rack.nodes[0].route(Self.seven)?.hops
                        == ["via \(rack.link(tor: 1, node: 0).routerIPv4) dev eth1"]
                }
                try node.configure { $0.peers[0].options = ["gracefulShutdown: false"] }
                try reload(node)
                try eventually("both are used") { try rack.nodes[0].route(Self.seven)?.hops.count == 2 }
            }
        }
    }
}
