import Dispatch
import FIB
import NetTypes
import TestKit
import Testing

@testable import NodeAgent

@Suite struct KernelLoopTests {
    @Test func `wishes of both families are installed, changed and removed`() async throws {
        let rig = try KernelRig()
        let start = try await rig.start()
        #expect(start.topology.interface(named: "up0") != nil)
        #expect(start.adoptedIPv4 == 0)
        try await rig.apply([
            ("10.1.0.0/24", ["192.0.2.1", "198.51.100.1"]), ("fd00:1::/64", ["2001:db8::1", "2001:db8:1::1"]),
            ("10.2.0.0/24", ["192.0.2.1"]),
        ])
        await rig.loop.settled()
        try await rig.expect(
            ["10.1.0.0/24 192.0.2.1 198.51.100.1", "fd00:1::/64 2001:db8:1::1 2001:db8::1", "10.2.0.0/24 192.0.2.1"],
            within: 0)
        #expect(rig.events.all == [.applied(installed: 3, replaced: 0, removed: 0)])
        try await rig.apply([("10.1.0.0/24", ["198.51.100.1"]), ("fd00:1::/64", ["2001:db8::1"]), ("10.2.0.0/24", [])])
        await rig.loop.settled()
        try await rig.expect(["10.1.0.0/24 198.51.100.1", "fd00:1::/64 2001:db8::1"], within: 0)
        let snapshot = await rig.loop.snapshot()
        #expect(snapshot.rows.map(\.status) == [.installed, .installed])
        await rig.loop.stop()
        try await rig.expect(["10.1.0.0/24 198.51.100.1", "fd00:1::/64 2001:db8::1"], within: 0)
    }

    @Test func `an earlier run's routes stay until convergence`() async throws {
        let rig = try KernelRig()
        try rig.ip("route add 10.1.0.0/24 metric 50 proto 179 via 192.0.2.1")
        try rig.ip("route add 10.2.0.0/24 metric 50 proto 179 via 192.0.2.1")
        try rig.ip("route add 10.3.0.0/24 metric 50 proto static via 192.0.2.1")
        try rig.ip("-6 route add fd00:1::/64 metric 20 proto 179 via 2001:db8::1")
        let start = try await rig.start()
        #expect(start.adoptedIPv4 == 2)
        #expect(start.adoptedIPv6 == 1)
        try await rig.apply([("10.1.0.0/24", ["192.0.2.1"])])
        await rig.loop.settled()
        // It is taken over in place: from now on it uses a nexthop group.
        #expect(rig.events.all == [.applied(installed: 0, replaced: 1, removed: 0)])
        #expect(try await rig.status("10.2.0.0/24") == .stale)
        try await rig.expect(["10.1.0.0/24 192.0.2.1", "10.2.0.0/24 192.0.2.1", "fd00:1::/64 2001:db8::1"], within: 0)
        await rig.loop.converged()
        await rig.loop.settled()
        try await rig.expect(["10.1.0.0/24 192.0.2.1"], within: 0)
        #expect(try rig.routes("static") == ["10.3.0.0/24 192.0.2.1"])
        #expect(rig.events.all.dropFirst() == [.sweeping(2), .applied(installed: 0, replaced: 0, removed: 2)])
    }

    @Test func `what somebody removes or changes is healed at once`() async throws {
        let rig = try KernelRig()
        try await rig.start()
        try await rig.apply([("10.1.0.0/24", ["192.0.2.1"]), ("fd00:1::/64", ["2001:db8::1", "2001:db8:1::1"])])
        await rig.loop.settled()
        let wanted = try rig.routes()
        try rig.ip("route del 10.1.0.0/24")
        try await rig.expect(wanted)
        try rig.ip("route replace 10.1.0.0/24 metric 50 proto 179 via 192.0.2.66")
        try await rig.expect(wanted)
        try rig.ip("-6 route del fd00:1::/64 via 2001:db8::1")
        try await rig.expect(wanted)
        try await rig.eventually { rig.events.all.filter { if case .healed = $0 { true } else { false } }.count == 3 }
    }

    @Test func `a flush of all our routes is healed`() async throws {
        let rig = try KernelRig()
        try await rig.start()
        try await rig.apply((0..<1000).map { ("10.\($0 / 250).\($0 % 250).0/24", ["192.0.2.1"]) })
        await rig.loop.settled()
        try rig.removeAll()
        try await rig.eventually { try rig.routes().count == 1000 }
    }

