import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// Several paths of a prefix (RFC 7911), both ways, with those who can.
    @Suite(.serialized)
    struct AddPathTests {
        private static let contested = ["11.0.0.0/24", "2001:db8:11::/48"]

        /// `addPath` of each family of a session, as the operator sees it.
        private func negotiated(_ node: MartletNode, _ neighbor: String) throws -> [String?] {
            try node.session(neighbor)["families"].array.map { $0["addPath"].string }
        }

        @Test(arguments: [RouterKind.frr, .bird, .gobgp])
        func `two paths of a prefix reach a router that takes them, and one goes again`(kind: RouterKind) throws {
            try Rack.use(tors: 3, nodes: 1) { rack in
                var sources: [any Router] = []
                for tor in 0..<2 {
                    var configuration = rack.routerConfiguration(tor: tor)
                    configuration.networks = Self.contested
                    sources.append(try rack.startRouter(.bird, tor: tor, configuration))
                }
                var configuration = rack.routerConfiguration(tor: 2)
                configuration.neighbors[0].addPaths = true
                let sink = try rack.startRouter(kind, tor: 2, configuration)
                let node = try rack.startMartlet(0) { configuration in
                    configuration.extra = "fib: {enabled: false}"
                    for index in configuration.peers.indices {
                        (configuration.peers[index].imports, configuration.peers[index].exports) = ("all", "all")
                    }
                    configuration.peers[2].options = ["addPath: {send: all}"]
                }
                let (ours, theirs) = (
                    rack.link(tor: 2, node: 0).nodeIPv4, rack.link(tor: 2, node: 0).routerIPv4
                )
                for prefix in Self.contested {
                    try eventually("\(kind) has both paths of \(prefix)", last: { node.logTail + sink.logTail }) {
                        try sink.paths(of: prefix, from: ours) == ["64601 65001", "64601 65002"]
                    }
                }
                #expect(try negotiated(node, theirs) == ["send", "send"])
                let told = try node.json("routes", "--advertised", "tor-3")["routes"].array.filter {
                    Self.contested.contains($0["prefix"].string ?? "")
                }
                #expect(told.count == 4)
                #expect(told.allSatisfy { ($0["pathID"].int ?? 0) > 0 }, "\(told)")
                try sources[0].withdraw(Self.contested[0])
                try eventually("\(kind) has lost one path", last: { sink.logTail }) {
                    try sink.paths(of: Self.contested[0], from: ours) == ["64601 65002"]
                }
                #expect(try sink.paths(of: Self.contested[1], from: ours).count == 2)
            }
        }

        @Test(arguments: [RouterKind.frr, .bird, .gobgp])
        func `two paths of a prefix that a router tells are both held, and one goes again`(kind: RouterKind) throws {
            try Rack.use(nodes: 3) { rack in
                let shared = ["10.244.9.0/24", "fd00:10:244:9::/64"]
                var configuration = rack.routerConfiguration()
                configuration.neighbors[0].addPaths = true
                let tor = try rack.startRouter(kind, configuration)
                let sources = try (1...2).map { index in try rack.startMartlet(index) { $0.podCIDRs = shared } }
                let node = try rack.startMartlet(0) { $0.peers[0].options = ["addPath: {receive: true}"] }
                for prefix in shared {
                    try eventually("both paths of \(prefix) are held", last: { node.logTail + tor.logTail }) {
                        try asPaths(node, prefix) == ["65001 64602", "65001 64603"]
                    }
                }
                #expect(try negotiated(node, rack.link(node: 0).routerIPv4) == ["receive", "receive"])
                for (index, source) in [(1, sources[0]), (2, sources[1])] {
                    let ends = rack.link(node: index)
                    #expect(try tor.paths(of: shared[0], from: ends.nodeIPv4) == ["\(Rack.nodeASN(index))"])
                    #expect(try source.state(of: ends.routerIPv4) == "Established")
                }
                let text = try node.ctl("routes", "--received", "tor").output
                #expect(text.contains("PATH ID"), "\(text)")
                try tor.shutDown(rack.link(node: 1).nodeIPv4, message: "away")
                for prefix in shared {
                    try eventually("the path of a session that is shut goes", last: { node.logTail }) {
                        try asPaths(node, prefix) == ["65001 64603"]
                    }
                }
            }
        }

        private func asPaths(_ node: MartletNode, _ prefix: String) throws -> [String] {
            let routes = try node.json("routes", "--received", "tor")["routes"].array
            return routes.filter { $0["prefix"].string == prefix }.compactMap { $0["asPath"].string }.sorted()
        }
    }
}
