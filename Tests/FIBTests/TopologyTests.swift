import NetTypes
import Testing

@testable import FIB

@Suite struct TopologyTests {
    @Test func `the longest connected subnet on a usable interface reaches a gateway`() throws {
        let topology = try Sample.topology()
        #expect(topology.interface(reaching: try Sample.address("192.0.2.1"))?.name == "eth0")
        #expect(topology.interface(reaching: try Sample.address("198.51.100.1"))?.name == "eth1")
        #expect(topology.interface(reaching: try Sample.address("198.51.100.200")) == nil)
        #expect(topology.interface(reaching: try Sample.address("2001:db8:1::1"))?.name == "eth1")
        #expect(topology.interface(reaching: try Sample.address("fe80::9")) == nil)
        #expect(try Sample.topology(eth0: false).interface(reaching: try Sample.address("192.0.2.1")) == nil)
    }

    @Test func `what the node is told from its interfaces leaves out loopback and pods`() throws {
        let topology = try Sample.topology()
        #expect(topology.lowestGlobalIPv4 == IPv4Address("192.0.2.10"))
        #expect(topology.highestGlobalIPv4 == IPv4Address("198.51.100.10"))
        #expect(topology.uplinkMTU == 1500)
        #expect(
            topology.linkSubnets.map(\.description) == [
                "192.0.2.0/24", "198.51.100.0/25", "2001:db8::/64", "2001:db8:1::/64", "fe80::/64",
            ])
        #expect(topology.ownAddresses.contains(try Sample.address("169.254.1.1")))
        #expect(topology.ownAddresses.contains(try Sample.address("127.0.0.1")))
    }

    @Test func `next hops are resolved in canonical order and unreachable ones are dropped`() throws {
        let topology = try Sample.topology()
        let hops = [
            DesiredNextHop(gateway: try Sample.address("198.51.100.1")),
            DesiredNextHop(gateway: try Sample.address("203.0.113.1")),
            DesiredNextHop(gateway: try Sample.address("192.0.2.1"), weight: 3),
        ]
        let first = RouteNextHop(gateway: try Sample.address("192.0.2.1"), interfaceIndex: 2, weight: 3)
        let second = RouteNextHop(gateway: try Sample.address("198.51.100.1"), interfaceIndex: 3)
        #expect(topology.resolve(hops, family: .ipv4) == .resolved([first, second]))
        #expect(topology.resolve(hops.reversed(), family: .ipv4) == .resolved([first, second]))
    }

    @Test(arguments: [
        ("203.0.113.1", nil, "next hop 203.0.113.1 is on no connected subnet"),
        ("fe80::9", nil, "next hop fe80::9 is link-local and names no interface"),
        ("fe80::9", "eth7", "next hop fe80::9 is on eth7, which does not exist"),
        ("192.0.2.10", nil, "next hop 192.0.2.10 is an address of this node"),
        ("198.51.100.1", nil, "next hop 198.51.100.1 is on eth1, which has no carrier"),
        ("0.0.0.0", nil, "next hop 0.0.0.0 is no address"),
    ])
    func `a next hop that cannot be reached is explained`(gateway: String, interface: String?, reason: String) throws {
        let hop = DesiredNextHop(gateway: try Sample.address(gateway), interface: interface)
        #expect(try Sample.topology(eth1: false).resolve([hop], family: .ipv4) == .unresolved(reason))
    }

    @Test func `an IPv4 prefix may go through IPv6 and not the other way round`() throws {
        let topology = try Sample.topology()
        let six = DesiredNextHop(gateway: try Sample.address("fe80::9"), interface: "eth1")
        let four = DesiredNextHop(gateway: try Sample.address("192.0.2.1"))
        #expect(
            topology.resolve([six], family: .ipv4)
                == .resolved([RouteNextHop(gateway: try Sample.address("fe80::9"), interfaceIndex: 3)]))
        #expect(
            topology.resolve([four], family: .ipv6)
                == .unresolved("next hop 192.0.2.1 is IPv4, which an IPv6 route cannot have"))
    }

    @Test func `single observations keep a topology up to date and name what was lost`() throws {
        var builder = TopologyBuilder()
        let address = try #require(InterfaceAddress(address: try Sample.address("192.0.2.10"), prefixLength: 24))
        #expect(builder.observe(.address(2, address)) == nil)
        #expect(builder.observe(.link(Interface(index: 2, name: "eth0"))) == nil)
        #expect(builder.topology.interface(named: "eth0")?.addresses == [address])
        #expect(builder.observe(.address(2, address)) == nil)
        #expect(builder.topology.interface(named: "eth0")?.addresses.count == 1)
        #expect(builder.observe(.link(Interface(index: 2, name: "eth0", isRunning: false))) == 2)
        #expect(builder.observe(.link(Interface(index: 2, name: "eth0", isRunning: false))) == nil)
        #expect(builder.observe(.addressGone(2, address)) == 2)
        #expect(builder.observe(.linkGone(2)) == 2)
        #expect(builder.topology.interfaces.isEmpty)
    }

    @Test func `the subnet of a point to point address lies around its far end`() throws {
        let address = try #require(
            InterfaceAddress(
                address: try Sample.address("10.0.0.1"), prefixLength: 32, peer: try Sample.address("10.9.9.9")))
        #expect(address.subnet == (try Sample.prefix("10.9.9.9/32")))
        #expect(InterfaceAddress(address: try Sample.address("10.0.0.1"), prefixLength: 33) == nil)
    }
}

extension TopologyTests {
    @Test func `a next hop that BFD has found dead is left out, on its interface or on all`() throws {
        var topology = try Sample.topology()
        let (first, second) = (try Sample.address("192.0.2.1"), try Sample.address("198.51.100.1"))
        let hops = [DesiredNextHop(gateway: first), DesiredNextHop(gateway: second)]
        topology.unreachable = [DeadGateway(address: first)]
        #expect(
            topology.resolve(hops, family: .ipv4)
                == .resolved([RouteNextHop(gateway: second, interfaceIndex: 3)]))
        topology.unreachable.insert(DeadGateway(address: second, interface: "eth1"))
        #expect(topology.resolve(hops, family: .ipv4) == .unresolved("next hop 198.51.100.1: BFD is down"))

        let peer = DesiredNextHop(gateway: try Sample.address("fe80::9"), interface: "eth1")
        topology.unreachable = [DeadGateway(address: peer.gateway, interface: "eth0")]
        #expect(
            topology.resolve([peer], family: .ipv6)
                == .resolved([RouteNextHop(gateway: peer.gateway, interfaceIndex: 3)]))
    }
}
