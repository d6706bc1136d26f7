import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// A route server (RFC 7947) at an exchange point, with clients of other makes and of ours: routes by the server,
    /// packets from client to client.
    @Suite(.serialized)
    struct RouteServerTests {
        private static let (server, frr, bird, node) = (0, 1, 2, 3)
        private static let prefixes = [
            frr: ["10.244.71.0/24", "fd00:10:244:71::/64"], bird: ["10.244.72.0/24", "fd00:10:244:72::/64"],
            node: ["10.244.73.0/24", "fd00:10:244:73::/64"],
        ]

        private static func number(_ member: Int) -> UInt32 { 65010 + UInt32(member) }

        /// What a client other than ours is told at its start; `extra` is in its own language.
        private static func client(_ member: Int, extra: String = "") -> RouterConfiguration {
            var neighbor = Neighbor(name: "server", address: SharedLink.ipv4(server), asn: 64601)
            neighbor.largeCommunities = ["\(number(member)):1:2"]
            var configuration = RouterConfiguration(
                asn: number(member), routerID: SharedLink.ipv4(member), neighbors: [neighbor],
                networks: prefixes[member] ?? [])
            configuration.extra = extra
            return configuration
        }

        private static func startServer(_ link: SharedLink) throws -> MartletNode {
            let peers = [frr, bird, node].map { member in
                var peer = MartletPeer(
                    name: link.members[member].role, address: SharedLink.ipv4(member), asn: number(member))
                (peer.imports, peer.exports) = ("all", "all")
                peer.options = ["routeServerClient: true"]
                return peer
            }
            var configuration = MartletConfiguration(
                name: "server", asn: 64601, routerID: SharedLink.ipv4(server), podCIDRs: [], peers: peers)
            configuration.extra = "fib: {enabled: false}"
            let agent = try MartletNode(
                configuration, in: link.members[server], directory: link.directory("server"))
            try agent.start()
            return agent
        }

        private static func startNode(_ link: SharedLink) throws -> MartletNode {
            var peer = MartletPeer(name: "server", address: SharedLink.ipv4(server), asn: 64601)
            peer.options = ["role: routeServerClient"]
            let agent = try MartletNode(
                MartletConfiguration(
                    name: "node", asn: number(node), routerID: SharedLink.ipv4(node), podCIDRs: prefixes[node] ?? [],
                    peers: [peer]),
                in: link.members[node], directory: link.directory("node"))
            try agent.start()
            return agent
        }

        /// Gateway of a prefix in a member's kernel; an IPv6 route by a nexthop group has a list, even of one.
        private static func gateway(_ prefix: String, _ member: Namespace) throws -> String? {
            let routes = try member.ip(prefix.contains(":") ? "-6" : "-4", "route", "show", prefix).array
            return routes.first.flatMap { $0["gateway"].string ?? $0["nexthops"].array.first?["gateway"].string }
        }

        @Test func `is in nobody's path, and nobody's packets come by it`() throws {
            try SharedLink.use(["server", "frr", "bird", "node"]) { link in
                let server = try Self.startServer(link)
                let frr = try FRRRouter(
                    Self.client(Self.frr, extra: "router bgp \(Self.number(Self.frr))\n no bgp enforce-first-as"),
                    in: link.members[Self.frr], directory: link.directory("frr"))
                let bird = try BIRDRouter(
                    Self.client(Self.bird), in: link.members[Self.bird], directory: link.directory("bird"))
                let node = try Self.startNode(link)
                let address = SharedLink.ipv4(Self.server)
                let log = { server.logTail + frr.logTail + bird.logTail + node.logTail }
                for (member, router) in [(Self.frr, frr as any Router), (Self.bird, bird)] {
                    for (source, prefixes) in Self.prefixes where source != member {
                        for prefix in prefixes {
                            try eventually("\(router.kind) has \(prefix) without the server's AS", last: log) {
                                try router.paths(of: prefix, from: address) == ["\(Self.number(source))"]
                            }
                        }
                    }
                }
                for (source, prefixes) in Self.prefixes {
                    for member in [Self.frr, Self.bird, Self.node] where member != source {
                        for prefix in prefixes {
                            let hops = [SharedLink.ipv4(source), SharedLink.ipv6(source)]
                            let what = "\(link.members[member].role) sends \(prefix) to its source"
                            let why = { ((try? node.ctl("explain", prefix).output) ?? "") + log() }
                            try eventually(what, last: why) {
                                try Self.gateway(prefix, link.members[member]).map(hops.contains) == true
                            }
                        }
                    }
                }
                let mark = "\(Self.number(Self.bird)):1:2"
                #expect(try frr.largeCommunities(of: "10.244.72.0/24", from: address) == [mark])
                #expect(try server.ctl("session", "frr").output.contains("of this route server"))
                #expect(try Self.gateway("10.244.72.0/24", link.members[Self.server]) == nil)
                try bird.withdraw("10.244.72.0/24")
                try eventually("what a client withdraws is gone", last: log) {
                    try frr.paths(of: "10.244.72.0/24", from: address).isEmpty
                        && Self.gateway("10.244.72.0/24", link.members[Self.node]) == nil
                }
            }
        }
    }
}
