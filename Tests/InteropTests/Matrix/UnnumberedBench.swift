import Lab
import TestKit

/// Two nodes under one router, on links that have link-local addresses only.
struct UnnumberedBench {
    static func run(_ kind: RouterKind, _ report: MatrixRun.Reporter) throws {
        try Rack.use(nodes: 2, numbered: false) { rack in
            var configuration = rack.routerConfiguration()
            for index in configuration.neighbors.indices {
                configuration.neighbors[index].address = Rack.nodeName(index)
                configuration.neighbors[index].isUnnumbered = true
            }
            let tor = try rack.startRouter(kind, configuration)
            let nodes = try rack.nodes.indices.map { node in
                try rack.startMartlet(node) { own in
                    own.peers[0].name = "on-eth0"
                    own.peers[0].address = "on-eth0"
                    own.peers[0].location = "interface: eth0"
                    own.peers[0].asnText = "external"
                }
            }
            report.cell(.unnumbered) { try talk(rack, tor, nodes) }
        }
    }

    private static func talk(_ rack: Rack, _ tor: any Router, _ nodes: [MartletNode]) throws {
        let everything = Set(Rack.podCIDRs(0) + Rack.podCIDRs(1))
        for (index, node) in nodes.enumerated() {
            try node.waitEstablished("on-eth0", within: 40)
            try tor.waitEstablished(Rack.nodeName(index))
            try tor.waitAccepted(Set(Rack.podCIDRs(index)), from: Rack.nodeName(index))
            try node.namespace.waitPrefixes(everything, protocolID: 179)
        }
        let pods = try nodes.enumerated().map { index, node in
            (pod: try Pod("pod-\(index)", in: rack.name, on: try node.podNetwork()), node: index)
        }
        let faults = try Mesh(pods).probe().compactMap(\.fault)
        try check(faults.isEmpty, faults.joined(separator: "; "))
    }
}
