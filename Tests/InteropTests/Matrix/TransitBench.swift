import Lab
import TestKit

/// Two routers of one make with our agent between them, which passes everything on: what one tells, the other sees.
/// Two more nodes announce the same prefixes to the first router, so that it has two paths to tell.
struct TransitBench {
    static let features: [Feature] = [.largeCommunities, .theirPaths, .ourPaths]

    private static let communities: Set<String> = ["65001:1:2", "4200000000:3:4294967295"]
    private static let shared = ["10.244.77.0/24", "fd00:10:244:77::/64"]

    private let rack: Rack
    private let node: MartletNode
    private let first, second: any Router

    static func run(_ kind: RouterKind, _ report: MatrixRun.Reporter) throws {
        try Rack.use(tors: 2, nodes: 3) { rack in
            let bench = try TransitBench(rack, kind)
            report.cell(.largeCommunities) { try bench.checkLargeCommunities() }
            report.cell(.theirPaths) { try bench.checkTheirPaths() }
            report.cell(.ourPaths) { try bench.checkOurPaths() }
        }
    }

    private init(_ rack: Rack, _ kind: RouterKind) throws {
        self.rack = rack
        var top = rack.routerConfiguration(tor: 0)
        top.networks = [remote4, remote6]
        top.neighbors[0].largeCommunities = Self.communities.sorted()
        for node in rack.nodes.indices {
            top.neighbors[node].nextHopIPv6 = rack.link(tor: 0, node: node).routerIPv6
        }
        top.neighbors[0].addPaths = true
        first = try rack.startRouter(kind, tor: 0, top)
        var bottom = rack.routerConfiguration(tor: 1)
        bottom.neighbors = [bottom.neighbors[0]]
        bottom.neighbors[0].addPaths = true
        second = try rack.startRouter(kind, tor: 1, bottom)
        node = try rack.startMartlet(0) { own in
            own.extra = "fib: {enabled: false}"
            for peer in own.peers.indices {
                (own.peers[peer].imports, own.peers[peer].exports) = ("all", "all")
                own.peers[peer].options = ["addPath: {receive: true, send: all}"]
            }
        }
        for source in 1...2 {
            _ = try rack.startMartlet(source) { own in
                own.podCIDRs = Self.shared
                own.peers.removeLast()
            }
        }
        guard let exabgp = first as? ExaBGPRouter else { return }
        // It passes nothing on: it makes up what the two nodes would have told.
        for prefix in Self.shared {
            for source in 1...2 {
                try exabgp.announce(
                    prefix, path: source, asPath: [Rack.torASN(0), Rack.nodeASN(source)],
                    to: rack.link(tor: 0, node: 0).nodeIPv4)
            }
        }
    }

    private func checkLargeCommunities() throws {
        let address = rack.link(tor: 1, node: 0).nodeIPv4
        for prefix in [remote4, remote6] {
            func shown() throws -> Set<String> {
                let routes = try node.json("routes", prefix)["routes"].array
                return Set(routes.flatMap { $0["largeCommunities"].array.compactMap(\.string) })
            }
            try eventually("martletctl shows them on \(prefix)", last: { (try? "\(shown())") ?? "" }) {
                try shown() == Self.communities
            }
            func seen() throws -> Set<String> { try second.largeCommunities(of: prefix, from: address) }
            try eventually("the second \(second.kind) shows them on \(prefix)", last: { (try? "\(seen())") ?? "" }) {
                try seen() == Self.communities
            }
        }
    }

    private func checkTheirPaths() throws {
        let expected = (1...2).map { "\(Rack.torASN(0)) \(Rack.nodeASN($0))" }
        for prefix in Self.shared {
            func seen() throws -> [String] {
                try node.json("routes", "--received", "tor-1")["routes"].array.filter {
                    $0["prefix"].string == prefix && $0["state"].string != "rejected"
                }.compactMap { $0["asPath"].string }.sorted()
            }
            try eventually("martletctl shows two paths of \(prefix)", last: { (try? "\(seen())") ?? "" }) {
                try seen() == expected
            }
        }
    }

    private func checkOurPaths() throws {
        let expected = (1...2).map { "\(Rack.nodeASN(0)) \(Rack.torASN(0)) \(Rack.nodeASN($0))" }
        let address = rack.link(tor: 1, node: 0).nodeIPv4
        for prefix in Self.shared {
            func seen() throws -> [String] { try second.paths(of: prefix, from: address) }
            try eventually("\(second.kind) has two paths of \(prefix)", last: { (try? "\(seen())") ?? "" }) {
                try seen() == expected
            }
        }
    }
}
