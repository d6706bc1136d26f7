import Foundation
import Lab
import NetTypes
import TestKit

extension Demo {
    /// Starts the router and the agents; sessions as both sides see them.
    func showSessions() throws {
        screen.heading("Sessions: what our side says, and what \(topName) says")
        screen.doing("starting \(topName) in tor, martletd in node-a and node-b")
        top = try startTop()
        agents = try rack.nodes.indices.map { try rack.martlet($0) }
        for agent in agents { try agent.start() }
        guard let top else { return }
        screen.doing("waiting for both sessions, on both sides")
        for (node, agent) in agents.enumerated() {
            try agent.waitEstablished(rack.link(node: node).routerIPv4)
            try top.waitEstablished(rack.link(node: node).nodeIPv4)
            try top.waitAccepted(Set(Rack.podCIDRs(node)), from: rack.link(node: node).nodeIPv4)
            try agent.namespace.waitPrefixes(everyPodCIDR, protocolID: 179)
        }
        for agent in agents {
            screen.transcript("[\(agent.namespace.role)] martletctl sessions", try agent.ctl("sessions").output)
        }
        try showTopSessions()
        if let agent = agents.first {
            screen.transcript(
                "[\(agent.namespace.role)] martletctl routes --rejected", try agent.ctl("routes", "--rejected").output)
        }
        for (node, agent) in agents.enumerated() {
            let link = rack.link(node: node)
            let both =
                try agent.state(of: link.routerIPv4) == "Established" && top.state(of: link.nodeIPv4) == "Established"
            screen.check(both, "\(agent.namespace.role): established on both sides, one session for IPv4 and IPv6")
            let accepted = try top.accepted(from: link.nodeIPv4)
            screen.check(
                accepted == Set(Rack.podCIDRs(node)),
                "\(agent.namespace.role) announces \(accepted.sorted().joined(separator: " and ")), and nothing else")
        }
    }

    private func startTop() throws -> any Speaker {
        switch options.top {
        case .frr: return try rack.startRouter(.frr)
        case .bird: return try rack.startRouter(.bird)
        case .martletd:
            var peers: [MartletPeer] = []
            for node in rack.nodes.indices {
                var peer = MartletPeer(
                    name: Rack.nodeName(node), address: rack.link(node: node).nodeIPv4, asn: Rack.nodeASN(node))
                peer.exports = "all"
                peers.append(peer)
            }
            let own = MartletConfiguration(
                name: "tor", asn: Rack.torASN(0), routerID: rack.link(node: 0).routerIPv4, podCIDRs: [], peers: peers)
            let router = try MartletNode(own, in: rack.tors[0], directory: rack.directory("tor"))
            try router.start()
            return router
        }
    }

    private func showTopSessions() throws {
        switch top {
        case let frr as FRRRouter:
            screen.transcript(
                "[tor] vtysh -c \"show bgp ipv4 unicast summary\"",
                Self.rows(try frr.vtysh("show bgp ipv4 unicast summary"), "192.0.2.", "Neighbor"))
            screen.transcript(
                "[tor] vtysh -c \"show bgp ipv6 unicast summary\"",
                Self.rows(try frr.vtysh("show bgp ipv6 unicast summary"), "192.0.2.", "Neighbor"))
        case let bird as BIRDRouter:
            screen.transcript("[tor] birdc show protocols", Self.rows(try bird.birdc("show protocols"), "node", "Name"))
        case let martlet as MartletNode:
            screen.transcript("[tor] martletctl sessions", try martlet.ctl("sessions").output)
        default: break
        }
    }

    /// Lines that begin with one of the words.
    private static func rows(_ text: String, _ words: String...) -> String {
        text.split(separator: "\n").filter { line in words.contains { line.hasPrefix($0) } }.joined(separator: "\n")
    }

    /// Three pods per node, plugged as a runtime would.
    func plugPods() throws {
        screen.heading("Pods, plugged by the CNI plugin as a container runtime calls it")
        var rows: [[String]] = []
        for (node, agent) in agents.enumerated() {
            let network = try agent.podNetwork()
            let letter = Rack.nodeName(node).suffix(1)
            for number in 1...Self.podsPerNode {
                let pod = try Pod("pod-\(letter)\(number)", in: rack.name, on: network)
                pods.append((pod, node))
                rows.append(
                    [
                        pod.name, agent.namespace.role, try pod.address(.ipv4).description,
                        try pod.address(.ipv6).description,
                        pod.result["interfaces"].array.compactMap { $0["name"].string }.first { $0.hasPrefix("mlt") }
                            ?? "",
                        "\(Int(pod.addSeconds * 1000)) ms",
                    ])
            }
        }
        screen.table(["pod", "node", "IPv4", "IPv6", "host link", "ADD"], rows)
        for (node, agent) in agents.enumerated() {
            let cidrs = Rack.podCIDRs(node).compactMap { Prefix($0) }
            let own = pods.filter { $0.node == node }
            let inside = own.allSatisfy { entry in
                entry.pod.addresses.count == 2
                    && entry.pod.addresses.allSatisfy { address in cidrs.contains { $0.contains(address) } }
            }
            let different = Set(own.flatMap(\.pod.addresses)).count == own.count * 2
            screen.check(
                inside && different,
                "\(own.count) pods on \(agent.namespace.role), each with its own addresses out of the podCIDRs")
        }
        try pods.first?.pod.check()
        screen.check(true, "CHECK of the plugin agrees")
    }

    /// The kernels' tables.
    func showRoutes() throws {
        screen.heading("Routes in each kernel")
        for namespace in rack.tors + rack.nodes {
            let routes = try namespace.routes().filter { $0.protocolID != 2 }
            screen.transcript(
                "[\(namespace.role)] ip route; ip -6 route",
                routes.map { route in
                    let kind = route.kind == "unicast" ? "" : "\(route.kind) "
                    return (kind + route.prefix).padding(toLength: 34, withPad: " ", startingAt: 0)
                        + route.hops.joined(separator: ", ").padding(toLength: 42, withPad: " ", startingAt: 0)
                        + " proto \(route.protocolID)"
                }.joined(separator: "\n"))
        }
        screen.line("    proto 179: the agent's, 180: the plugin's (a host route for each pod), 186: FRR's, 12: BIRD's")
        for (node, namespace) in rack.nodes.enumerated() {
            let remote = Rack.podCIDRs(1 - node)
            let learned = try remote.allSatisfy { try namespace.route($0, protocolID: 179)?.hops.count == 1 }
            screen.check(learned, "\(namespace.role) routes \(remote.joined(separator: " and ")) to the ToR")
            let own = try Rack.podCIDRs(node).allSatisfy {
                try namespace.route($0, protocolID: 179)?.kind == "unreachable"
            }
            screen.check(own, "\(namespace.role) answers for its unassigned addresses: unreachable, no loop to the ToR")
        }
        let reached = try everyPodCIDR.allSatisfy { try rack.tors[0].route($0)?.hops.count == 1 }
        screen.check(reached, "the ToR routes every podCIDR to its node")
    }

    var everyPodCIDR: Set<String> { Set(Rack.podCIDRs(0) + Rack.podCIDRs(1)) }
}
