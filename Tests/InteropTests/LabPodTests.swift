import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// Pods of the lab on foreign software only: the reference plugins on BIRD nodes under an FRR router.
    @Suite(.serialized)
    struct LabPodTests {
        private func referenceNetwork(_ rack: Rack, _ node: Int) throws -> PodNetwork {
            _ = try requireProgram("/usr/lib/cni/ptp", package: "containernetworking-plugins")
            let ranges = Rack.podCIDRs(node).map { JSONValue.array([["subnet": .string($0)]]) }
            return PodNetwork(
                node: rack.nodes[node],
                conflist: [
                    "cniVersion": "1.0.0", "name": "reference",
                    "plugins": [
                        [
                            "type": "ptp", "mtu": 1500,
                            "ipam": [
                                "type": "host-local", "dataDir": .string(rack.directory("ipam-\(node)")),
                                "ranges": .array(ranges),
                                "routes": [["dst": "0.0.0.0/0"], ["dst": "::/0"]],
                            ],
                        ]
                    ],
                ], path: ["/usr/lib/cni"])
        }

        private func startBIRD(_ rack: Rack, _ node: Int) throws -> BIRDRouter {
            let link = rack.link(node: node)
            let tor = Neighbor(name: "tor", address: link.routerIPv4, asn: Rack.torASN(0))
            var own = RouterConfiguration(asn: Rack.nodeASN(node), routerID: link.nodeIPv4, neighbors: [tor])
            own.networks = Rack.podCIDRs(node)
            return try BIRDRouter(own, in: rack.nodes[node], directory: rack.directory("bird-\(node)"))
        }

        @Test func `pods of the reference plugins reach each other, and a stream sees when they do not`() throws {
            try Rack.use { rack in
                let tor = try rack.startRouter(.frr)
                let birds = try rack.nodes.indices.map { try startBIRD(rack, $0) }
                for node in rack.nodes.indices { try tor.waitEstablished(rack.link(node: node).nodeIPv4) }
                for (node, bird) in birds.enumerated() {
                    try bird.waitAccepted(Set(Rack.podCIDRs(1 - node)), from: rack.link(node: node).routerIPv4)
                }
                try rack.nodes[0].waitPrefixes(Set(Rack.podCIDRs(1)), protocolID: 12)
                let networks = try rack.nodes.indices.map { try referenceNetwork(rack, $0) }
                let first = try Pod("pod-a1", in: rack.name, on: networks[0])
                let second = try Pod("pod-a2", in: rack.name, on: networks[0])
                let third = try Pod("pod-b1", in: rack.name, on: networks[1])
                let mesh = Mesh([(first, 0), (second, 0), (third, 1)])
                #expect(try mesh.probe().compactMap(\.fault).isEmpty)

                let stream = try ProbeStream(from: first.namespace, to: try third.address(.ipv4))
                try stream.advance(by: 200)
                try rack.setLink(node: 1, up: false)
                try stream.advance(by: 100)
                let report = stream.stop()
                #expect(report.answered >= 190)
                #expect(report.lost >= 90)

                let gone = try second.address(.ipv4)
                try second.delete()
                let outcome = try Probe(from: first.namespace).udp(gone)
                #expect(outcome.echo == nil, "\(outcome)")
            }
        }
    }
}