    @Test func `a foreign route keeps its place and ours waits for it`() async throws {
        let rig = try KernelRig()
        try rig.ip("route add 10.1.0.0/24 metric 50 proto static via 192.0.2.9")
        try rig.ip("-6 route add fd00:1::/64 metric 50 proto static via 2001:db8::9")
        try await rig.start()
        try await rig.apply([("10.1.0.0/24", ["192.0.2.1"]), ("fd00:1::/64", ["2001:db8::1"])])
        await rig.loop.settled()
        #expect(try rig.routes().isEmpty)
        #expect(try await rig.status("10.1.0.0/24") == .conflict(protocolID: 4))
        #expect(rig.events.all.contains { if case .conflict(_, protocolID: 4, count: 2) = $0 { true } else { false } })
        try rig.ip("route del 10.1.0.0/24 proto static")
        try await rig.expect(["10.1.0.0/24 192.0.2.1"])
        try rig.ip("route replace 10.1.0.0/24 metric 50 proto static via 192.0.2.9")
        try await rig.eventually { try await rig.status("10.1.0.0/24") == .conflict(protocolID: 4) }
        await rig.loop.withdrawAll()
        await rig.loop.settled()
        #expect(try rig.routes("static") == ["10.1.0.0/24 192.0.2.9", "fd00:1::/64 2001:db8::9"])
    }

