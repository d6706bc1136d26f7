import FIB
import Foundation
import NetTypes
import TestKit
import Testing

@testable import NodeAgent

/// Nexthop objects of a real kernel: what routes share, what a lost next hop costs, and whose flows move.
@Suite struct KernelLoopNextHopTests {
    private struct Object: Decodable {
        var id: UInt32
        var `protocol`: String?
        var group: [Member]?
        var type: String?
        struct Member: Decodable { var id: UInt32 }
    }

    private func objects(_ rig: KernelRig) throws -> [Object] {
        let text = try rig.ip("-j nexthop show")
        guard !text.isEmpty else { return [] }
        return try JSONDecoder().decode([Object].self, from: Data(text.utf8))
    }

    private func rig(_ style: GroupStyle = .resilient) throws -> KernelRig {
        var configuration = KernelConfiguration()
        configuration.ecmp = style
        return try KernelRig(configuration)
    }

    private func wish(_ rig: KernelRig, _ count: Int, _ gateways: String...) async throws {
        try await rig.apply((0..<count).map { ("10.\($0 >> 8).\($0 & 255).0/24", gateways) })
        await rig.loop.settled()
    }

    @Test(arguments: [GroupStyle.hash, .resilient])
    func `five hundred routes share a group, and a lost next hop is one change`(style: GroupStyle) async throws {
        let rig = try rig(style)
        try await rig.start()
        try await wish(rig, 500, "192.0.2.1", "198.51.100.1")
        let found = try objects(rig)
        #expect(found.count == 3)
        #expect(found.allSatisfy { KernelNextHop.ownIDs.contains($0.id) })
        #expect(found.contains { $0.group?.count == 2 && ($0.type == "resilient") == (style == .resilient) })
        try rig.ip("addr del 198.51.100.10/24 dev up1")
        try await rig.eventually { try rig.routes().allSatisfy { $0.hasSuffix("/24 192.0.2.1") } }
        try rig.ip("addr add 198.51.100.10/24 dev up1")
        try await rig.eventually { try rig.routes().allSatisfy { $0.hasSuffix("192.0.2.1 198.51.100.1") } }
        try rig.ip("link set far0 down")
        try await rig.eventually { try rig.routes().allSatisfy { $0.hasSuffix("/24 198.51.100.1") } }
        try rig.ip("link set far0 up")
        try await rig.eventually { try rig.routes().allSatisfy { $0.hasSuffix("192.0.2.1 198.51.100.1") } }
        let counters = await rig.loop.counters()
        #expect(counters.installed == 500 && counters.replaced == 0 && counters.removed == 0)
        #expect(rig.events.all.contains { if case .regrouped(groups: 1, routes: 500) = $0 { true } else { false } })
    }

    @Test func `the loss of a session's next hops is repaired before the wishes say so`() async throws {
        let rig = try rig()
        try await rig.start()
        try await wish(rig, 300, "192.0.2.1", "198.51.100.1")
        try await rig.apply([("11.0.0.0/24", ["192.0.2.1"])])
        await rig.loop.settled()
        let lost = try #require(IPAddress("192.0.2.1"))
        await rig.loop.lose([lost])
        await rig.loop.settled()
        // The only next hop of a route stays until the decision has spoken.
        #expect(try rig.routes().filter { $0.hasSuffix("/24 198.51.100.1") }.count == 300)
        #expect(try rig.routes().contains("11.0.0.0/24 192.0.2.1"))
        try await wish(rig, 300, "198.51.100.1")
        try await rig.apply([("11.0.0.0/24", ["198.51.100.1"])])
        await rig.loop.lossIsTold()
        await rig.loop.settled()
        #expect(try rig.routes().allSatisfy { $0.hasSuffix("/24 198.51.100.1") })
        let counters = await rig.loop.counters()
        #expect(counters.installed == 301 && counters.replaced == 1 && counters.removed == 0)
        // What is lost is over: the same next hop may come back.
        try await wish(rig, 300, "192.0.2.1", "198.51.100.1")
        #expect(try rig.routes().filter { $0.hasSuffix("192.0.2.1 198.51.100.1") }.count == 300)
    }

