import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// A router that announces what no router should: by mistake, or not.
    @Suite(.serialized)
    struct HostileTests {
        /// Each with what a reader of the reason must find in it.
        static let announcements = [
            "0.0.0.0/0": "default route",
            "10.96.0.0/12": "service CIDR",
            "10.244.2.7/32": "pod of another node",
            "10.244.1.128/25": "half of our podCIDR",
            "10.244.1.0/24": "our podCIDR",
            "10.244.1.5/32": "address of our pod",
            "169.254.1.1/32": "gateway of our pods",
            "192.0.2.1/32": "our own address",
            "127.0.0.0/8": "loopback",
            "192.0.2.0/31": "subnet of our link",
            "10.244.0.0/16": "covers our podCIDR",
            "::/0": "default route",
            "fd00:10:244:1::/64": "our podCIDR",
            "fd00:10:244:1:8000::/65": "half of our podCIDR",
            "fd00:10:244:1::5/128": "address of our pod",
            "fd00:10:244:2::7/128": "pod of another node",
            "fd00:10:96::/108": "service CIDR",
            "2001:db8::/32": "not of the cluster",
        ]

        @Test func `R13: no hostile announcement reaches the kernel, and each rejection has its reason`() throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                let space = rack.nodes[0]
                let hostile = Set(Self.announcements.keys)
                var configuration = rack.routerConfiguration()
                configuration.networks = hostile.sorted() + [remote4, remote6]
                let tor = try FRRRouter(configuration, in: rack.tors[0], directory: rack.directory("tor"))
                let before = try space.routes()
                let node = try rack.startMartlet(0)
                try tor.waitEstablished(link.nodeIPv4)
                // They did leave the router: else this test would prove nothing.
                try eventually("FRR announces all of them", last: { "\((try? advertised(tor, link.nodeIPv4)) ?? [])" })
                {
                    try advertised(tor, link.nodeIPv4).isSuperset(of: hostile)
                }
                let allowed = Set(Rack.podCIDRs(0) + [remote4, remote6])
                try space.waitPrefixes(allowed, protocolID: 179)
                try eventually("all hostile paths are listed as rejected", last: { missing(hostile, node) }) {
                    try hostile.isSubset(of: Set(node.rejected().keys))
                }
                let reasons = try node.rejected()
                for prefix in hostile.sorted() {
                    let reason = reasons[prefix] ?? ""
                    #expect(
                        reason.split(separator: " ").count >= 2,
                        "\(prefix) (\(Self.announcements[prefix] ?? "")): '\(reason)'")
                }
                #expect(reasons[remote4] == nil && reasons[remote6] == nil)
                // And nothing of it was there for a moment and left a trace: all but our own routes are as before.
                #expect(try Set(space.routes().filter { $0.protocolID != 179 }) == Set(before))
                #expect(try space.prefixes(protocolID: 179) == allowed)
            }
        }

        @Test func `an announcement with our own AS in its path is rejected`() throws {
            try Rack.use(nodes: 1) { rack in
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4, "10.244.10.0/24"]
                configuration.extra = """
                    ip prefix-list LOOP permit \(remote4)
                    route-map OUT permit 10
                     match ip address prefix-list LOOP
                     set as-path prepend \(Rack.nodeASN(0))
                    route-map OUT permit 20
                    router bgp \(Rack.torASN(0))
                     address-family ipv4 unicast
                      neighbor \(rack.link(node: 0).nodeIPv4) route-map OUT out
                    """
                _ = try rack.startRouter(.frr, configuration)
                let node = try rack.startMartlet(0)
                try rack.nodes[0].waitPrefixes(Set(Rack.podCIDRs(0) + ["10.244.10.0/24"]), protocolID: 179)
                #expect(try node.rejected()[remote4]?.isEmpty == false)
            }
        }

        private func advertised(_ tor: FRRRouter, _ neighbor: String) throws -> Set<String> {
            try ["ipv4", "ipv6"].reduce(into: []) { all, family in
                let answer = try tor.show("bgp \(family) unicast neighbors \(neighbor) advertised-routes")
                all.formUnion(answer["advertisedRoutes"].object.keys)
            }
        }

        private func missing(_ hostile: Set<String>, _ node: MartletNode) -> String {
            guard let found = try? Set(node.rejected().keys) else { return "martletctl does not answer" }
            return "missing: \(hostile.subtracting(found).sorted())"
        }
    }
}
