import FIB
import Foundation
import NetTypes
import TestKit
import Testing

@testable import Netlink

/// The encoder and the readings against a real kernel, in a namespace of their own.
@Suite struct RouteSocketTests {
    private let namespace: RouteNamespace
    private let socket: RouteSocket
    private let topology: Topology
    private let settings = RouteSettings(table: 254, metric: 50)

    init() throws {
        namespace = try RouteNamespace()
        socket = try RouteSocket(namespace: namespace.path)
        topology = try socket.topology().topology
    }

    private func route(_ prefix: String, _ gateways: String...) throws -> KernelRoute {
        let prefix = try #require(Prefix(prefix))
        let hops = try gateways.map { text in
            let parts = text.split(separator: " ")
            return DesiredNextHop(
                gateway: try #require(IPAddress(parts[0])), interface: parts.count > 1 ? String(parts[1]) : nil)
        }
        guard case .resolved(let found) = topology.resolve(hops, family: prefix.family) else {
            throw NetlinkError(operation: "resolve \(gateways)", code: 0)
        }
        return settings.route(prefix, nextHops: found)
    }

    private func apply(_ operations: RouteOperation...) throws { #expect(try socket.apply(operations).isEmpty) }

    @Test func `the topology is what ip shows`() throws {
        let up0 = try #require(topology.interface(named: "up0"))
        #expect(up0.isUsable)
        #expect(up0.mtu == 1500)
        #expect(up0.macAddress != nil)
        #expect(
            up0.addresses.contains { $0.address == IPAddress("192.0.2.10") && $0.prefixLength == 24 && $0.isGlobal })
        #expect(up0.addresses.contains { $0.address == IPAddress("2001:db8::10") && $0.prefixLength == 64 })
        #expect(topology.lowestGlobalIPv4 == IPv4Address("192.0.2.10"))
        #expect(topology.interface(named: "lo")?.isLoopback == true)
        try namespace.ip("link set far1 down")
        try namespace.ip("link set up1 mtu 1400")
        let later = try socket.topology().topology
        #expect(later.interface(named: "up1")?.isUp == true)
        #expect(later.interface(named: "up1")?.isRunning == false)
        #expect(later.interface(named: "up1")?.mtu == 1400)
    }

    @Test(arguments: [
        ("10.1.0.0/24", "192.0.2.1", "198.51.100.1"), ("fd00:1::/64", "2001:db8::1", "2001:db8:1::1"),
    ])
    func `a route goes from one next hop to two and back without a gap`(prefix: String, a: String, b: String) throws {
        try apply(.add(route(prefix, a)))
        #expect(try namespace.route(prefix)?.hops == ["\(a) up0 1"])
        #expect(try namespace.route(prefix)?.metric == 50)
        try apply(.replace(route(prefix, b, a)))
        #expect(try namespace.route(prefix)?.hops == ["\(a) up0 1", "\(b) up1 1"].sorted())
        let shown = try socket.routes(prefix.contains(":") ? .ipv6 : .ipv4)
        #expect(shown.contains(try route(prefix, a, b)))
        try apply(.replace(route(prefix, b)))
        #expect(try namespace.route(prefix)?.hops == ["\(b) up1 1"])
        #expect(try namespace.routes(prefix.contains(":") ? .ipv6 : .ipv4, prefix).count == 1)
        try apply(.delete(route(prefix, b)))
        #expect(try namespace.route(prefix) == nil)
    }

    @Test func `two next hops on one link are two`() throws {
        try apply(
            .add(route("10.1.0.0/24", "192.0.2.1", "192.0.2.2")),
            .add(route("fd00:1::/64", "2001:db8::1", "2001:db8::2")))
        #expect(try namespace.route("10.1.0.0/24")?.hops == ["192.0.2.1 up0 1", "192.0.2.2 up0 1"])
        #expect(try namespace.route("fd00:1::/64")?.hops == ["2001:db8::1 up0 1", "2001:db8::2 up0 1"])
        try apply(.delete(route("fd00:1::/64", "2001:db8::1")))
        #expect(try namespace.routes(.ipv6, "fd00:1::/64").isEmpty)
    }

    @Test func `an IPv4 prefix goes through IPv6 link-local next hops`() throws {
        let single = try route("10.1.0.0/24", "fe80::99 up1")
        try apply(.add(single))
        #expect(try namespace.route("10.1.0.0/24")?.hops == ["fe80::99 up1 1"])
        let both = try route("10.1.0.0/24", "fe80::99 up1", "192.0.2.1")
        try apply(.replace(both))
        #expect(try namespace.route("10.1.0.0/24")?.hops == ["192.0.2.1 up0 1", "fe80::99 up1 1"])
        #expect(try socket.routes(.ipv4).contains(both))
    }

    @Test func `unreachable aggregates come, become routes and go in both families`() throws {
        for (text, gateway) in [("10.244.1.0/24", "192.0.2.1"), ("fd00:10:244:1::/64", "2001:db8::1")] {
            let aggregate = settings.unreachable(try #require(Prefix(text)))
            try apply(.add(aggregate))
            #expect(try namespace.route(text)?.type == "unreachable")
            #expect(try socket.routes(aggregate.prefix.family).contains(aggregate))
            try apply(.replace(route(text, gateway)))
            #expect(try namespace.route(text)?.hops == ["\(gateway) up0 1"])
            try apply(.replace(aggregate))
            #expect(try namespace.route(text)?.type == "unreachable")
            try apply(.delete(aggregate))
            #expect(try namespace.route(text) == nil)
        }
    }

    @Test(arguments: ["static", "boot", "12", "80", "180"])
    func `a foreign route survives every operation on its place`(proto: String) throws {
        try namespace.ip("route add 10.1.0.0/24 metric 50 proto \(proto) via 192.0.2.9")
        try namespace.ip("-6 route add fd00:1::/64 metric 50 proto \(proto) via 2001:db8::9")
        for (prefix, gateway) in [("10.1.0.0/24", "192.0.2."), ("fd00:1::/64", "2001:db8::")] {
            let ours = try route(prefix, "\(gateway)1", "\(gateway)2")
            let failures = try socket.apply([.add(ours), .delete(ours)])
            #expect(failures[0]?.problem.isOccupied == true)
            #expect(failures[1]?.problem.isMissing == true)
            #expect(try namespace.route(prefix, proto: proto)?.hops == ["\(gateway)9 up0 1"])
        }
    }

    @Test func `a foreign route with another metric lives beside ours`() throws {
        for (prefix, gateway) in [("10.1.0.0/24", "192.0.2."), ("fd00:1::/64", "2001:db8::")] {
            let family = prefix.contains(":") ? "-6 " : ""
            try namespace.ip("\(family)route add \(prefix) metric 60 proto static via \(gateway)9")
            let ours = try route(prefix, "\(gateway)1")
            try apply(.add(ours), .replace(route(prefix, "\(gateway)2")), .delete(ours))
            #expect(try namespace.route(prefix, proto: "static")?.hops == ["\(gateway)9 up0 1"])
            #expect(try namespace.route(prefix) == nil)
        }
    }

    @Test func `failures of a batch are told by index and with the kernel's words`() throws {
        let bad = KernelRoute(
            key: settings.key(try #require(Prefix("10.9.0.0/24"))), kind: .unicast, protocolID: 179,
            nextHops: [
                RouteNextHop(
                    gateway: IPAddress("203.0.113.1"),
                    interfaceIndex: try #require(topology.interface(named: "up0")).index)
            ])
        let operations = try (0..<500).map { number in
            RouteOperation.add(
                try number % 100 == 7 ? bad : route("10.\(number / 250).\(number % 250).0/24", "192.0.2.1"))
        }
        let failures = try socket.apply(operations)
        #expect(Set(failures.keys) == [7, 107, 207, 307, 407])
        #expect(
            failures[7]?.description
                == "install 10.9.0.0/24: Network is unreachable (kernel: Nexthop has invalid gateway)")
        #expect(try namespace.routes(.ipv4, "proto 179").count == 495)
    }

    @Test func `ten thousand routes of each family go in and out in batches`() throws {
        var routes: [KernelRoute] = []
        for number in 0..<10_000 {
            routes.append(try route("10.\(number >> 8).\(number & 255).0/24", "192.0.2.1", "198.51.100.1"))
            routes.append(try route("fd00:0:\(String(number, radix: 16))::/64", "2001:db8::1"))
        }
        #expect(try socket.apply(routes.map(RouteOperation.add)).isEmpty)
        for family in AddressFamily.allCases {
            let found = try socket.routes(family).filter { $0.protocolID == 179 }
            #expect(Set(found) == Set(routes.filter { $0.prefix.family == family }))
        }
        #expect(try socket.apply(routes.map(RouteOperation.delete)).isEmpty)
        #expect(try socket.routes(.ipv4).filter { $0.protocolID == 179 }.isEmpty)
    }

    @Test func `a socket in a namespace that does not exist says so`() {
        #expect(throws: NetlinkError(operation: "open /run/netns/mlt-none", code: 2)) {
            try RouteSocket(namespace: "/run/netns/mlt-none")
        }
    }

    @Test func `the monitor tells changes of routes, links and addresses, and whose they are`() throws {
        let monitor = try NetlinkMonitor(ownPortID: socket.portID, namespace: namespace.path)
        defer { monitor.close() }
        func notices(skipEchoes: Bool = false) throws -> [KernelNotice] {
            var found: [KernelNotice] = []
            while try monitor.read(skipEchoes: skipEchoes, { found.append($0) }) {}
            return found
        }
        // The kernel may still have something to tell about the young links.
        func routeNotices(skipEchoes: Bool = false) throws -> [KernelNotice] {
            try notices(skipEchoes: skipEchoes).filter {
                if case .route(let observation, _) = $0 { observation.route.protocolID == 179 } else { false }
            }
        }
        let ours = try route("10.1.0.0/24", "192.0.2.1")
        try apply(.add(ours))
        #expect(try routeNotices() == [.route(.present(ours, isReplacing: false), cause: .ourselves)])
        try apply(.replace(route("10.1.0.0/24", "192.0.2.2")))
        #expect(try routeNotices(skipEchoes: true).isEmpty)
        try namespace.ip("route del 10.1.0.0/24")
        #expect(try routeNotices() == [.route(.absent(route("10.1.0.0/24", "192.0.2.2")), cause: .others)])
        try namespace.ip("addr add 203.0.113.1/32 dev up0")
        let index = try #require(topology.interface(named: "up0")).index
        #expect(
            try notices().contains {
                if case .link(.address(index, let address)) = $0 {
                    address.address == IPAddress("203.0.113.1")
                } else {
                    false
                }
            })
        try namespace.ip("link del up1")
        let gone = try #require(topology.interface(named: "up1")).index
        #expect(try notices().contains(.link(.linkGone(gone))))
    }

    @Test func `lost notifications are an overrun, not silence`() throws {
        let monitor = try NetlinkMonitor(ownPortID: 0, namespace: namespace.path)
        defer { monitor.close() }
        let routes = try (0..<20_000).map { try route("10.\($0 >> 8).\($0 & 255).0/24", "192.0.2.1") }
        for _ in 0..<3 {
            #expect(try socket.apply(routes.map(RouteOperation.add)).isEmpty)
            #expect(try socket.apply(routes.map(RouteOperation.delete)).isEmpty)
        }
        #expect {
            while try monitor.read(skipEchoes: false, { _ in }) {}
        } throws: {
            ($0 as? NetlinkError)?.isOverrun == true
        }
    }
}
