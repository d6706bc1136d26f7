import Foundation
import Lab
import NetTypes
import TestKit

/// What the drills share: docs/drills.md says which fault each of them is about.
enum Drill {
    /// `make test-long`: as long and as much as the fault table says.
    static let isLong = ProcessInfo.processInfo.environment["MARTLET_TEST_LONG"] != nil

    /// Figures of a drill, for whoever reads the output; none is about the speed of a machine.
    static func tell(_ row: String, _ text: String) { print("drill \(row): \(text)") }

    /// The podCIDRs of the first two nodes.
    static let podCIDRs = Set(Rack.podCIDRs(0) + Rack.podCIDRs(1))

    /// Waits for `seconds` by watching what must hold meanwhile.
    static func watch(for seconds: Double, _ what: String, _ condition: () throws -> Bool) throws {
        let end = Date(timeIntervalSinceNow: seconds)
        repeat {
            try check(try condition(), "not so all the time: \(what)")
            _ = poll(nil, 0, Int32(max(1, min(0.5, end.timeIntervalSinceNow) * 1000)))
        } while Date() < end
    }
}

extension MartletNode {
    /// Whether every desired route is in the kernel, none is left of an earlier run, and `ip` shows no other.
    func isInStep() throws -> Bool {
        let rows = try json("fib")["routes"].array
        guard rows.allSatisfy({ $0["status"] == "installed" }) else { return false }
        return try Set(rows.compactMap { $0["prefix"].string }) == namespace.prefixes(protocolID: 179)
    }

    func waitInStep(within seconds: Double = 20) throws {
        try eventually(
            "the kernel of \(namespace.role) has what its agent wants", within: seconds,
            last: { ((try? json("fib").text) ?? "").suffix(1500) + "\n" + logTail }
        ) { try isInStep() }
    }

    /// Lines of its log that hold a text.
    func said(_ text: String) -> Int { lines.count { $0.contains(text) } }
}

extension Namespace {
    /// Counts packets that match a rule of nftables before they are routed.
    func addCounter(_ rules: [String]) throws {
        let body = rules.map { "    \($0) counter\n" }.joined()
        let text = "table inet drill {\n  chain seen {\n    type filter hook prerouting priority -400;\n\(body)  }\n}\n"
        let finished = try run(["nft", "-f", "-"], input: text)
        try check(finished.succeeded, "nft: \(finished.errors)")
    }

    /// Takes all routes of ours away, as somebody else might who knows their number: nexthop objects first, which takes
    /// the routes over them (`ip route flush` of iproute2 6.1 cannot), then the others.
    func takeRoutesAway() throws {
        _ = try run(["ip", "nexthop", "flush", "proto", "179"])
        for family in ["-4", "-6"] { try require("ip", family, "route", "flush", "proto", "179") }
    }

    /// Packets that the rules of `addCounter` have counted, together.
    func counted() throws -> Int {
        let text = try require("nft", "list", "chain", "inet", "drill", "seen")
        return text.matches(of: /counter packets (\d+)/).reduce(0) { $0 + (Int($1.1) ?? 0) }
    }
}

extension FRRRouter {
    /// The bits of graceful restart in the last OPEN of a neighbour: restarted, and forwarding kept for each family.
    func restartBits(_ neighbor: String) throws -> [String: Bool] {
        let restart = try show("bgp neighbors \(neighbor)")[neighbor]["gracefulRestartInfo"]
        var bits = ["R": restart["rBit"] == true]
        for family in ["ipv4Unicast", "ipv6Unicast"] { bits[family] = restart[family]["fBit"] == true }
        return bits
    }
}
