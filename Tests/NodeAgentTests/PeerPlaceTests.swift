import DispatchIO
import FIB
import NetTypes
import Testing

@testable import NodeAgent

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

private func interface(
    _ index: UInt32, _ name: String, _ addresses: [String] = ["fe80::a/64"], isUp: Bool = true, isRunning: Bool = true,
    flags: UInt32 = 0
) throws -> Interface {
    Interface(
        index: index, name: name, isUp: isUp, isRunning: isRunning,
        addresses: try addresses.map {
            let (address, length) = try #require(Prefix.parse($0))
            return try #require(InterfaceAddress(address: address, prefixLength: UInt8(length), flags: flags))
        })
}

/// Where a peer is by what the kernel and the routers on the links say.
struct PeerPlaceTests {
    private func place(
        _ location: Configuration.PeerLocation, bound: String? = nil, _ topology: Topology,
        _ neighbors: [String: String] = [:]
    ) -> PeerPlace {
        var settings = Configuration.PeerSettings(name: "p", location: location, asn: ASNumber(rawValue: 1))
        settings.interface = bound
        var found = FoundNeighbors()
        found.addresses = neighbors.compactMapValues { IPv6Address($0) }
        return settings.place(topology, found)
    }

    @Test func `a global address is where it is, whatever the links do`() throws {
        let place = place(.address(try address("192.0.2.1")), Topology())
        #expect(place == .at(PeerTarget(try address("192.0.2.1"))))
    }

    @Test func `an unnumbered peer waits for its link, then for its router, and says for which`() throws {
        let waits = { (topology: Topology) in self.place(.interface("eth0"), topology).waiting }
        #expect(waits(Topology()) == "there is no interface eth0")
        #expect(waits(Topology(interfaces: [try interface(2, "eth0", isUp: false)])) == "eth0 is down")
        #expect(waits(Topology(interfaces: [try interface(2, "eth0", isRunning: false)])) == "eth0 has no carrier")
        for (addresses, flags): ([String], UInt32) in [(["192.0.2.1/24"], 0), (["fe80::a/64"], 0x40)] {
            #expect(
                waits(Topology(interfaces: [try interface(2, "eth0", addresses, flags: flags)]))
                    == "eth0 has no IPv6 link-local address of ours yet")
        }
        let topology = Topology(interfaces: [try interface(2, "eth0")])
        #expect(waits(topology) == "no router advertisement on eth0 yet")
        let target = place(.interface("eth0"), topology, ["eth0": "fe80::1"]).target
        #expect(target?.description == "fe80::1%eth0")
        #expect(target?.scope == 2)
    }

    @Test func `two peers with one link-local address are told apart by the link`() throws {
        let topology = Topology(interfaces: [try interface(2, "eth0"), try interface(3, "eth1")])
        let found = ["eth0": "fe80::1", "eth1": "fe80::1"]
        let first = try #require(place(.interface("eth0"), topology, found).target)
        let second = try #require(place(.interface("eth1"), topology, found).target)
        #expect(first != second)
        let call = SocketAddress(try address("fe80::1"), port: 1, scope: 3)
        #expect(!first.matches(call) && second.matches(call))
    }

    @Test func `a link-local address of the file waits for its interface`() throws {
        let peer = try address("fe80::1")
        #expect(place(.address(peer), bound: "eth0", Topology()).waiting == "there is no interface eth0")
        let topology = Topology(interfaces: [try interface(2, "eth0")])
        #expect(place(.address(peer), bound: "eth0", topology).target?.scope == 2)
    }

    @Test func `the default gateway is followed`() throws {
        var topology = Topology(interfaces: [try interface(2, "eth0")])
        #expect(
            place(.defaultGateway, topology).waiting == "the kernel has no default route through a gateway yet")
        topology.defaultGateways = [DefaultGateway(address: try address("192.0.2.1"), interfaceIndex: 2)]
        #expect(place(.defaultGateway, topology).target?.description == "192.0.2.1")
        topology.defaultGateways = [DefaultGateway(address: try address("fe80::1"), interfaceIndex: 2)]
        #expect(place(.defaultGateway, topology).target?.description == "fe80::1%eth0")
    }

    @Test func `our next hops on two links with one address are those of the session's link`() throws {
        let topology = Topology(interfaces: [
            try interface(2, "eth0", ["fe80::a/64", "2001:db8:1::a/64"]),
            try interface(3, "eth1", ["fe80::a/64", "2001:db8:2::a/64", "192.0.2.1/31"]),
        ])
        let local = SocketAddress(try address("fe80::a"), port: 179, scope: 3)
        let own = topology.sessionAddresses(local, try address("fe80::1"))
        #expect(own.interface == "eth1")
        #expect(own.ipv6 == IPAddress("2001:db8:2::a"))
        #expect(own.ipv6LinkLocal == IPv6Address("fe80::a"))
        #expect(own.ipv4 == IPAddress("192.0.2.1"))
    }

    @Test func `a peer behind a router is not told our link-local address`() throws {
        let topology = Topology(interfaces: [try interface(2, "eth0", ["fe80::a/64", "2001:db8:1::a/64"])])
        let local = SocketAddress(try address("2001:db8:1::a"), port: 179)
        #expect(topology.sessionAddresses(local, try address("2001:db8:9::1")).ipv6LinkLocal == nil)
        #expect(
            topology.sessionAddresses(local, try address("2001:db8:1::1")).ipv6LinkLocal == IPv6Address("fe80::a"))
    }
}
