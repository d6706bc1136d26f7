import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// What our agent does, and does not do, with the kernel's routes.
    @Suite(.serialized)
    struct KernelTests {
        @Test func `routes of two routers become one with two next hops, and one when a router dies`() throws {
            try Rack.use(tors: 2, nodes: 1) { rack in
                var tors: [any Router] = []
                for (number, kind) in [RouterKind.frr, .bird].enumerated() {
                    var configuration = rack.routerConfiguration(tor: number)
                    configuration.networks = [remote4, remote6]
                    tors.append(try rack.startRouter(kind, tor: number, configuration))
                }
                let node = try rack.startMartlet(0)
                for (number, tor) in tors.enumerated() {
                    try tor.waitEstablished(rack.link(tor: number, node: 0).nodeIPv4)
                }
                for prefix in [remote4, remote6] {
                    try eventually("\(prefix) has two next hops", last: { describe(node, prefix) }) {
                        try node.namespace.route(prefix, protocolID: 179)?.hops.count == 2
                    }
                }
                let hops = (0...1).map { "via \(rack.link(tor: $0, node: 0).routerIPv4) dev eth\($0)" }
                #expect(try node.namespace.route(remote4, protocolID: 179)?.hops == hops)

                // A daemon that goes by SIGTERM says so: the path goes at once, with no packet for the dead router.
                tors[1].stop()
                for prefix in [remote4, remote6] {
                    try eventually("\(prefix) has one next hop", last: { describe(node, prefix) }) {
                        let left = try node.namespace.route(prefix, protocolID: 179)?.hops ?? []
                        return left.count == 1 && left[0].hasSuffix("dev eth0")
                    }
                }
            }
        }

        @Test func `R61: routes of others stay, and ours come back when somebody deletes them`() throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                let space = rack.nodes[0]
                let foreign = ["10.250.0.0/24": 4, "10.251.0.0/24": 186, "10.244.200.0/24": 180]
                for (prefix, protocolID) in foreign {
                    try space.require("ip", "route", "add", prefix, "via", link.routerIPv4, "proto", "\(protocolID)")
                }
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4, remote6]
                let tor = try rack.startRouter(.frr, configuration)
                let node = try rack.startMartlet(0)
                let all = Set(Rack.podCIDRs(0) + [remote4, remote6])
                try space.waitPrefixes(all, protocolID: 179)

                try space.require("ip", "route", "delete", remote4, "proto", "179")
                try space.waitPrefixes(all, protocolID: 179)
                try space.require("ip", "-6", "route", "delete", remote6, "proto", "179")
                try space.require("ip", "route", "delete", Rack.podCIDRs(0)[0], "proto", "179")
                try space.waitPrefixes(all, protocolID: 179)
                // The link went and came back: the kernel flushed all routes over it.
                try rack.setLink(node: 0, up: false)
                try rack.setLink(node: 0, up: true)
                try space.waitPrefixes(all, protocolID: 179, within: 40)

                try tor.withdraw(remote4)
                try space.waitPrefixes(all.subtracting([remote4]), protocolID: 179)
                node.stop()
                try space.require("ip", "route", "replace", "10.250.0.0/24", "via", link.routerIPv4, "proto", "4")
                try node.start()
                try space.waitPrefixes(all.subtracting([remote4]), protocolID: 179)
                #expect(try space.route("10.250.0.0/24")?.protocolID == 4)
            }
        }

        @Test func `R62: a foreign route of the same prefix is neither replaced nor removed`() throws {
            try Rack.use(nodes: 1) { rack in
                let space = rack.nodes[0]
                try space.require("ip", "route", "add", remote4, "dev", "lo", "proto", "4", "metric", "5")
                let tor = try rack.startRouter(.frr)
                try tor.announce(remote4)
                try tor.announce("10.244.10.0/24")
                _ = try rack.startMartlet(0)
                let own = Set(Rack.podCIDRs(0))
                try space.waitPrefixes(own.union([remote4, "10.244.10.0/24"]), protocolID: 179)
                #expect(try space.route(remote4, protocolID: 4) != nil)
                try tor.withdraw(remote4)
                try space.waitPrefixes(own.union(["10.244.10.0/24"]), protocolID: 179)
                #expect(try space.route(remote4, protocolID: 4) != nil)
            }
        }

        private func describe(_ node: MartletNode, _ prefix: String) -> String {
            let route = (try? node.namespace.route(prefix))?.map(\.description) ?? "no route"
            return "\(route); \((try? node.json("routes").text) ?? "")"
        }
    }
}
