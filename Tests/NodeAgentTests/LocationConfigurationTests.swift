import NetTypes
import Testing

@testable import NodeAgent

/// Keys that say where a peer is, or how it is found.
struct LocationConfigurationTests {
    private static func load(_ peers: String..., listenPort: Int = 179) -> (
        peers: [Configuration.PeerSettings], problems: [String]
    ) {
        let text =
            "bgp: {asn: 1, listenPort: \(listenPort), peers: [\n" + peers.joined(separator: ",\n")
            + "]}\nfib: {enabled: false}"
        let (configuration, problems) = Configuration.load(text: text, file: "f", hostname: "h", inspect: { _ in [] })
        return (configuration?.bgp.peers ?? [], problems.map(\.description))
    }

    @Test func `each kind of location is read and gives the peer a name`() throws {
        let loaded = Self.load(
            "{interface: eth0, asn: 2}", "{defaultGateway: true, asn: 2}", "{range: 192.0.2.0/24, asn: 2}",
            "{address: 198.51.100.1, interface: eth1.100, asn: 2}", "{address: 'fe80::1', interface: eth2, asn: 2}")
        #expect(loaded.problems == [])
        #expect(
            loaded.peers.map(\.name) == ["eth0", "default-gateway", "192.0.2.0-24", "198.51.100.1", "fe80::1"])
        let range = try #require(Prefix(strict: "192.0.2.0/24"))
        #expect(
            loaded.peers.map(\.location).prefix(3) == [.interface("eth0"), .defaultGateway, .range(range)])
        #expect(loaded.peers.map(\.interface) == [nil, nil, nil, "eth1.100", "eth2"])
        #expect(loaded.peers.map(\.passive) == [false, false, true, false, false])
        #expect(loaded.peers.map(\.maxPeers) == [100, 100, 100, 100, 100])
    }

    @Test func `a range has a limit, and IPv6 next hops can be forced and forbidden`() {
        let loaded = Self.load(
            "{range: 192.0.2.0/24, asn: 2, maxPeers: 3, extendedNextHop: true}",
            "{interface: eth0, asn: 2, extendedNextHop: false}", "{address: 192.0.2.1, asn: 2}")
        #expect(loaded.problems == [])
        #expect(loaded.peers.map(\.maxPeers) == [3, 100, 100])
        #expect(loaded.peers.map(\.extendedNextHop) == [true, false, nil])
    }

    @Test func `the same link-local address may be on two links`() {
        #expect(
            Self.load(
                "{name: a, address: 'fe80::1', interface: eth0, asn: 2}",
                "{name: b, address: 'fe80::1', interface: eth1, asn: 2}"
            ).problems == [])
    }

    @Test(arguments: [
        (
            "{asn: 2}, {defaultGateway: false, asn: 3}",
            [
                "f:2:1: bgp.peers[0].address is missing; write a unicast IPv4 or IPv6 address",
                "f:2:11: bgp.peers[1].address is missing; write a unicast IPv4 or IPv6 address",
            ]
        ),
        (
            "{interface: eth0, defaultGateway: true, asn: 2}",
            ["f:2:13: defaultGateway and interface exclude each other; remove one of them"]
        ),
        (
            "{address: 192.0.2.1, range: 192.0.2.0/24, asn: 2}",
            ["f:2:29: address and range exclude each other; remove one of them"]
        ),
        (
            "{interface: a/b, asn: 2}",
            [
                "f:2:13: bgp.peers[0].interface is \"a/b\"; write the name of a network interface, at most 15"
                    + " characters"
            ]
        ),
        (
            "{interface: eth0, asn: 2, maxPeers: 3}",
            ["f:2:37: maxPeers goes with range only; remove it"]
        ),
        (
            "{range: 192.0.2.0/24, asn: 2, maxPeers: 0}",
            [
                "f:2:41: bgp.peers[0].maxPeers is \"0\"; write how many peers of the range there may be at a time,"
                    + " 1 to 10000"
            ]
        ),
        (
            "{range: 224.0.0.0/8, asn: 2}",
            [
                "f:2:9: 224.0.0.0/8 is multicast; write the prefix that the peers' addresses are in"
            ]
        ),
        (
            "{interface: eth0, localAddress: 192.0.2.1, asn: 2}",
            ["f:2:33: a session on an interface is between link-local addresses; remove localAddress"]
        ),
        (
            "{name: a, interface: eth0, asn: 2}, {name: b, interface: eth0, asn: 2}",
            ["f:2:58: the interface eth0 already belongs to the peer in line 2; remove one of them"]
        ),
        (
            "{name: a, address: 'fe80::1', interface: eth0, asn: 2}, {name: b, address: 'fe80::1', interface: eth0, asn: 2}",
            ["f:2:76: the address fe80::1%eth0 already belongs to the peer in line 2; remove one of them"]
        ),
    ])
    func `what does not fit is told at its place`(peers: String, problems: [String]) {
        #expect(Self.load(peers).problems == problems)
    }

    @Test func `a range needs a port that it can call`() {
        #expect(
            Self.load("{range: 192.0.2.0/24, asn: 2}", listenPort: 0).problems == [
                "f:2:9: a passive peer can never connect while bgp.listenPort is 0; set a port, or remove passive"
            ])
    }
}
