import FIB
import Glibc
import NetTypes
import Testing

@testable import Netlink

/// What the kernel says that it would do, in a namespace.
@Suite struct RouteLookupTests {
    private let namespace: RouteNamespace

    init() throws { namespace = try RouteNamespace() }

    private func ask(_ address: String) throws -> RouteLookup {
        try RouteLookup.ask(try #require(IPAddress(address)), namespace: namespace.path)
    }

    private func index(_ name: String) throws -> UInt32 {
        let socket = try RouteSocket(namespace: namespace.path)
        defer { socket.close() }
        return try #require(try socket.topology().topology.interface(named: name)).index
    }

    @Test(arguments: [
        ("10.1.0.0/24", "10.1.0.7", "192.0.2.1", "192.0.2.10"),
        ("fd00:1::/64", "fd00:1::7", "2001:db8::1", "2001:db8::10"),
    ])
    func `a route is named with its next hop, source and owner`(
        prefix: String, address: String, gateway: String, source: String
    ) throws {
        try namespace.ip("route add \(prefix) via \(gateway) dev up0 proto 179 metric 50")
        let answer = try ask(address)
        #expect(
            answer.outcome
                == .forwarded(
                    gateway: IPAddress(gateway), interfaceIndex: try index("up0"), source: IPAddress(source)))
        let entry = try #require(answer.entry)
        #expect(entry.prefix.description == prefix)
        #expect(entry.protocolID == 179 && entry.key.metric == 50)
    }

    @Test func `the next hop may be of the other family`() throws {
        try namespace.ip("route add 10.2.0.0/24 via inet6 2001:db8::1 dev up0")
        let answer = try ask("10.2.0.1")
        guard case .forwarded(let gateway, let interface, _) = answer.outcome else {
            Issue.record("\(answer)")
            return
        }
        #expect(gateway == IPAddress("2001:db8::1"))
        #expect(interface == (try index("up0")))
    }

    @Test func `the link, the node, an unreachable prefix and nothing are told apart`() throws {
        try namespace.ip("route add unreachable 10.3.0.0/24 proto 179 metric 50")
        try namespace.ip("-6 route add unreachable fd00:3::/64 proto 179 metric 50")
        #expect(
            try ask("192.0.2.77").outcome
                == .forwarded(gateway: nil, interfaceIndex: try index("up0"), source: IPAddress("192.0.2.10")))
        #expect(try ask("192.0.2.10").outcome == .local)
        // An address of IPv6 is there a moment after `ip` said so.
        let deadline = ContinuousClock.now + .seconds(10)
        while try ask("2001:db8::10").outcome != .local, ContinuousClock.now < deadline { _ = poll(nil, 0, 10) }
        #expect(try ask("2001:db8::10").outcome == .local)
        #expect(try ask("10.3.0.1").outcome == .refused(code: EHOSTUNREACH))
        #expect(try ask("fd00:3::1").outcome == .refused(code: EHOSTUNREACH))
        #expect(try ask("203.0.113.1").outcome == .refused(code: ENETUNREACH))
        #expect(try ask("2001:db8:ffff::1").outcome == .refused(code: ENETUNREACH))
        #expect(try ask("203.0.113.1").entry == nil)
    }
}
