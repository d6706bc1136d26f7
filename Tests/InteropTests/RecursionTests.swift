import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// Next hops beyond the links, and what others do to routes of ours without touching them.
    @Suite(.serialized)
    struct RecursionTests {
        private static let loopback = "203.0.113.9/32"
        private static let far = "203.0.113.9"
        private static let pods = "10.244.9.0/24"

        /// An internal peer of every node that leaves the next hop of `pods` as that of a router behind it.
        private static func configuration(_ rack: Rack, tor: Int, announcesPods: Bool) -> RouterConfiguration {
            var configuration = rack.routerConfiguration(tor: tor, asn: Rack.nodeASN(0))
            configuration.networks = [loopback] + (announcesPods ? [pods] : [])
            configuration.extra = """
                ip prefix-list PODS permit \(pods)
                route-map FAR permit 10
                 match ip address prefix-list PODS
                 set ip next-hop \(far)
                route-map FAR permit 20
                router bgp \(Rack.nodeASN(0))
                 address-family ipv4 unicast
                  neighbor \(rack.link(tor: tor, node: 0).nodeIPv4) route-map FAR out
                """
            return configuration
        }

        private static func hops(_ space: Namespace, _ prefix: String) throws -> Set<String> {
            // Without a length it is how iproute2 shows a host route.
            let route = try space.route(prefix.replacingOccurrences(of: "/32", with: ""), protocolID: 179)
            return Set(route?.hops ?? [])
        }

        @Test func `a next hop behind another BGP route is reached as that one is, event by event`() throws {
            try Rack.use(tors: 2, nodes: 1) { rack in
                var tors: [any Router] = []
                for tor in 0...1 {
                    tors.append(
                        try rack.startRouter(
                            .frr, tor: tor, Self.configuration(rack, tor: tor, announcesPods: tor == 0)))
                }
                let node = try rack.startMartlet(0) { configuration in
                    configuration.clusterCIDRs.append("203.0.113.0/24")
                    configuration.extra = "import: {ipv4: {maxLength: 32}}"
                    for tor in 0...1 {
                        configuration.peers[tor].asn = Rack.nodeASN(0)
                    }
                }
                let space = node.namespace
                func via(_ tors: Int...) -> Set<String> {
                    Set(tors.map { "via \(rack.link(tor: $0, node: 0).routerIPv4) dev eth\($0)" })
                }
                func wait(_ what: String, _ wanted: Set<String>) throws {
                    try eventually(what, last: { (try? node.ctl("fib").output) ?? "" }) {
                        try Self.hops(space, Self.pods) == wanted
                    }
                }
                try wait("over both routers, though one of them announces it", via(0, 1))
                let row = try node.json("fib", Self.pods)["routes"].array.first { $0["prefix"].string == Self.pods }
                #expect(row?["desired"].array.compactMap(\.string) == ["via \(Self.far)"])
                #expect(try node.ctl("fib", "verify").succeeded)
                // The route to the next hop changes, a link fails, the route goes, and all of it comes back.
                try tors[1].withdraw(Self.loopback)
                try wait("over the first", via(0))
                try tors[1].announce(Self.loopback)
                try wait("over both again", via(0, 1))
                try rack.setLink(tor: 1, node: 0, up: false)
                try wait("over what has a carrier", via(0))
                try tors[0].withdraw(Self.loopback)
                try wait("not at all", [])
                // The other router's route is there, and leads nowhere.
                #expect(try node.json("fib", Self.pods)["routes"][0]["status"] == "unresolved")
                try tors[0].announce(Self.loopback)
                try wait("over the first again", via(0))
                try rack.setLink(tor: 1, node: 0, up: true)
                try wait("over both in the end", via(0, 1))
                for tor in tors { try tor.withdraw(Self.loopback) }
                try wait("not at all, again", [])
                try eventually("the path is rejected") {
                    try node.rejected()[Self.pods]?.contains("next hop") == true
                }
                try tors[1].announce(Self.loopback)
                try wait("over the second", via(1))
                #expect(try node.ctl("fib", "verify").succeeded)
            }
        }

        @Test func `a next hop that does not answer on its link is told by log, fib and metric, and so is its end`()
            throws
        {
            try Rack.use(nodes: 1) { rack in
                var configuration = rack.routerConfiguration()
                configuration.networks = [Self.pods]
                _ = try rack.startRouter(.frr, configuration)
                let node = try rack.startMartlet(0)
                let (space, hop) = (node.namespace, rack.link(node: 0).routerIPv4)
                try space.waitPrefixes(Set(Rack.podCIDRs(0) + [Self.pods]), protocolID: 179)
                func state() throws -> String? {
                    try node.json("fib")["nextHops"]["neighbors"].array.first {
                        $0["nextHop"].string == "via \(hop) dev eth0"
                    }?["state"].string
                }
                try eventually("the neighbour is known") {
                    ["reachable", "stale", "delay"].contains(try state() ?? "")
                }
                try space.require("ip", "neighbour", "replace", hop, "dev", "eth0", "nud", "failed")
                try eventually("and does not answer", last: { (try? node.ctl("fib").output) ?? "" }) {
                    try node.ctl("fib").output.contains("via \(hop) dev eth0 does not answer on its link")
                }
                #expect(node.lines.contains { $0.contains("a next hop does not answer on its link") })
                try space.require(
                    "ip", "neighbour", "replace", hop, "dev", "eth0", "lladdr", "02:00:00:00:00:01", "nud", "stale")
                try eventually("it is known again") { try state() != "failed" }
                let metrics = try node.ctl("metrics").output
                #expect(metrics.contains("martlet_nexthop_neighbors_failed 0\n"))
                let setting = try space.require("cat", "/proc/sys/net/ipv4/fib_multipath_use_neigh")
                #expect(setting.hasPrefix("1"))
            }
        }

        /// A ToR with two sessions to the node tells one what it heard by the other. By its AS path, by ORIGINATOR_ID,
        /// and where the router hides both, by the prefix itself.
        @Test(arguments: ["external", "reflected", "as-override"])
        func `R56: our own prefix that comes back never takes the place of ours`(kind: String) throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                let asn = kind == "reflected" ? Rack.nodeASN(0) : Rack.torASN(0)
                var configuration = rack.routerConfiguration(asn: asn)
                configuration.networks = [Self.pods]
                configuration.neighbors.append(
                    Neighbor(name: "node-a-6", address: link.nodeIPv6, asn: Rack.nodeASN(0)))
                let addresses = configuration.neighbors.map(\.address)
                let option = ["reflected": "route-reflector-client", "as-override": "as-override"][kind]
                let lines = addresses.flatMap { address in
                    ["  neighbor \(address) activate"] + (option.map { ["  neighbor \(address) \($0)"] } ?? [])
                }
                configuration.extra =
                    (["router bgp \(asn)", " address-family ipv4 unicast"] + lines).joined(separator: "\n")
                let tor = try rack.startRouter(.frr, configuration)
                let node = try rack.startMartlet(0) { configuration in
                    configuration.peers[0].asn = asn
                    configuration.peers.append(MartletPeer(name: "tor-6", address: link.routerIPv6, asn: asn))
                }
                for address in addresses { try tor.waitEstablished(address) }
                let own = Rack.podCIDRs(0)[0]
                try node.namespace.waitPrefixes(Set(Rack.podCIDRs(0) + [Self.pods]), protocolID: 179)
                let routes = try node.namespace.require("ip", "route", "show", own)
                #expect(routes.hasPrefix("unreachable \(own)"), "\(routes)")
                // What came back, if the router sends it at all, is refused.
                if kind != "external" {
                    try eventually("it came back", last: { (try? node.ctl("routes", "--rejected").output) ?? "" }) {
                        try node.rejected()[own] != nil
                    }
                }
                #expect(try node.ctl("fib", "verify").succeeded)
            }
        }
    }
}
