import NetTypes
import Testing

@testable import NodeAgent

/// The key `routeServerClient` of a peer.
struct RouteServerConfigurationTests {
    private static func load(_ keys: String, fib: Bool = false) -> (
        bgp: Configuration.BGPSettings?, peer: Configuration.PeerSettings?, problems: [String]
    ) {
        let text = "bgp: {asn: 1, peers: [\n{address: 192.0.2.1, \(keys)}]}\nfib: {enabled: \(fib)}"
        let (configuration, problems) = Configuration.load(text: text, file: "f", hostname: "h")
        return (configuration?.bgp, configuration?.bgp.peers.first, problems.map(\.description))
    }

    @Test(arguments: [
        ("asn: 2, export: all", false), ("asn: 2, export: all, routeServerClient: false", false),
        ("asn: 2, export: all, routeServerClient: true", true),
        ("asn: external, import: all, export: all, role: routeServer, routeServerClient: true", true),
        ("asn: 2, export: all, localAS: {asn: 3, noPrepend: true}, routeServerClient: true", true),
    ])
    func `the key reaches the speaker`(keys: String, isClient: Bool) throws {
        let loaded = Self.load(keys)
        #expect(loaded.problems == [])
        let (bgp, peer) = (try #require(loaded.bgp), try #require(loaded.peer))
        #expect(peer.speakerPeer(bgp).isRouteServerClient == isClient)
        var other = peer
        other.routeServerClient.toggle()
        #expect(!peer.isSameSession(as: other), "paths of a peer that is none any more are told otherwise")
    }

    @Test func `a route server beside a FIB is no transit router`() {
        func warns(_ keys: String) -> Bool {
            Self.load(keys, fib: true).problems.contains { $0.contains("transit router") }
        }
        #expect(!warns("asn: 2, export: all, routeServerClient: true"))
        #expect(warns("asn: 2, export: all"))
    }

    @Test(arguments: [
        (
            "asn: internal, export: all, routeServerClient: true",
            "f:2:69: only external peers can be clients of a route server; write the peer's AS, or routeReflectorClient"
        ),
        (
            "asn: 2, routeServerClient: true",
            "f:2:49: a route server's client is told what the other clients announce; write export: all"
        ),
        (
            "asn: 2, export: all, role: provider, routeServerClient: true",
            "f:2:78: towards a client of a route server our role is routeServer; write role: routeServer"
        ),
        (
            "asn: 2, export: all, localAS: 3, routeServerClient: true",
            "f:2:74: localAS would stand in the paths of a route server's client; write noPrepend: true in localAS"
        ),
        (
            "asn: 2, export: all, routeServerClient: yes please",
            "f:2:62: bgp.peers[0].routeServerClient is \"yes please\"; write true or false"
        ),
    ])
    func `what makes no sense is said`(keys: String, problem: String) {
        #expect(Self.load(keys).problems == [problem])
    }
}
