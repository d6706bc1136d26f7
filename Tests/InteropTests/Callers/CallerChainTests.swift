import Foundation
import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// Host ports and bandwidth as real callers ask for them: by other plugins behind ours, and by ours alone.
    @Suite(.serialized)
    struct CallerChainTests {
        /// The plugins of Debian's containernetworking-plugins that stand behind a main plugin.
        private static let chained: [JSONValue] = [
            ["type": "portmap", "capabilities": ["portMappings": true]],
            ["type": "bandwidth", "capabilities": ["bandwidth": true]],
            ["type": "tuning", "sysctl": ["net.ipv4.conf.IFNAME.arp_filter": "1"]],
            ["type": "firewall"],
        ]

        /// Asks a port of the node from outside, over both families.
        private func expectHostPort(_ port: UInt16, of pod: RuntimePod, _ rack: Rack) throws {
            var probe = Probe(from: rack.tors[0])
            probe.port = port
            let link = rack.link(node: 0)
            for (node, router) in [(link.nodeIPv4, link.routerIPv4), (link.nodeIPv6, link.routerIPv6)] {
                let outcome = try probe.tcp(try #require(IPAddress(node)))
                #expect(outcome.echo?.seenSource?.description == router, "\(pod.name) at \(node): \(outcome)")
            }
        }

        /// Rates in bit/s of the token buckets of the node.
        private func rates(_ rack: Rack) throws -> Set<Int> {
            let text = try rack.nodes[0].require("tc", "-j", "qdisc", "show")
            let buckets = try JSONValue(parsing: text).array.filter { $0["kind"].string == "tbf" }
            return Set(buckets.compactMap { $0["options"]["rate"].int.map { $0 * 8 } })
        }

        @Test func `portmap, bandwidth, tuning and firewall do their work behind our plugin`() throws {
            try CallerScene.use { machine, rack in
                try machine.setNetwork(CallerScene.list(chained: Self.chained))
                let before = try machine.inventory()
                let (containerd, podman) = (try Containerd(on: machine), try Podman(on: machine))
                var order = PodOrder("web")
                order.ports = [8080: UInt64(EchoServer.port)]
                order.annotations = [
                    "kubernetes.io/ingress-bandwidth": "10M", "kubernetes.io/egress-bandwidth": "20M",
                ]
                let pod = try containerd.runPod(order)
                let other = try podman.run("job", options: ["--publish", "8081:\(EchoServer.port)"])
                #expect(try CallerScene.faults([pod, other], rack) == [])
                try expectHostPort(8080, of: pod, rack)
                try expectHostPort(8081, of: other, rack)
                #expect(try rates(rack) == [10_000_000, 20_000_000])
                for pod in [pod, other] {
                    let setting = try pod.namespace.run(["cat", "/proc/sys/net/ipv4/conf/eth0/arp_filter"]).output
                    #expect(setting == "1\n", "\(pod.name)")
                    try CallerScene.removeCompletely(pod)
                }
                #expect(try rates(rack) == [])
                #expect(try machine.inventory().symmetricDifference(before) == [])
            }
        }

        /// Bits a second of a stream to and from a pod.
        private func expectLimits(
            of pod: RuntimePod, _ rack: Rack, ingress: ClosedRange<Double>, egress: ClosedRange<Double>
        ) throws {
            let node = rack.nodes[0]
            let into = try Stream.rate(from: node, to: pod.namespace, at: pod.address(.ipv4), octets: 5_000_000)
            #expect(ingress.contains(into))
            let own = try #require(IPAddress(rack.link(node: 0).nodeIPv6))
            let out = try Stream.rate(from: pod.namespace, to: node, at: own, octets: 10_000_000)
            #expect(egress.contains(out))
        }

        @Test func `the list that we ship does host ports and bandwidth with no other plugin`() throws {
            try CallerScene.use { machine, rack in
                _ = try CallerScene.ship(to: machine)
                let before = try machine.inventory()
                let (containerd, podman) = (try Containerd(on: machine), try Podman(on: machine))
                var order = PodOrder("web")
                order.ports = [8080: UInt64(EchoServer.port)]
                order.annotations = [
                    "kubernetes.io/ingress-bandwidth": "20M", "kubernetes.io/egress-bandwidth": "40M",
                ]
                let pod = try containerd.runPod(order)
                let other = try podman.run("job", options: ["--publish", "8081:\(EchoServer.port)"])
                #expect(try CallerScene.faults([pod, other], rack) == [])
                try expectHostPort(8080, of: pod, rack)
                try expectHostPort(8081, of: other, rack)
                // A machine under load may be slower than a limit, never faster but for the burst.
                try expectLimits(of: pod, rack, ingress: 1e6...23e6, egress: 1e6...46e6)
                for pod in [pod, other] { try CallerScene.removeCompletely(pod) }
                #expect(try machine.inventory().symmetricDifference(before) == [])
            }
        }
    }
}