    @Test func `inline routes of an older run are taken over in place`() async throws {
        let rig = try rig()
        try rig.ip("route add 10.1.0.0/24 metric 50 proto 179 nexthop via 192.0.2.1 nexthop via 198.51.100.1")
        try rig.ip("route add 10.2.0.0/24 metric 50 proto 179 via 192.0.2.1")
        try rig.ip("-6 route add fd00:1::/64 metric 50 proto 179 nexthop via 2001:db8::1 nexthop via 2001:db8:1::1")
        let before = try rig.routes()
        try await rig.start()
        try await rig.apply([
            ("10.1.0.0/24", ["192.0.2.1", "198.51.100.1"]), ("10.2.0.0/24", ["192.0.2.1"]),
            ("fd00:1::/64", ["2001:db8::1", "2001:db8:1::1"]),
        ])
        await rig.loop.converged()
        await rig.loop.settled()
        #expect(try rig.routes() == before)
        let counters = await rig.loop.counters()
        #expect(counters.replaced == 3 && counters.installed == 0 && counters.removed == 0 && counters.failed == 0)
        let snapshot = await rig.loop.snapshot()
        #expect(snapshot.rows.allSatisfy { $0.status == .installed && $0.installed?.nextHopID != 0 })
        #expect(snapshot.style == .resilient && snapshot.groups.map(\.routes) == [1, 1, 1])
        #expect(try await rig.loop.audit().differences.isEmpty)
    }

    @Test func `objects that somebody removes come back, and others' are left alone`() async throws {
        let rig = try rig()
        try rig.ip("nexthop add id 7 via 192.0.2.9 dev up0 protocol zebra")
        try rig.ip("route add 11.0.0.0/24 nhid 7 proto zebra")
        try await rig.start()
        try await wish(rig, 300, "192.0.2.1", "198.51.100.1")
        let wanted = try rig.routes()
        try rig.ip("nexthop flush proto 179")
        try await rig.expect(wanted)
        #expect(try await rig.loop.audit().differences.isEmpty)
        await rig.loop.withdrawAll()
        await rig.loop.settled()
        #expect(try objects(rig).map(\.id) == [7])
        #expect(try rig.routes("zebra") == ["11.0.0.0/24 192.0.2.9"])
    }

    @Test func `without nexthop objects routes carry their next hops, and those of before go`() async throws {
        let rig = try rig()
        try await rig.start()
        try await wish(rig, 20, "192.0.2.1", "198.51.100.1")
        let wanted = try rig.routes()
        await rig.loop.stop()
        var configuration = KernelConfiguration()
        configuration.ecmp = .inline
        let second = try KernelRig(configuration, sharing: rig)
        try await second.start()
        try await wish(second, 20, "192.0.2.1", "198.51.100.1")
        await second.loop.converged()
        await second.loop.settled()
        #expect(try rig.routes() == wanted)
        #expect(try objects(rig).isEmpty)
        #expect(await second.loop.counters().replaced == 20)
    }

    @Test func `routes that name nothing but an object are understood, ours and others'`() async throws {
        let rig = try rig()
        try require("ip", "netns", "exec", rig.name, "sysctl", "-qw", "net.ipv4.nexthop_compat_mode=0")
        try rig.ip("nexthop add id 9 via 192.0.2.77 dev up0")
        try rig.ip("route add default nhid 9")
        let start = try await rig.start()
        #expect(start.topology.defaultGateways.map(\.address.description) == ["192.0.2.77"])
        let wishes = [("10.1.0.0/24", ["192.0.2.1", "198.51.100.1"]), ("fd00:1::/64", ["2001:db8::1"])]
        try await rig.apply(wishes)
        await rig.loop.settled()
        #expect(try await rig.loop.audit().differences.isEmpty)
        await rig.loop.stop()
        let second = try KernelRig(sharing: rig)
        #expect(try await second.start().adoptedIPv4 == 1)
        try await second.apply(wishes)
        await second.loop.converged()
        await second.loop.settled()
        #expect(second.events.all.isEmpty)
        #expect(try await second.loop.audit().differences.isEmpty)
        try rig.ip("link set far0 down")
        try await rig.eventually { await second.loop.snapshot().groups.map(\.nextHops.count) == [1] }
    }

