import Lab
import TestKit

/// Two routers of one make with our agent between them, which passes everything on: what one sets, the other sees.
struct TransitBench {
    private static let communities: Set<String> = ["65001:1:2", "4200000000:3:4294967295"]

    static func run(_ kind: RouterKind, _ report: MatrixRun.Reporter) throws {
        try Rack.use(tors: 2, nodes: 1) { rack in
            var first = rack.routerConfiguration(tor: 0)
            first.networks = [remote4, remote6]
            first.neighbors[0].largeCommunities = communities.sorted()
            _ = try rack.startRouter(kind, tor: 0, first)
            let second = try rack.startRouter(kind, tor: 1)
            let node = try rack.startMartlet(0) { own in
                own.extra = "fib: {enabled: false}"
                for peer in own.peers.indices { (own.peers[peer].imports, own.peers[peer].exports) = ("all", "all") }
            }
            report.cell(.largeCommunities) { try checkLargeCommunities(rack, node, second) }
        }
    }

    private static func checkLargeCommunities(_ rack: Rack, _ node: MartletNode, _ second: any Router) throws {
        for prefix in [remote4, remote6] {
            func shown() throws -> Set<String> {
                let routes = try node.json("routes", prefix)["routes"].array
                return Set(routes.flatMap { $0["largeCommunities"].array.compactMap(\.string) })
            }
            try eventually("martletctl shows them on \(prefix)", last: { (try? "\(shown())") ?? "" }) {
                try shown() == communities
            }
            let address = rack.link(tor: 1, node: 0).nodeIPv4
            func seen() throws -> Set<String> { try second.largeCommunities(of: prefix, from: address) }
            try eventually("the second \(second.kind) shows them on \(prefix)", last: { (try? "\(seen())") ?? "" }) {
                try seen() == communities
            }
        }
    }
}
