import NetTypes
import Testing

@testable import FIB

/// The values that the tests of this target are made of.
enum Sample {
    static func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    static func prefix(_ text: String) throws -> Prefix { try #require(Prefix(strict: text)) }

    static let settings = RouteSettings(table: 254, metric: 50)

    static func interface(
        _ index: UInt32, _ name: String, _ addresses: [String], isUp: Bool = true, isRunning: Bool = true,
        mtu: UInt32 = 1500
    ) throws -> Interface {
        try Interface(
            index: index, name: name, isUp: isUp, isRunning: isRunning, mtu: mtu,
            addresses: addresses.map { text in
                let (address, length) = try #require(Prefix.parse(text))
                return try #require(InterfaceAddress(address: address, prefixLength: UInt8(length)))
            })
    }

    /// Two uplinks with both families, loopback, and a pod's link.
    static func topology(eth0: Bool = true, eth1: Bool = true) throws -> Topology {
        Topology(interfaces: [
            Interface(
                index: 1, name: "lo", isLoopback: true, mtu: 65536,
                addresses: [try #require(InterfaceAddress(address: address("127.0.0.1"), prefixLength: 8))]),
            try interface(2, "eth0", ["192.0.2.10/24", "2001:db8::10/64", "fe80::1/64"], isRunning: eth0, mtu: 9000),
            try interface(3, "eth1", ["198.51.100.10/25", "2001:db8:1::10/64", "fe80::2/64"], isRunning: eth1),
            try interface(4, "mlt0123", ["169.254.1.1/32", "fe80::3/64"], mtu: 1400),
        ])
    }

    static func route(_ prefix: String, _ gateways: String...) throws -> DesiredRoute {
        DesiredRoute(
            prefix: try self.prefix(prefix), nextHops: try gateways.map { DesiredNextHop(gateway: try address($0)) })
    }

    static func change(_ prefix: String, _ gateways: String...) throws -> FIBChange {
        let hops = try gateways.map { DesiredNextHop(gateway: try address($0)) }
        let prefix = try self.prefix(prefix)
        return FIBChange(prefix: prefix, route: hops.isEmpty ? nil : DesiredRoute(prefix: prefix, nextHops: hops))
    }

    static func installed(
        _ prefix: String, via gateway: String = "192.0.2.1", index: UInt32 = 2, metric: UInt32 = 50,
        protocolID: UInt8 = 179
    ) throws -> KernelRoute {
        KernelRoute(
            key: RouteKey(prefix: try self.prefix(prefix), table: 254, metric: metric), kind: .unicast,
            protocolID: protocolID,
            nextHops: [RouteNextHop(gateway: try address(gateway), interfaceIndex: index)])
    }

    static func instant(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }
}
