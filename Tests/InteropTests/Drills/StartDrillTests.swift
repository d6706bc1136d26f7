import Foundation
import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// Before, at and after the agent's time on a node: rows R12, R14, R63 and R65 of docs/drills.md.
    @Suite(.serialized)
    struct StartDrillTests {
        @Test func `R14: traffic that comes before the agent, at its start and at its end never goes in circles`()
            throws
        {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                let (space, router) = (rack.nodes[0], rack.tors[0])
                // As the kernel boots: no forwarding. What the node does not know goes to the router, which sends the
                // node's pods to the node.
                try space.set(["ipv4/ip_forward": "0", "ipv6/conf/all/forwarding": "0"])
                try space.require("ip", "route", "add", "default", "via", link.routerIPv4)
                try space.require("ip", "-6", "route", "add", "default", "via", link.routerIPv6)
                try rack.addStaticRoutes()
                let interface = link.routerInterface
                try router.addCounter([
                    "iifname \(interface) ip daddr \(Rack.podCIDRs(0)[0])",
                    "iifname \(interface) ip6 daddr \(Rack.podCIDRs(0)[1])",
                ])
                let targets = try ["10.244.1.77", "fd00:10:244:1::77"].map { try #require(IPAddress($0)) }
                let streams = try targets.map { try ProbeStream(from: router, to: $0, rate: 500) }
                try streams[0].advance(by: 250)
                #expect(try router.counted() == 0, "before the agent")
                let node = try rack.martlet(0)
                try node.start()
                try eventually("the agent forwards") {
                    try space.require("cat", "/proc/sys/net/ipv4/ip_forward").hasPrefix("1")
                }
                try streams[0].advance(by: 250)
                let started = try router.counted()
                #expect(started == 0, "at the start of the agent")
                node.kill()
                try streams[0].advance(by: 250)
                try node.start()
                node.stop()
                try streams[0].advance(by: 250)
                #expect(try router.counted() == started, "without the agent")
                let reports = streams.map { $0.stop() }
                #expect(reports.allSatisfy { $0.sent > 900 && $0.answered == 0 }, "\(reports)")
                // The counter does count: without our routes they do go in circles.
                try space.takeRoutesAway()
                _ = try Probe(from: router).udp(targets[0], attempts: 1, within: 0.2)
                #expect(try router.counted() > 0)
            }
        }

        @Test func `R12 R65: a podCIDR that changes leaves neither route nor announcement behind`() throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                let tor = try rack.startRouter(.frr)
                let node = try rack.startMartlet(0)
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: link.nodeIPv4)
                try node.configure { $0.podCIDRs = ["10.244.7.0/24", "fd00:10:244:7::/64"] }
                node.reload()
                let now: Set = ["10.244.7.0/24", "fd00:10:244:7::/64"]
                try tor.waitAccepted(now, from: link.nodeIPv4)
                try rack.nodes[0].waitPrefixes(now, protocolID: 179)
                try eventually("new pods get addresses of it") {
                    let pod = try Pod("pod-a1", in: rack.name, on: try node.podNetwork())
                    defer { try? pod.delete() }
                    return try pod.address(.ipv4).description.hasPrefix("10.244.7.")
                }
                #expect(try node.state(of: link.routerIPv4) == "Established")
                let ups = "martlet_bgp_session_established_total{peer=\"tor\",peer_as=\"65001\"} 1\n"
                #expect(try node.ctl("metrics").output.contains(ups), "the session stays")
            }
        }

        @Test func `R65: a pod that goes leaves nothing of ours, and what the agent leaves is told by its number`()
            throws
        {
            try Rack.use(nodes: 1) { rack in
                let space = rack.nodes[0]
                let (before, links) = (try space.routes(), try space.linkKinds().map(\.name))
                let tor = try rack.startRouter(.frr)
                try tor.announce(remote4)
                let node = try rack.startMartlet(0)
                try space.waitPrefixes(Set(Rack.podCIDRs(0) + [remote4]), protocolID: 179)
                let network = try node.podNetwork()
                for name in ["pod-a1", "pod-a2"] { try Pod(name, in: rack.name, on: network).delete() }
                try eventually("the pods' links are gone") { try space.linkKinds().map(\.name) == links }
                #expect(try space.prefixes(protocolID: 180) == [])
                node.stop()
                // Routes stay, so that packets flow. The manual page says what takes them away, and the table of rules
                // for sources, which names no pod.
                try space.require("nft", "delete", "table", "inet", "martlet-guard")
                try space.takeRoutesAway()
                #expect(try space.require("ip", "nexthop", "show") == "")
                #expect(try Set(space.routes()) == Set(before))
                #expect(try !space.require("nft", "list", "tables").contains("martlet"))
            }
        }

        @Test func `R63: with port 179 taken the agent says by whom it cannot be called, calls, and listens later`()
            throws
        {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                let space = rack.nodes[0]
                let taken = try AddressFamily.allCases.map { family in
                    try space.listener(Endpoint(IPAddress(leftAligned: 0, family: family), 179))
                }
                let tor = try rack.startRouter(.frr, rack.routerConfiguration(passive: true))
                let node = try rack.startMartlet(0)
                try tor.waitEstablished(link.nodeIPv4)
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: link.nodeIPv4)
                #expect(node.said("cannot listen for BGP") == 1, "\(node.logTail)")
                #expect(node.said("in use") >= 1, "\(node.logTail)")
                for descriptor in taken { close(descriptor) }
                try eventually("it listens when the port is free", within: 30, last: { node.logTail }) {
                    node.said("listening for BGP") == 1
                }
                let listening = try space.require("ss", "-H", "-l", "-n", "-t", "sport", "=", ":179")
                #expect(listening.contains(":179"), "\(listening)")
            }
        }
    }
}
