import BGPSession
import BGPWire
import NetTypes
import Testing

@testable import NodeAgent

/// The keys of single sessions: AS numbers, roles, shutdown, long-lived restart, pace.
struct SessionConfigurationTests {
    private static func load(_ peer: String, _ bgp: String = "") throws -> Configuration {
        let text =
            "node: {podCIDRs: [10.244.1.0/24]}\nclusterCIDRs: [10.244.0.0/16]\n"
            + "bgp:\n  asn: 64601\n  \(bgp)\n  peers:\n    - {address: 192.0.2.1, \(peer)}\n"
        let (configuration, problems) = Configuration.load(text: text, file: "f", hostname: "h")
        #expect(problems.map(\.description) == [])
        return try #require(configuration)
    }

    private static func peer(_ peer: String) throws -> Configuration.PeerSettings {
        try #require(try load(peer).bgp.peers.first)
    }

    private static func session(_ peer: String, _ bgp: String = "") throws -> PeerConfiguration {
        let configuration = try load(peer, bgp)
        return try #require(configuration.bgp.peers.first).sessionConfiguration(
            configuration.bgp, routerID: RouterID(rawValue: 1), hostName: "h", keepsForwarding: true)
    }

    @Test func `any external AS`() throws {
        let session = try Self.session("asn: external")
        #expect(session.acceptsAnyExternalAS && session.isExternal)
        #expect(session.nodeAS?.rawValue == 64601 && session.localAS.rawValue == 64601)
        let known = try Self.session("asn: internal")
        #expect(!known.acceptsAnyExternalAS && !known.isExternal)
    }

    @Test func `another AS for one peer`() throws {
        let short = try Self.load("asn: 65001, localAS: 65010")
        let peer = try #require(short.bgp.peers.first)
        #expect(peer.localAS == .init(asn: ASNumber(rawValue: 65010)))
        #expect(peer.speakerPeer(short.bgp).localAS?.prependsReceived == true)
        #expect(try Self.session("asn: 65001, localAS: 65010").localAS.rawValue == 65010)
        let long = try Self.load("asn: 65001, localAS: {asn: 65010, noPrepend: true, replaceAS: true}")
        let override = try #require(long.bgp.peers.first?.speakerPeer(long.bgp).localAS)
        #expect(!override.prependsReceived && override.hidesOwnAS)
    }

    @Test func `roles`() throws {
        for (word, role) in [
            ("provider", BGPRole.provider), ("customer", .customer), ("peer", .peer), ("routeServer", .routeServer),
            ("routeServerClient", .routeServerClient),
        ] {
            let session = try Self.session("asn: 65001, role: \(word), strictRole: true")
            #expect(session.role == role && session.strictRole)
        }
        #expect(try Self.session("asn: 65001").role == nil)
    }

    @Test func `shutdown, with and without a text`() throws {
        #expect(try Self.peer("asn: 65001, shutdown: true").shutdown == .init())
        #expect(try Self.peer("asn: 65001, shutdown: false").shutdown == nil)
        #expect(try Self.peer("asn: 65001, shutdown: \"rack move\"").shutdown == .init(message: "rack move"))
    }

    @Test func `what may change while the session is up`() throws {
        let peer = try Self.peer("asn: 65001")
        for other in ["shutdown: x", "minimumAdvertisementInterval: 5s"] {
            #expect(try Self.peer("asn: 65001, \(other)").isSameSession(as: peer))
        }
        for other in ["role: peer", "localAS: 65010", "gracefulRestart: {longLivedStaleTime: 60s}"] {
            #expect(try !Self.peer("asn: 65001, \(other)").isSameSession(as: peer))
        }
    }

    @Test func `times of all peers and of one`() throws {
        let text = "gracefulRestart: {longLivedStaleTime: 1h, longLivedPartialDeployment: true}"
        #expect(try Self.session("asn: 65001").longLivedStaleTime == nil)
        #expect(try Self.session("asn: 65001", text).longLivedStaleTime == .seconds(3600))
        let own = "asn: 65001, gracefulRestart: {longLivedStaleTime: 0s}"
        #expect(try Self.session(own, text).longLivedStaleTime == .zero)
        let configuration = try Self.load("asn: 65001", text)
        #expect(configuration.bgp.peers.first?.speakerPeer(configuration.bgp).sendsLongLivedStale == true)

        let paced = try Self.load("asn: 65001, minimumAdvertisementInterval: 0", "minimumAdvertisementInterval: 30s")
        #expect(paced.bgp.minimumAdvertisementInterval == .seconds(30))
        #expect(paced.bgp.peers.first?.advertisementInterval(paced.bgp) == .zero)
    }

    @Test(arguments: [
        ("asn: internal, role: peer", "only external peers can have a role; remove it, or write the peer's AS"),
        ("asn: 64601, localAS: 65010", "only external peers can have a localAS; remove it, or write the peer's AS"),
        ("asn: 65001, localAS: 64601", "localAS is bgp.asn itself; remove it, or write another AS number"),
        (
            "asn: 65001, localAS: 65001",
            "localAS is the peer's AS, which makes no external session; write another AS number"
        ),
        ("asn: 65001, strictRole: true", "strictRole needs a role; write what we are to the peer as role"),
        (
            "asn: 65001, role: upstream",
            "bgp.peers[0].role is \"upstream\"; write provider, customer, peer, routeServer or routeServerClient"
                + " (what we are to the peer)"
        ),
        (
            "asn: 65001, localAS: {noPrepend: true}",
            "bgp.peers[0].localAS.asn is missing; write an AS number from 1 to 4294967294 (23456 and 65535 are reserved)"
        ),
        (
            "asn: 65001, maxPrefixes: {limit: 5, action: warn}",
            "bgp.peers[0].maxPrefixes.action is \"warn\"; write shut or block"
        ),
        (
            "asn: external, routeReflectorClient: true",
            "only internal peers can be clients of a route reflector; remove routeReflectorClient, or write asn: internal"
        ),
        (
            "asn: 65001, minimumAdvertisementInterval: 601s",
            "bgp.peers[0].minimumAdvertisementInterval is \"601s\"; write 0 for none, or a time up to 600s"
        ),
    ])
    func `what is wrong is said`(peer: String, problem: String) {
        let text = "bgp: {asn: 64601, peers: [{address: 192.0.2.1, \(peer)}]}"
        let (configuration, problems) = Configuration.load(text: text, file: "f", hostname: "h")
        #expect(configuration == nil)
        #expect(problems.filter { $0.severity == .error }.map(\.message) == [problem])
    }

    @Test(arguments: [("", nil), (", action: shut", nil), (", action: block", UInt32(5))] as [(String, UInt32?)])
    func `only a limit that blocks is the speaker's`(action: String, most: UInt32?) throws {
        let text = "bgp: {asn: 64601, peers: [{address: 192.0.2.1, asn: 1, maxPrefixes: {limit: 5\(action)}}]}"
        let configuration = try #require(Configuration.load(text: text, file: "f", hostname: "h").0)
        #expect(configuration.bgp.peers[0].speakerPeer(configuration.bgp).mostPaths == most)
    }

    @Test func `a text that is too long for a NOTIFICATION is refused`() {
        let text = String(repeating: "ü", count: 128)
        let (configuration, problems) = Configuration.load(
            text: "bgp: {asn: 64601, peers: [{address: 192.0.2.1, asn: 65001, shutdown: \"\(text)\"}]}", file: "f",
            hostname: "h")
        #expect(configuration == nil)
        #expect(
            problems.first { $0.severity == .error }?.message.hasSuffix("at most 255 bytes for the peer's operators")
                == true)
    }
}
