import Lab
import TestKit
import Testing

extension Interop {
    /// What a peer may send, and what it may not.
    @Suite(.serialized)
    struct LimitTests {
        private let prefixes = ["10.244.10.0/24", "10.244.11.0/24", "10.244.12.0/24"]

        @Test(arguments: [RouterKind.frr, .bird])
        func `one prefix too many shuts the session, and fewer bring it back`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                var configuration = rack.routerConfiguration()
                configuration.networks = [prefixes[0], prefixes[1]]
                let tor = try rack.startRouter(kind, configuration)
                // FRR tells us our own podCIDR back: rejected, but received.
                let limit = kind == .frr ? 3 : 2
                let node = try rack.startMartlet(0) {
                    $0.peers[0].options = ["maxPrefixes: {limit: \(limit), restartAfter: 3s}"]
                }
                let address = rack.link(node: 0).routerIPv4
                try rack.nodes[0].waitPrefixes(Set(Rack.podCIDRs(0) + prefixes.prefix(2)), protocolID: 179)
                try tor.announce(prefixes[2])
                try eventually("the limit is in the last error", last: { node.logTail }) {
                    let error = try node.session(address)["lastError"]
                    return error["code"] == 6 && error["subcode"] == 1
                }
                try rack.nodes[0].waitPrefixes(Set(Rack.podCIDRs(0)), protocolID: 179)
                try tor.withdraw(prefixes[2])
                try eventually("the session is back, and its routes", last: { node.logTail }) {
                    try node.session(address)["state"] == "established"
                        && Set(rack.nodes[0].routes(protocolID: 179).map(\.prefix)).isSuperset(of: prefixes.dropLast())
                }
            }
        }

        @Test func `our own AS in a path is taken as often as the peer may repeat it`() throws {
            try Rack.use(nodes: 1) { rack in
                var configuration = rack.routerConfiguration()
                configuration.networks = [prefixes[0], prefixes[1]]
                configuration.extra = """
                    ip prefix-list TWICE permit \(prefixes[1])
                    route-map OUT permit 10
                     match ip address prefix-list TWICE
                     set as-path prepend \(Rack.torASN(0)) \(Rack.nodeASN(0)) \(Rack.nodeASN(0))
                    route-map OUT permit 20
                     set as-path prepend \(Rack.torASN(0)) \(Rack.nodeASN(0))
                    router bgp \(Rack.torASN(0))
                     address-family ipv4 unicast
                      neighbor \(rack.link(node: 0).nodeIPv4) route-map OUT out
                    """
                _ = try rack.startRouter(.frr, configuration)
                let node = try rack.startMartlet(0) { $0.peers[0].options = ["allowOwnAS: 1"] }
                try rack.nodes[0].waitPrefixes(Set(Rack.podCIDRs(0) + [prefixes[0]]), protocolID: 179)
                #expect(try node.rejected()[prefixes[1]]?.contains("AS loop") == true)
            }
        }
    }
}