    @Test func `routes follow the links down and up`() async throws {
        let rig = try KernelRig()
        try await rig.start()
        try await rig.apply([("10.1.0.0/24", ["192.0.2.1", "198.51.100.1"]), ("10.2.0.0/24", ["192.0.2.1"])])
        await rig.loop.settled()
        let wanted = try rig.routes()
        try rig.ip("link set far0 down")
        try await rig.expect(["10.1.0.0/24 198.51.100.1"])
        #expect(
            try await rig.status("10.2.0.0/24") == .unresolved("next hop 192.0.2.1 is on up0, which has no carrier"))
        try rig.ip("link set far0 up")
        try await rig.expect(wanted)
        // The kernel drops IPv4 routes of a link that is switched off without a notification.
        try rig.ip("link set up0 down")
        try rig.ip("link set up0 up")
        try await rig.expect(wanted)
        try rig.ip("addr del 198.51.100.10/24 dev up1")
        try await rig.expect(["10.1.0.0/24 192.0.2.1", "10.2.0.0/24 192.0.2.1"])
        try rig.ip("addr add 198.51.100.10/24 dev up1")
        try await rig.expect(wanted)
        #expect(rig.topologies.all.count >= 4)
    }

    @Test func `a gateway that does not forward is left out until it does`() async throws {
        let rig = try KernelRig()
        try await rig.start()
        try await rig.apply([("10.1.0.0/24", ["192.0.2.1", "198.51.100.1"]), ("10.2.0.0/24", ["192.0.2.1"])])
        await rig.loop.settled()
        let wanted = try rig.routes()
        let dead = DeadGateway(address: try #require(IPAddress("192.0.2.1")))
        await rig.loop.setUnreachable([dead])
        try await rig.expect(["10.1.0.0/24 198.51.100.1"])
        #expect(try await rig.status("10.2.0.0/24") == .unresolved("next hop 192.0.2.1: BFD is down"))
        // Links may change meanwhile.
        try rig.ip("addr add 203.0.113.10/24 dev up1")
        try await rig.eventually { rig.topologies.all.last?.interfaces.contains { $0.addresses.count > 3 } == true }
        try await rig.expect(["10.1.0.0/24 198.51.100.1"])
        await rig.loop.setUnreachable([])
        try await rig.expect(wanted)
    }

    @Test func `aggregates are unreachable and go when everything is withdrawn`() async throws {
        let rig = try KernelRig()
        try await rig.start()
        await rig.loop.setAggregates([
            try #require(Prefix("10.244.1.0/24")), try #require(Prefix("fd00:10:244:1::/64")),
        ])
        try await rig.apply([("10.1.0.0/24", ["192.0.2.1"])])
        await rig.loop.settled()
        let aggregates = ["10.244.1.0/24 unreachable", "fd00:10:244:1::/64 unreachable"]
        try await rig.expect(aggregates + ["10.1.0.0/24 192.0.2.1"], within: 0)
        try rig.ip("link set lo down")
        try rig.ip("link set lo up")
        try await rig.expect(aggregates + ["10.1.0.0/24 192.0.2.1"])
        await rig.loop.withdrawAll()
        await rig.loop.settled()
        try await rig.expect([], within: 0)
    }

    @Test func `a next hop that cannot be reached is explained and installed when it can`() async throws {
        let rig = try KernelRig()
        try await rig.start()
        try await rig.apply([("10.1.0.0/24", ["203.0.113.1"])])
        await rig.loop.settled()
        let reason = "next hop 203.0.113.1 is on no connected subnet"
        #expect(try await rig.status("10.1.0.0/24") == .unresolved(reason))
        #expect(rig.events.all == [.unresolved(try #require(Prefix("10.1.0.0/24")), reason: reason, count: 1)])
        try rig.ip("addr add 203.0.113.10/24 dev up1")
        try await rig.expect(["10.1.0.0/24 203.0.113.1"])
    }

    /// Asks for the number of installed routes at every turn of the queue until all are there.
    private static func ask(
        _ loop: KernelLoop, _ seen: Set<UInt64>, _ answer: AsyncStream<Set<UInt64>>.Continuation
    ) {
        loop.executor.queue.async {
            let installed = loop.assumeIsolated { $0.ledger.counters.installed }
            guard installed < 20_000 else { return _ = answer.yield(seen) }
            ask(loop, seen.union([installed]), answer)
        }
    }

    @Test func `the loop answers while it installs many routes`() async throws {
        let rig = try KernelRig()
        try await rig.start()
        // Queued first, and again behind itself: it runs between the loop's turns, however the threads are scheduled.
        let (answers, answer) = AsyncStream.makeStream(of: Set<UInt64>.self)
        Self.ask(rig.loop, [], answer)
        try await rig.apply((0..<20_000).map { ("10.\($0 >> 8).\($0 & 255).0/24", ["192.0.2.1", "198.51.100.1"]) })
        let seen = await answers.first { _ in true }
        #expect(try #require(seen).count > 10)
        await rig.loop.settled()
        let counters = await rig.loop.counters()
        #expect(counters.installed == 20_000)
        #expect(counters.replaced == 0)
        #expect(counters.failed == 0)
        #expect(counters.healed == 0)
        #expect(rig.events.all.last == .applied(installed: 20_000, replaced: 0, removed: 0))
    }

    @Test func `R60: lost notifications lead to a full reading and the routes are as desired again`() async throws {
        let rig = try KernelRig()
        try await rig.start()
        try await rig.apply((0..<500).map { ("10.\($0 / 250).\($0 % 250).0/24", ["192.0.2.1"]) })
        await rig.loop.settled()
        // The loop sleeps while another program changes more than its socket can remember.
        let foreign = (0..<20_000).map { "route add 11.\($0 >> 8).\($0 & 255).0/24 proto static via 192.0.2.9\n" }
            .joined()
        let queue = rig.loop.executor.queue
        queue.suspend()
        do {
            defer { queue.resume() }
            try rig.removeAll()
            for _ in 0..<3 {
                try require("ip", "-n", rig.name, "-batch", "-", input: foreign)
                try rig.ip("route flush proto static")
            }
        }
        try await rig.eventually { try rig.routes().count == 500 }
        #expect(await rig.loop.counters().overruns >= 1)
        #expect(rig.events.all.contains(.overrun))
    }

    @Test func `a second loop adopts what the first one left, without a change`() async throws {
        let rig = try KernelRig()
        try await rig.start()
        let wishes = [
            ("10.1.0.0/24", ["198.51.100.1", "192.0.2.1"]), ("fd00:1::/64", ["2001:db8::1", "2001:db8:1::1"]),
        ]
        try await rig.apply(wishes)
        await rig.loop.settled()
        await rig.loop.stop()
        let second = try KernelRig(sharing: rig)
        let start = try await second.start()
        #expect(start.adoptedIPv4 == 1)
        #expect(start.adoptedIPv6 == 1)
        try await second.apply(wishes)
        await second.loop.converged()
        await second.loop.settled()
        #expect(second.events.all.isEmpty)
    }

    @Test func `a disabled loop watches links and installs nothing`() async throws {
        let rig = try KernelRig(KernelConfiguration(enabled: false))
        try await rig.start()
        try await rig.apply([("10.1.0.0/24", ["192.0.2.1"])])
        try rig.ip("addr add 203.0.113.10/24 dev up1")
        try await rig.eventually {
            rig.topologies.all.last?.ownAddresses.contains(.v4(IPv4Address(203, 0, 113, 10))) == true
        }
        #expect(try rig.routes().isEmpty)
    }
}
