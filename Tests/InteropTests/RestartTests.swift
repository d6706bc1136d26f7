import Lab
import TestKit
import Testing

extension Interop {
    /// The agent dies and comes back: nothing stale may stay. That nothing is lost is shown by RestartDrillTests.
    @Suite(.serialized)
    struct RestartTests {
        @Test func `R1: a prefix that vanished while the agent was away is swept after End-of-RIB`() throws {
            try Rack.use(nodes: 1) { rack in
                let space = rack.nodes[0]
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4, remote6, "10.244.10.0/24"]
                let tor = try rack.startRouter(.frr, configuration)
                let node = try rack.startMartlet(0)
                let all = Set(Rack.podCIDRs(0) + configuration.networks)
                try space.waitPrefixes(all, protocolID: 179)
                node.kill()
                try tor.withdraw(remote4)
                #expect(try space.prefixes(protocolID: 179) == all)
                try node.start()
                try space.waitPrefixes(all.subtracting([remote4]), protocolID: 179)
            }
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `R1: what a node passes on stays with its neighbours until the node has it again`(kind: RouterKind) throws
        {
            try Rack.use(tors: 2, nodes: 1) { rack in
                let tor = try rack.startRouter(kind)
                var configuration = rack.routerConfiguration(tor: 1)
                configuration.networks = [remote4, remote6]
                let other = try rack.startRouter(.frr, tor: 1, configuration)
                let node = try rack.startMartlet(0) {
                    for index in $0.peers.indices { $0.peers[index].exports = "all" }
                }
                let address = rack.link(node: 0).nodeIPv4
                let all = Set(Rack.podCIDRs(0) + configuration.networks)
                try tor.waitAccepted(all, from: address, within: 30)
                node.kill()
                try other.crash()
                try node.start()
                try eventually("the session is up again", last: { node.logTail }) {
                    try node.state(of: rack.link(node: 0).routerIPv4) == "Established"
                }
                // Taken for a whole table, our own prefixes would be the end of the others.
                var seen: [Set<String>] = []
                let stays = try always(for: 4) {
                    let now = try tor.accepted(from: address)
                    if seen.last != now { seen.append(now) }
                    return now == all
                }
                #expect(stays, "\(seen)")
                try other.recover()
                try eventually("every table is told", last: { node.logTail }) {
                    try node.ctl("ready").status == 0
                }
                let remains = try always(for: 4) { try tor.accepted(from: address) == all }
                #expect(remains)
            }
        }

        @Test func `R1: what callers of a range told stays until they have had the time to call again`() throws {
            try Rack.use(nodes: 1) { rack in
                let space = rack.nodes[0]
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4, remote6]
                let tor = try rack.startRouter(.frr, configuration)
                let node = try rack.startMartlet(0) {
                    $0.deferralTime = 10
                    $0.peers[0].location = "range: \($0.peers[0].address)/32"
                    $0.peers[0].passive = true
                }
                let own = Set(Rack.podCIDRs(0))
                let all = own.union(configuration.networks)
                try space.waitPrefixes(all, protocolID: 179, within: 30)
                node.kill()
                try tor.crash()
                try node.start()
                let stays = try always(for: 5) { try space.prefixes(protocolID: 179) == all }
                #expect(stays)
                try space.waitPrefixes(own, protocolID: 179, within: 20)
            }
        }

        @Test func `R4: a peer that stays away delays the sweep no longer than the deferral time`() throws {
            try Rack.use(tors: 2, nodes: 1) { rack in
                let space = rack.nodes[0]
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4, "10.244.10.0/24"]
                let tor = try rack.startRouter(.frr, configuration)
                // The second router of the configuration never runs.
                let node = try rack.startMartlet(0) { $0.deferralTime = 5 }
                let all = Set(Rack.podCIDRs(0) + configuration.networks)
                try space.waitPrefixes(all, protocolID: 179)
                node.kill()
                try tor.withdraw(remote4)
                try node.start()
                // What the router that is there says counts at once; its own prefix is announced without waiting, too.
                try tor.announce("10.244.11.0/24")
                try eventually("a new route comes before the sweep", within: 5) {
                    try space.route("10.244.11.0/24") != nil
                }
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: rack.link(node: 0).nodeIPv4, within: 5)
                try space.waitPrefixes(
                    all.subtracting([remote4]).union(["10.244.11.0/24"]), protocolID: 179, within: 20)
            }
        }
    }
}