    /// The gateway of each of 256 flows, by source port.
    private func flows(_ rig: KernelRig) throws -> [String] {
        let questions = (1...256).map { "route get 10.0.0.7 ipproto tcp sport \(20_000 + $0) dport 80\n" }.joined()
        let answer = try require("ip", "-n", rig.name, "-batch", "-", input: questions)
        return answer.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            return words.firstIndex(of: "via").map { String(words[$0 + 1]) }
        }
    }

    @Test func `the loss of one of three next hops moves no flow of the others`() async throws {
        let rig = try rig(.resilient)
        try require("ip", "netns", "exec", rig.name, "sysctl", "-qw", "net.ipv4.fib_multipath_hash_policy=1")
        try await rig.start()
        try await wish(rig, 1, "192.0.2.1", "192.0.2.2", "198.51.100.1")
        let before = try flows(rig)
        try #require(before.count == 256)
        #expect(Set(before).count == 3)
        await rig.loop.lose([try #require(IPAddress("192.0.2.2"))])
        try await wish(rig, 1, "192.0.2.1", "198.51.100.1")
        let after = try flows(rig)
        let moved = zip(before, after).filter { $0 != "192.0.2.2" && $0 != $1 }
        #expect(moved.isEmpty)
        #expect(!after.contains("192.0.2.2"))
        let lost = zip(before, after).filter { $0.0 == "192.0.2.2" }.map(\.1)
        #expect(Set(lost).count == 2)
    }

    @Test func `five thousand flushed routes come back, and one at once`() async throws {
        let rig = try rig()
        try await rig.start()
        try await wish(rig, 5000, "192.0.2.1", "198.51.100.1")
        let clock = ContinuousClock()
        func healing(_ what: String, _ harm: () throws -> Void) async throws {
            let before = await rig.loop.counters().healed
            try harm()
            let began = clock.now
            try await rig.eventually(within: 20) { try await rig.loop.counters().healed > before && rig.isWhole(5000) }
            print("\(what): whole again after \(began.duration(to: clock.now))")
        }
        try await healing("one route") { try rig.ip("route del 10.1.0.0/24") }
        try await healing("all groups, and 5,000 routes with them") { try rig.ip("nexthop flush proto 179") }
        try await healing("5,000 routes, one by one") { try rig.removeAll() }
        #expect(try await rig.loop.audit().differences.isEmpty)
    }

    @Test func `a next hop behind other routers follows the kernel's routes to it`() async throws {
        let rig = try rig()
        try await rig.start()
        try await wish(rig, 50, "203.0.113.1")
        #expect(try rig.routes().isEmpty)
        func everywhere(_ hops: String) async throws {
            try await rig.eventually {
                let routes = try rig.routes()
                return routes.count == 50 && routes.allSatisfy { $0.hasSuffix("/24 " + hops) }
            }
        }
        try rig.ip("route add 203.0.113.1/32 proto static nexthop via 192.0.2.1 nexthop via 198.51.100.1")
        try await everywhere("192.0.2.1 198.51.100.1")
        try rig.ip("route replace 203.0.113.1/32 proto static via 198.51.100.1")
        try await everywhere("198.51.100.1")
        try rig.ip("link set far1 down")
        try await rig.eventually { try rig.routes().isEmpty }
        try rig.ip("route add 203.0.113.0/24 proto static via 192.0.2.1")
        try await everywhere("192.0.2.1")
        #expect(try await rig.loop.audit().differences.isEmpty)
        try rig.ip("route del 203.0.113.0/24")
        try await rig.eventually { try rig.routes().isEmpty }
    }
}

extension KernelRig {
    /// Whether the kernel has so many routes of ours, each with two next hops.
    fileprivate func isWhole(_ count: Int) throws -> Bool {
        let routes = try routes()
        return routes.count == count && routes.allSatisfy { $0.split(separator: " ").count == 3 }
    }
}
