import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// BFD (RFC 5880 to 5883) with FRR's bfdd and with BIRD: what the two sides agree on, and what becomes of routes.
    @Suite(.serialized)
    struct BFDTests {
        private static let fast = "bfd: {interval: 100ms, multiplier: 5}"

        /// One rack, one node, one router; both with sessions over IPv4 and IPv6.
        private final class Scene {
            let rack: Rack
            let link: RackLink
            let tor: any Router
            let node: MartletNode

            init(
                _ rack: Rack, _ kind: RouterKind, routerOptions: [String] = [], nodeOptions: [String] = [fast],
                bfdLines: [String] = [], runsBFD: Bool = true, change: (inout RouterConfiguration) -> Void = { _ in }
            ) throws {
                self.rack = rack
                link = rack.link(node: 0)
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4, remote6]
                configuration.runsBFD = runsBFD
                configuration.bfdLines = bfdLines
                var second = configuration.neighbors[0]
                second.name += "-v6"
                second.address = link.nodeIPv6
                configuration.neighbors.append(second)
                let option = kind == .frr ? "bfd profile p" : "bfd on"
                for index in configuration.neighbors.indices where runsBFD {
                    configuration.neighbors[index].options = [option] + routerOptions
                }
                change(&configuration)
                tor = try rack.startRouter(kind, configuration)
                let far = link.routerIPv6
                node = try rack.startMartlet(0) { configuration in
                    var second = configuration.peers[0]
                    second.name += "-v6"
                    second.address = far
                    configuration.peers.append(second)
                    for index in configuration.peers.indices { configuration.peers[index].options = nodeOptions }
                }
            }

            /// What the router says of its session with us.
            func far(_ address: String) throws -> String {
                if let frr = tor as? FRRRouter { return try frr.bfdState(address) }
                return try (tor as? BIRDRouter)?.bfdState(address) ?? "unknown"
            }

            func near(_ peer: String) throws -> JSONValue {
                try node.json("bfd")["sessions"].array.first { $0["peer"].string == peer } ?? .null
            }

            func waitUp() throws {
                for address in [link.nodeIPv4, link.nodeIPv6] {
                    try tor.waitEstablished(address)
                    try eventually("BFD is up with \(address)", last: { (try? self.node.ctl("bfd").output) ?? "" }) {
                        try self.far(address) == "up"
                    }
                }
                for peer in ["tor", "tor-v6"] {
                    try eventually("our BFD is up with \(peer)") { try self.near(peer)["state"].string == "up" }
                }
                try waitRoutes(true)
            }

            func waitRoutes(_ there: Bool) throws {
                let own = Set(Rack.podCIDRs(0))
                try node.namespace.waitPrefixes(there ? own.union([remote4, remote6]) : own, protocolID: 179)
            }

            /// Everything between the two is lost without a word; or only BFD.
            func cut(_ rule: String = "") throws {
                let rules =
                    "add table inet cut; add chain inet cut i { type filter hook input priority 0; }; "
                    + "add chain inet cut o { type filter hook output priority 0; }; "
                    + "add rule inet cut i \(rule) drop; add rule inet cut o \(rule) drop"
                try rack.tors[0].require("nft", rules)
            }

            func mend() throws { try rack.tors[0].require("nft", "delete table inet cut") }

            /// Other options of our peers, on SIGHUP.
            func configure(_ options: [String]) throws {
                try node.configure { configuration in
                    for index in configuration.peers.indices { configuration.peers[index].options = options }
                }
                node.reload()
            }

            func downs(_ peer: String) throws -> Int { try node.session(peer)["dropCount"].int ?? -1 }
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `a router that falls silent loses its routes by BFD, and has them again`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let scene = try Scene(rack, kind)
                try scene.waitUp()
                let session = try scene.near("tor")
                #expect(session["detectionMilliseconds"].int == 500 && session["transmitMilliseconds"].int == 100)
                #expect(try scene.node.ctl("sessions").output.contains("BFD"))
                #expect(try scene.node.ctl("session", "tor").output.contains("Up for"))
                try scene.cut()
                // The hold time is 90 s: nothing else can be the reason.
                try scene.waitRoutes(false)
                let words = "BFD is down: nothing was received for the detection time"
                for peer in ["tor", "tor-v6"] {
                    #expect(try scene.node.session(peer)["lastNotification"]["text"].string?.contains(words) == true)
                    let history = try scene.node.ctl("history", peer).output
                    #expect(history.contains("Up to Down: nothing was received"))
                }
                #expect(try scene.node.ctl("metrics").output.contains("martlet_bfd_session_up{peer=\"tor\"} 0"))
                try scene.mend()
                try scene.waitUp()
                #expect(try scene.node.ctl("metrics").output.contains("martlet_bfd_session_up{peer=\"tor\"} 1"))
            }
        }

        @Test func `BFD alone is lost: the router is told why, and BGP goes on without it`() throws {
            try Rack.use(nodes: 1) { rack in
                let scene = try Scene(rack, .frr)
                try scene.waitUp()
                try scene.cut("udp dport 3784")
                try eventually("the session was ended") { try scene.downs("tor") > 0 }
                let notification = try scene.node.session("tor")["lastNotification"]
                #expect(notification["code"].int == 6)
                try scene.waitRoutes(true)
                try scene.tor.waitEstablished(scene.link.nodeIPv4)
                #expect(try scene.near("tor")["state"].string == "down")
                try scene.mend()
                try scene.waitUp()
            }
        }

        @Test func `a router without BFD is a peer as any other`() throws {
            try Rack.use(nodes: 1) { rack in
                let scene = try Scene(rack, .bird, runsBFD: false)
                try scene.tor.waitEstablished(scene.link.nodeIPv4)
                try scene.waitRoutes(true)
                #expect(try scene.near("tor")["state"].string == "down")
                #expect(try scene.node.ctl("bfd").output.contains("the peer is not heard"))
            }
        }

        @Test func `a router that switches BFD off keeps its session`() throws {
            try Rack.use(nodes: 1) { rack in
                let scene = try Scene(rack, .frr)
                try scene.waitUp()
                let frr = try #require(scene.tor as? FRRRouter)
                _ = try frr.vtysh("configure terminal", "bfd", "profile p", "shutdown")
                try eventually("it is told") { try scene.near("tor")["state"].string == "down" }
                #expect(try scene.near("tor")["lastDown"].string?.contains("AdminDown") == true)
                #expect(try scene.downs("tor") == 0)
                try scene.waitRoutes(true)
                _ = try frr.vtysh("configure terminal", "bfd", "profile p", "no shutdown")
                try scene.waitUp()
                #expect(try scene.downs("tor") == 0)
            }
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `other intervals are agreed on by reload, and no session ends`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let scene = try Scene(rack, kind)
                try scene.waitUp()
                try scene.configure(["bfd: {interval: 180ms, multiplier: 5}"])
                try eventually("slower packets are agreed on") {
                    try scene.near("tor")["transmitMilliseconds"].int == 180
                }
                try scene.configure([Self.fast])
                try eventually("and quicker ones") { try scene.near("tor")["transmitMilliseconds"].int == 100 }
                for peer in ["tor", "tor-v6"] {
                    #expect(try scene.downs(peer) == 0 && scene.near(peer)["downs"].int == 0)
                }
            }
        }

        /// The router says AdminDown first: FRR 8.4 takes one of ours for a failure, against RFC 5882 section 4.2, and
        /// says nothing when its BFD is taken away.
        @Test func `BFD goes and comes while BGP stays`() throws {
            try Rack.use(nodes: 1) { rack in
                let scene = try Scene(rack, .frr)
                try scene.waitUp()
                let frr = try #require(scene.tor as? FRRRouter)
                _ = try frr.vtysh("configure terminal", "bfd", "profile p", "shutdown")
                for peer in ["tor", "tor-v6"] {
                    try eventually("it is told") { try scene.near(peer)["state"].string == "down" }
                }
                try scene.configure([])
                try eventually("there is none") { try scene.node.json("bfd")["sessions"].array.isEmpty }
                try scene.waitRoutes(true)
                try scene.configure([Self.fast])
                _ = try frr.vtysh("configure terminal", "bfd", "profile p", "no shutdown")
                try scene.waitUp()
                for peer in ["tor", "tor-v6"] { #expect(try scene.downs(peer) == 0) }
            }
        }

        @Test(arguments: ["keyed-sha1", "meticulous-keyed-sha1"])
        func `packets are signed as BIRD signs them, and no others count`(type: String) throws {
            try Rack.use(nodes: 1) { rack in
                let file = rack.directory("bfd-key")
                try must(["sh", "-c", "umask 077; printf 'a good secret\\n' > \(file)"])
                let words = type.split(separator: "-").joined(separator: " ")
                let key = "authentication: {keyFile: \(file), keyID: 7, type: \(type)}"
                let scene = try Scene(
                    rack, .bird, nodeOptions: ["bfd: {interval: 100ms, multiplier: 5, \(key)}"],
                    bfdLines: ["authentication \(words)", "password \"a good secret\" { id 7; }"])
                try scene.waitUp()
                #expect(try scene.near("tor")["authentication"].string == type)
                #expect(try scene.near("tor")["packetsDiscarded"].int == 0)
                try must(["sh", "-c", "printf 'another secret' > \(file)"])
                scene.node.reload()
                try eventually("nothing of BIRD counts") {
                    let session = try scene.near("tor")
                    return session["state"].string == "down" && session["packetsDiscarded"].int ?? 0 > 0
                }
                try eventually("BIRD neither believes us") { try scene.far(scene.link.nodeIPv4) != "up" }
                try must(["sh", "-c", "printf 'a good secret' > \(file)"])
                scene.node.reload()
                try scene.waitUp()
            }
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `over several hops it uses the other port`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let scene = try Scene(
                    rack, kind, routerOptions: [kind == .frr ? "ebgp-multihop 2" : "multihop 2"],
                    nodeOptions: [Self.fast, "multihop: 2"]
                ) { configuration in
                    let link = rack.link(node: 0)
                    for (index, address) in [link.routerIPv4, link.routerIPv6].enumerated() where kind == .bird {
                        configuration.neighbors[index].options.append("local \(address)")
                    }
                }
                try scene.waitUp()
                #expect(try scene.near("tor")["multihop"].string == "true")
                try scene.cut()
                try scene.waitRoutes(false)
            }
        }

        @Test func `an unnumbered neighbour is watched by its link-local address`() throws {
            try Rack.use(nodes: 1, numbered: false) { rack in
                var configuration = rack.routerConfiguration()
                configuration.neighbors[0].address = Rack.nodeName(0)
                configuration.neighbors[0].isUnnumbered = true
                configuration.neighbors[0].options = ["bfd profile p"]
                configuration.runsBFD = true
                configuration.networks = [remote4, remote6]
                let tor = try #require(try rack.startRouter(.frr, configuration) as? FRRRouter)
                let node = try rack.startMartlet(0) { configuration in
                    configuration.peers[0].location = "interface: eth0"
                    configuration.peers[0].asnText = "external"
                    configuration.peers[0].options = [Self.fast]
                }
                let all = Set(Rack.podCIDRs(0) + [remote4, remote6])
                try node.namespace.waitPrefixes(all, protocolID: 179, within: 30)
                try eventually("FRR's BFD is up") { try tor.bfdState(Rack.nodeName(0)) == "up" }
                try eventually("ours is up") {
                    try node.json("bfd")["sessions"].array.first?["state"].string == "up"
                }
                let rules =
                    "add table inet cut; add chain inet cut o { type filter hook output priority 0; }; "
                    + "add rule inet cut o drop"
                try rack.tors[0].require("nft", rules)
                try node.namespace.waitPrefixes(Set(Rack.podCIDRs(0)), protocolID: 179)
            }
        }
    }
}
