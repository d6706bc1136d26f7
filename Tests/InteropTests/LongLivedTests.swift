import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// Long-lived graceful restart (RFC 9494) with those who have it.
    @Suite(.serialized)
    struct LongLivedTests {
        private static let own = Set(Rack.podCIDRs(0))

        /// BIRD, or GoBGP for IPv6 only, that may be kept for 2 seconds and then for `seconds` more.
        private static func start(_ kind: RouterKind, _ rack: Rack, staleTime seconds: Int) throws -> any Router {
            var configuration = rack.routerConfiguration()
            configuration.networks = [remote4, remote6]
            switch kind {
            case .gobgp:
                // These lines go on with the last family of the last neighbour.
                configuration.extra = """
                       [neighbors.afi-safis.mp-graceful-restart.config]
                        enabled = true
                       [neighbors.afi-safis.long-lived-graceful-restart.config]
                        enabled = true
                        restart-time = \(seconds)
                     [neighbors.graceful-restart.config]
                      enabled = true
                      restart-time = 2
                      long-lived-enabled = true
                    """
            default:
                configuration.keepsForwarding = true
                configuration.neighbors[0].options = [
                    "graceful restart time 2", "long lived graceful restart on", "long lived stale time \(seconds)",
                ]
            }
            return try rack.startRouter(kind, configuration)
        }

        private static func communities(_ node: MartletNode, _ prefix: String) throws -> [String]? {
            try node.json("routes", prefix)["routes"].array.first?["communities"].array.compactMap(\.string)
        }

        @Test(arguments: [RouterKind.bird, .gobgp])
        func `the routes of a router that is away are the last resort, and gone in the end`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let tor = try Self.start(kind, rack, staleTime: 6)
                let node = try rack.startMartlet(0) { $0.restartOptions = ["longLivedStaleTime: 0s"] }
                try rack.nodes[0].waitPrefixes(Self.own.union([remote4, remote6]), protocolID: 179)
                let kept = kind == .bird ? [remote4, remote6] : [remote6]
                tor.kill()
                for prefix in kept {
                    try eventually("\(prefix) is long-lived stale", last: { node.logTail }) {
                        try Self.communities(node, prefix) == ["llgr-stale"]
                    }
                }
                #expect(try rack.nodes[0].prefixes(protocolID: 179) == Self.own.union(kept))
                try rack.nodes[0].waitPrefixes(Self.own, protocolID: 179, within: 20)
            }
        }

        @Test func `BIRD comes back, and its routes are as good as before`() throws {
            try Rack.use(nodes: 1) { rack in
                let tor = try Self.start(.bird, rack, staleTime: 60)
                let node = try rack.startMartlet(0) { $0.restartOptions = ["longLivedStaleTime: 0s"] }
                let all = Self.own.union([remote4, remote6])
                try rack.nodes[0].waitPrefixes(all, protocolID: 179)
                tor.kill()
                try eventually("the route is long-lived stale") {
                    try Self.communities(node, remote4) == ["llgr-stale"]
                }
                try tor.recover()
                try eventually("the route is live", within: 30, last: { node.logTail + tor.logTail }) {
                    try Self.communities(node, remote4) == []
                }
                #expect(try rack.nodes[0].prefixes(protocolID: 179) == all)
            }
        }

        @Test(arguments: [RouterKind.bird, .frr])
        func `a router keeps our routes for long, and has them live again`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                var configuration = rack.routerConfiguration()
                // Without its own time FRR offers none, and keeps nothing.
                if kind == .frr { configuration.extra = " bgp long-lived-graceful-restart stale-time 60\n" }
                let tor = try rack.startRouter(kind, configuration)
                let node = try rack.startMartlet(0) {
                    $0.restartTime = 2
                    $0.restartOptions = ["longLivedStaleTime: 60s"]
                }
                let link = rack.link(node: 0)
                try tor.waitAccepted(Self.own, from: link.nodeIPv4)
                let prefix = Rack.podCIDRs(0)[0]
                func isStale() throws -> Bool {
                    if let bird = tor as? BIRDRouter {
                        return try bird.birdc("show route \(prefix) all").contains("(65535,6)")
                    }
                    let shown = try (tor as? FRRRouter)?.vtysh("show bgp ipv4 unicast \(prefix)") ?? ""
                    return shown.contains("llgr-stale") || shown.contains("65535:6")
                }
                #expect(try !isStale())
                node.kill()
                try eventually("\(kind) keeps our route as long-lived stale", last: { tor.logTail }) { try isStale() }
                try node.start()
                try tor.waitEstablished(link.nodeIPv4)
                try eventually("our route is live again", last: { tor.logTail }) {
                    try !isStale() && tor.accepted(from: link.nodeIPv4) == Self.own
                }
            }
        }
    }
}
