import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// Which AS both sides are, and what they are to each other (RFC 9234), with routers that know roles.
    @Suite(.serialized)
    struct RelationTests {
        private static let pods = Set(Rack.podCIDRs(0))

        private static func role(_ kind: RouterKind, _ role: String, strict: Bool = false) -> [String] {
            switch kind {
            case .frr: ["local-role \(role)" + (strict ? " strict-mode" : "")]
            default: ["local role \(role.replacing("rs-", with: "rs_"))"] + (strict ? ["require roles on"] : [])
            }
        }

        private static func onlyToCustomer(_ node: MartletNode, _ prefix: String) throws -> Int? {
            try node.json("routes", prefix)["routes"].array.first?["onlyToCustomer"].int
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `a provider's routes are marked, and roles that fit make a session`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4, remote6]
                configuration.neighbors[0].options = Self.role(kind, "provider", strict: true)
                let tor = try rack.startRouter(kind, configuration)
                let node = try rack.startMartlet(0) { $0.peers[0].options = ["role: customer", "strictRole: true"] }
                try node.namespace.waitPrefixes(Self.pods.union([remote4, remote6]), protocolID: 179)
                try tor.waitAccepted(Self.pods, from: link.nodeIPv4)
                for prefix in [remote4, remote6] {
                    #expect(try Self.onlyToCustomer(node, prefix) == Int(Rack.torASN(0)))
                }
                #expect(try node.ctl("routes", remote4, "-o", "wide").output.contains("only-to-customer:65001"))
                let session = try node.session(link.routerIPv4)
                #expect(session["capabilitiesReceived"].array.contains { $0.string == "role provider" }, "\(session)")
                #expect(session["role"] == "customer")
            }
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `roles that do not fit make none, and both sides say so`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                var configuration = rack.routerConfiguration()
                configuration.neighbors[0].options = Self.role(kind, "provider")
                let tor = try rack.startRouter(kind, configuration)
                let node = try rack.startMartlet(0) { $0.peers[0].options = ["role: peer"] }
                try eventually("the mismatch is told", last: { node.logTail }) {
                    let said = try node.session(link.routerIPv4)["lastNotification"]
                    return said["code"] == 2 && said["subcode"] == 11
                }
                #expect(try node.state(of: link.routerIPv4) != "Established")
                #expect(try tor.state(of: link.nodeIPv4) != "Established")
                #expect(try node.ctl("history", "tor").output.contains("Role Mismatch"))
            }
        }

        @Test func `what a provider told goes to no peer, and what is ours goes marked`() throws {
            try Rack.use(tors: 2, nodes: 1) { rack in
                var upstream = rack.routerConfiguration()
                upstream.networks = ["11.0.0.0/24"]
                upstream.neighbors[0].options = Self.role(.frr, "provider")
                _ = try rack.startRouter(.frr, upstream)
                var side = rack.routerConfiguration(tor: 1)
                side.neighbors[0].options = Self.role(.bird, "peer")
                let peer = try BIRDRouter(side, in: rack.tors[1], directory: rack.directory("tor-2"))
                let node = try rack.startMartlet(0) { configuration in
                    configuration.extra = "fib: {enabled: false}"
                    for index in configuration.peers.indices {
                        (configuration.peers[index].imports, configuration.peers[index].exports) = ("all", "all")
                    }
                    configuration.peers[0].options = ["role: customer"]
                    configuration.peers[1].options = ["role: peer"]
                }
                try eventually("the provider's route is here") {
                    try node.accepted(from: rack.link(node: 0).routerIPv4) == ["11.0.0.0/24"]
                }
                let link = rack.link(tor: 1, node: 0)
                try peer.waitAccepted(Self.pods, from: link.nodeIPv4)
                let stays = try always(for: 1) { try peer.accepted(from: link.nodeIPv4) == Self.pods }
                #expect(stays)
                let told = try node.json("explain", "11.0.0.1")["announcements"].array.first { $0["peer"] == "tor-2" }
                #expect(told?["detail"].string?.contains("only go to customers") == true, "\(String(describing: told))")
                let shown = try peer.birdc("show route \(Rack.podCIDRs(0)[0]) all")
                #expect(shown.contains("otc: 64601"), "\(shown)")
            }
        }

        @Test(arguments: [RouterKind.frr, .bird, .gobgp, .openbgpd])
        func `any external AS is taken, and shown`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4]
                let tor = try rack.startRouter(kind, configuration)
                let node = try rack.startMartlet(0) { $0.peers[0].asnText = "external" }
                try tor.waitAccepted(Self.pods, from: link.nodeIPv4)
                try node.namespace.waitPrefixes(Self.pods.union([remote4]), protocolID: 179)
                #expect(try node.session(link.routerIPv4)["asn"].int == Int(Rack.torASN(0)))
            }
        }

        @Test func `a router of two octets gets our four octets in AS4_PATH`() throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                var configuration = rack.routerConfiguration()
                configuration.neighbors[0].asn = 65010
                configuration.neighbors[0].options = ["enable as4 off"]
                configuration.networks = [remote4]
                let tor = try BIRDRouter(configuration, in: rack.tors[0], directory: rack.directory("tor"))
                let node = try rack.startMartlet(0) {
                    $0.asn = 4_200_000_001
                    $0.peers[0].asnText = "external"
                    $0.peers[0].options = ["localAS: 65010"]
                }
                try tor.waitAccepted(Self.pods, from: link.nodeIPv4)
                let shown = try tor.birdc("show route \(Rack.podCIDRs(0)[0]) all")
                #expect(shown.contains("BGP.as_path: 65010 4200000001"), "merged from AS4_PATH: \(shown)")
                try node.namespace.waitPrefixes(Self.pods.union([remote4]), protocolID: 179)
                let path = try node.json("routes", remote4)["routes"].array.first?["asPath"].string
                #expect(path == "65010 65001")
                let session = try node.session(link.routerIPv4)
                #expect(session["asn"].int == Int(Rack.torASN(0)))
                #expect(!session["capabilitiesReceived"].array.contains { $0.string == "four-octet-as" }, "\(session)")
            }
        }

        @Test(arguments: [RouterKind.frr, .bird], [false, true])
        func `a router that knows us by another AS`(kind: RouterKind, replaces: Bool) throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                var configuration = rack.routerConfiguration()
                configuration.neighbors[0].asn = 4_200_000_010
                configuration.networks = [remote4]
                let tor = try rack.startRouter(kind, configuration)
                let text = replaces ? "{asn: 4200000010, noPrepend: true, replaceAS: true}" : "4200000010"
                let node = try rack.startMartlet(0) { $0.peers[0].options = ["localAS: \(text)"] }
                try tor.waitAccepted(Self.pods, from: link.nodeIPv4)
                try node.namespace.waitPrefixes(Self.pods.union([remote4]), protocolID: 179)
                let pod = Rack.podCIDRs(0)[0]
                let shown =
                    try (tor as? FRRRouter)?.vtysh("show bgp ipv4 unicast \(pod)")
                    ?? (tor as? BIRDRouter)?.birdc("show route \(pod) all") ?? ""
                #expect(shown.contains("4200000010"), "\(shown)")
                #expect(shown.contains("4200000010 64601") == !replaces, "\(shown)")
                let path = try node.json("routes", remote4)["routes"].array.first?["asPath"].string
                #expect(path == (replaces ? "65001" : "4200000010 65001"))
                #expect(try node.session(link.routerIPv4)["localASN"].int == 4_200_000_010)
            }
        }
    }
}
