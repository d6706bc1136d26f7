import Foundation
import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// Others change what is the agent's in the kernel, or do not let it: rows R60 to R67 of docs/drills.md.
    @Suite(.serialized)
    struct KernelDrillTests {
        /// An agent with 5,000 learned routes from a speaker, all in the kernel.
        private struct Table {
            let node: MartletNode
            let space: Namespace
            let flood: RouteFlood
            let prefixes: [String]
            let gateway: String

            static let size = 5000

            static func use(_ body: (Table) throws -> Void, before: (Namespace) throws -> Void = { _ in }) throws {
                try Rack.use(nodes: 1) { rack in
                    try before(rack.nodes[0])
                    let node = try rack.startMartlet(0) {
                        $0.peers[0].passive = true
                        $0.clusterCIDRs.append(RouteFlood.cluster)
                    }
                    let flood = try RouteFlood(rack, tor: 0, node: 0, holdTime: 90)
                    let prefixes = RouteFlood.prefixes(size)
                    try check(flood.change(announced: prefixes, withdrawn: [], until: .distantFuture), node.logTail)
                    let table = Table(
                        node: node, space: rack.nodes[0], flood: flood, prefixes: prefixes.map(\.description),
                        gateway: rack.link(node: 0).routerIPv4)
                    try eventually("all is learned", within: 60, last: { node.logTail }) {
                        try node.accepted(from: table.gateway).count == size
                    }
                    try body(table)
                    withExtendedLifetime(flood) {}
                }
            }

            /// How many routes of ours the kernel has, by a listing that is not parsed.
            func installed() throws -> Int {
                try space.require("ip", "route", "show", "proto", "179").split(separator: "\n").count
            }

            /// Waits until the kernel has all but `missing` of the learned routes, and tells how long that took.
            @discardableResult
            func waitWhole(missing: Int = 0) throws -> Double {
                let began = Date()
                try eventually("\(Table.size - missing) routes and our own", last: { node.logTail }) {
                    try installed() == Table.size + 1 - missing
                }
                return Date().timeIntervalSince(began)
            }

            /// A sum of the document of `martletctl fib`.
            func counter(_ name: String) throws -> Int {
                let metrics = try node.ctl("metrics").output
                let line = metrics.split(separator: "\n").first { $0.hasPrefix("martlet_\(name) ") }
                return line?.split(separator: " ").last.flatMap { Int($0) } ?? -1
            }

            /// Takes away every learned route, one by one, as a daemon does that thinks they are its own. What is gone
            /// already is no error.
            func removeAll() throws {
                let lines = prefixes.map { "route delete \($0) proto 179\n" }
                _ = try space.run(["ip", "-force", "-batch", "-"], input: lines.joined())
            }

            func batch(_ lines: [String]) throws {
                let finished = try space.run(["ip", "-batch", "-"], input: lines.joined(separator: "\n") + "\n")
                try check(finished.succeeded, finished.errors)
            }
        }

        @Test func `R60 R61: 5,000 routes that somebody deletes, unseen or not, are back, and nothing else`() throws {
            try Table.use { table in
                try table.waitWhole()
                let foreign = (0..<10_000).map {
                    "10.\(96 + $0 >> 8).\($0 & 255).0/24 via \(table.gateway) proto static"
                }
                // R61: one, then all.
                try table.space.require("ip", "route", "delete", table.prefixes[77], "proto", "179")
                let one = try table.waitWhole()
                try table.removeAll()
                let all = try table.waitWhole()
                // R60: the agent sleeps while more happens than its socket can remember.
                let resyncs = try table.counter("route_resyncs_total")
                table.node.send(SIGSTOP)
                try table.removeAll()
                for verb in ["add", "delete", "add"] { try table.batch(foreign.map { "route \(verb) \($0)" }) }
                table.node.send(SIGCONT)
                let overrun = try table.waitWhole()
                try eventually("a reading of all routes is counted", last: { table.node.logTail }) {
                    try table.counter("route_resyncs_total") > resyncs
                }
                #expect(try table.node.isInStep())
                let others = try table.space.require("ip", "route", "show", "proto", "static").split(separator: "\n")
                #expect(others.count == foreign.count, "foreign routes stay")
                Drill.tell(
                    "R60 R61",
                    String(
                        format:
                            "healed one of 5,000 within %.2f s, all within %.2f s, all after an overrun within %.2f s",
                        one, all, overrun))
            }
        }

        @Test func `R62 R66: a foreign route keeps its place, no other waits for it, and a better one is not fought`()
            throws
        {
            let place = RouteFlood.prefixes(100)[99].description
            try Table.use(
                { table in
                    try table.waitWhole(missing: 1)
                    let row =
                        try table.node.json("fib", place)["routes"].array.first { $0["prefix"].string == place }
                        ?? .null
                    #expect(row["status"] == "failed" && row["detail"].string?.isEmpty == false, "\(row)")
                    #expect(table.node.said("foreign routes hold the place") >= 1)
                    // One with a better metric beside ours: both stay as they are.
                    let better = table.prefixes[500]
                    try table.space.require(
                        "ip", "route", "add", better, "via", table.gateway, "proto", "static", "metric", "1")
                    try Drill.watch(for: 2, "both routes stay") {
                        let found = try table.space.require("ip", "route", "show", better).split(separator: "\n")
                        return found.count == 2 && found.contains { $0.contains("proto static") }
                    }
                    let outranked = try table.node.json("fib", better)["routes"].array.first {
                        $0["prefix"].string == better
                    }
                    #expect(outranked?["better"].string == "protocol static metric 1")
                    #expect(try table.counter("routes_outranked") == 1)
                    #expect(table.node.said("somebody's routes have a better metric") == 1)
                    let target = better.replacingOccurrences(of: "0/24", with: "7")
                    #expect(try table.node.ctl("explain", target).output.contains("metric 1 goes before it"))
                    #expect(try table.counter("route_repairs_total") == 0, "nobody fights")
                    // The place is free again: ours comes.
                    try table.space.require("ip", "route", "delete", place, "proto", "static")
                    try table.waitWhole()
                },
                before: { space in
                    try space.require("ip", "route", "add", place, "dev", "lo", "proto", "static", "metric", "50")
                })
        }

        @Test func `R64: routes are back when a link flaps, and when its address goes and comes`() throws {
            try Rack.use(nodes: 1) { rack in
                let (space, link) = (rack.nodes[0], rack.link(node: 0))
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4, remote6]
                let tor = try rack.startRouter(.frr, configuration)
                let node = try rack.startMartlet(0)
                let all = Set(Rack.podCIDRs(0) + configuration.networks)
                try space.waitPrefixes(all, protocolID: 179)
                for _ in 0..<3 {
                    try rack.setLink(node: 0, up: false)
                    try eventually("the routes over the link are gone") {
                        try space.prefixes(protocolID: 179) == Set(Rack.podCIDRs(0))
                    }
                    try rack.setLink(node: 0, up: true)
                    try space.waitPrefixes(all, protocolID: 179, within: 40)
                }
                // As when a lease is renewed by somebody who takes the address away first: the kernel drops the routes
                // through it without a word.
                try space.require("ip", "address", "delete", "\(link.nodeIPv4)/31", "dev", link.nodeInterface)
                try space.require("ip", "address", "add", "\(link.nodeIPv4)/31", "dev", link.nodeInterface)
                try space.waitPrefixes(all, protocolID: 179)
                try tor.waitEstablished(link.nodeIPv4)
                try node.waitInStep()
            }
        }

        @Test func `R67: with no room for connections to track sessions stay, and so do flows that there are`() throws {
            try Rack.use { rack in
                let tor = try FRRRouter(
                    rack.routerConfiguration(), in: rack.tors[0], directory: rack.directory("tor"))
                let nodes = try rack.nodes.indices.map { try rack.startMartlet($0) { $0.holdTime = 9 } }
                for node in rack.nodes { try node.waitPrefixes(Drill.podCIDRs, protocolID: 179) }
                let here = try Pod("pod-a1", in: rack.name, on: try nodes[0].podNetwork())
                let there = try Pod("pod-b1", in: rack.name, on: try nodes[1].podNetwork())
                // Nothing of ours makes the kernel track connections: a full table of another's is not ours to fill.
                let count = try rack.nodes[0].require("cat", "/proc/sys/net/netfilter/nf_conntrack_count")
                #expect(count == "0\n", "connections are tracked on a node without a rule that asks for it: \(count)")
                let streams = try AddressFamily.allCases.map {
                    try ProbeStream(from: there.namespace, to: try here.address($0), rate: 100)
                }
                // From here on they are, and soon no new one has room. The limit is the machine's: a namespace cannot
                // have one of its own, so a rule does what the kernel does when its table is full.
                let track =
                    "table inet drill { chain in { type filter hook prerouting priority 0; ct state new counter; }; }"
                try rack.nodes[0].require("nft", track)
                // The session is known when it has spoken both ways.
                func spoken() throws -> [Int] {
                    let session = try nodes[0].session("tor")
                    return ["messagesSent", "messagesReceived"].map { session[$0]["keepalive"].int ?? 0 }
                }
                let before = try spoken()
                try eventually("both sides have said KEEPALIVE") {
                    try zip(spoken(), before).allSatisfy { $0 > $1 + 1 }
                }
                let full = """
                    table inet full {
                      chain in { type filter hook prerouting priority -199; ct state new drop; }
                      chain out { type filter hook output priority -199; ct state new drop; }
                    }
                    """
                let made = try rack.nodes[0].run(["nft", "-f", "-"], input: full)
                #expect(made.succeeded, "\(made.errors)")
                try streams[0].advance(by: 1500)
                let session = try tor.show("bgp neighbors \(rack.link(node: 0).nodeIPv4)")[rack.link(node: 0).nodeIPv4]
                #expect(session["bgpState"] == "Established" && session["connectionsDropped"] == 0)
                for stream in streams {
                    let report = stream.stop()
                    #expect(report.lost == 0, "\(report)")
                }
            }
        }
    }
}
