import Lab
import NetTypes
import TestKit
import Testing

/// Prefixes that another rack would announce: inside the cluster's, of allowed lengths.
let remote4 = "10.244.9.0/24"
let remote6 = "fd00:10:244:9::/64"

extension Interop {
    /// One session with every make of router: asserted from its CLI and from ours.
    @Suite(.serialized)
    struct SessionTests {
        @Test(arguments: RouterKind.allCases)
        func `one external session carries both families both ways`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4, remote6]
                try exchange(rack, try rack.startRouter(kind, configuration), try rack.startMartlet(0))
            }
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `one internal session carries both families both ways`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                var configuration = rack.routerConfiguration(asn: Rack.nodeASN(0))
                configuration.networks = [remote4, remote6]
                configuration.reflects = true
                let node = try rack.startMartlet(0) { $0.peers[0].asn = Rack.nodeASN(0) }
                try exchange(rack, try rack.startRouter(kind, configuration), node)
                #expect(try node.session(rack.link(node: 0).routerIPv4)["external"] == false)
            }
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `a session over IPv6 carries both families both ways`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                var configuration = rack.routerConfiguration()
                configuration.neighbors[0].address = link.nodeIPv6
                configuration.networks = [remote4, remote6]
                let tor = try rack.startRouter(kind, configuration)
                let node = try rack.startMartlet(0) { $0.peers[0].address = link.routerIPv6 }
                try tor.waitEstablished(link.nodeIPv6)
                try node.waitEstablished(link.routerIPv6)
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: link.nodeIPv6)
                try node.namespace.waitPrefixes(Set(Rack.podCIDRs(0) + [remote4, remote6]), protocolID: 179)
                let route = try node.namespace.route(remote4, protocolID: 179)
                #expect(route?.hops == ["via \(link.routerIPv4) dev \(link.nodeInterface)"])
            }
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `the session comes up when only we connect`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let tor = try rack.startRouter(kind, rack.routerConfiguration(passive: true))
                let node = try rack.startMartlet(0)
                try tor.waitEstablished(rack.link(node: 0).nodeIPv4)
                try node.waitEstablished(rack.link(node: 0).routerIPv4)
            }
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `the session comes up when only they connect`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let node = try rack.startMartlet(0) { $0.peers[0].passive = true }
                let tor = try rack.startRouter(kind)
                try tor.waitEstablished(rack.link(node: 0).nodeIPv4)
                try node.waitEstablished(rack.link(node: 0).routerIPv4)
            }
        }

        /// Established on both sides, podCIDRs and nothing else out, the router's prefixes in and in the kernel, and
        /// gone when withdrawn.
        private func exchange(_ rack: Rack, _ tor: any Router, _ node: MartletNode) throws {
            let link = rack.link(node: 0)
            let own = Set(Rack.podCIDRs(0))
            try tor.waitEstablished(link.nodeIPv4)
            try node.waitEstablished(link.routerIPv4)
            try tor.waitAccepted(own, from: link.nodeIPv4)
            try node.waitAccepted([remote4, remote6], from: link.routerIPv4)
            #expect(try node.advertised(to: link.routerIPv4) == own)

            try node.namespace.waitPrefixes(own.union([remote4, remote6]), protocolID: 179)
            for prefix in own { #expect(try node.namespace.route(prefix, protocolID: 179)?.kind == "unreachable") }
            let route = try node.namespace.route(remote4, protocolID: 179)
            #expect(route?.hops == ["via \(link.routerIPv4) dev \(link.nodeInterface)"])
            let route6 = try node.namespace.route(remote6, protocolID: 179)
            #expect(route6?.hops.count == 1)
            #expect(route6?.hops.first?.hasSuffix("dev \(link.nodeInterface)") == true)

            try tor.withdraw(remote4)
            try node.namespace.waitPrefixes(own.union([remote6]), protocolID: 179)
            try tor.withdraw(remote6)
            try node.namespace.waitPrefixes(own, protocolID: 179)
            // Nothing but our podCIDRs was ever announced, also after all that.
            #expect(try tor.accepted(from: link.nodeIPv4) == own)
        }
    }
}
