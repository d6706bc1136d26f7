import BGPWire
import NetTypes
import RIB
import Testing

@testable import BGPSession
@testable import BGPSpeaker

/// RFC 7313: a refresh with a begin and an end, both ways.
@Suite struct `Enhanced refresh` {
    private static let now = Instant(nanoseconds: 0)
    private static let prefix = Prefix("10.244.1.0/24")
    private static let context = DecodeContext(isExternal: true, enhancedRouteRefresh: true)

    /// A route server that announces one prefix of its own, with one peer that is up.
    private final class Bench {
        var speaker: Speaker
        let id: PeerID

        init(_ capabilities: [Capability]) throws {
            let (ours, theirs) = (ASNumber(rawValue: 64601), ASNumber(rawValue: 65001))
            let address = try #require(IPAddress("192.0.2.1"))
            let router = RouterID(rawValue: 0x0a00_0001)
            var policy = ImportPolicy(localAS: ours, routerID: router)
            policy.requiresConnectedNextHop = false
            speaker = Speaker(policy: policy, seed: 1, at: now)
            id = speaker.addPeer(
                SpeakerPeer(name: "tor", address: address, asNumber: theirs, isExternal: true, importMode: .all))
            speaker.originate([try #require(prefix)], at: now)
            let configuration = PeerConfiguration(
                name: "tor", address: address, remoteAS: theirs, localAS: ours, routerID: router)
            let open = Open(
                autonomousSystem: 65001, holdTime: 90, routerID: RouterID(rawValue: 0x0a00_0002),
                capabilities: [.multiprotocol(.ipv4), .multiprotocol(.ipv6), .fourOctetAS(theirs)] + capabilities)
            let negotiated = try Negotiated(
                open, sent: configuration.open(RestartState()).capabilities, configuration)
            speaker.established(id, negotiated, SessionAddresses(ipv4: IPAddress("192.0.2.10")), at: now)
        }

        /// Everything that waits for the peer, one word a message.
        func messages() throws -> [String] {
            var framer = Framer()
            _ = speaker.takeChanges(limit: 100, describing: false)
            while speaker.hasMessages(for: id) { framer.append(speaker.takeMessages(for: id, limit: 1)) }
            var words: [String] = []
            while let message = try framer.nextMessage(in: context) {
                switch message {
                case .update(let update):
                    words += update.announced.flatMap(\.prefixes).map { "+\($0)" } + update.withdrawn.map { "-\($0)" }
                    if let family = update.endOfRIB { words.append("end-of-rib \(family)") }
                case .routeRefresh(let refresh): words.append("\(refresh)")
                default: words.append("\(message)")
                }
            }
            return words
        }

        func announce(_ texts: String...) throws {
            var fields = AttributeFields()
            fields.asPath = ASPath([.init(kind: 2, numbers: [ASNumber(rawValue: 65001)])])
            let attributes = PathAttributes(fields, nextHop: try #require(IPAddress("192.0.2.1")))
            let prefixes = try texts.map { try #require(Prefix($0)) }
            speaker.receive(
                [Update(announced: [Announcement(attributes: attributes, prefixes: prefixes)])], from: id, at: now)
        }

        func endOfRIB() { speaker.receive([Update(endOfRIB: .ipv4)], from: id, at: now) }

        /// What the peer's paths are now.
        func received() -> [String] {
            speaker.paths(PathQuery(.received(id))).map(\.prefix.description).sorted()
        }
    }

    private static let table = ["+10.244.1.0/24", "end-of-rib ipv4", "end-of-rib ipv6"]
    private static let begin = "ROUTE-REFRESH ipv4-unicast begin"
    private static let end = "ROUTE-REFRESH ipv4-unicast end"

    @Test func `the answer stands between begin and end when both sides can, and alone when not`() throws {
        let both = try Bench([.enhancedRouteRefresh])
        #expect(try both.messages() == Self.table)
        both.speaker.refresh(.ipv4, for: both.id)
        #expect(try both.messages() == [Self.begin, "+10.244.1.0/24", Self.end])
        #expect(try both.messages() == [])
        both.speaker.refresh(.ipv6, for: both.id)
        #expect(try both.messages() == ["ROUTE-REFRESH ipv6-unicast begin", "ROUTE-REFRESH ipv6-unicast end"])
        let plain = try Bench([])
        _ = try plain.messages()
        plain.speaker.refresh(.ipv4, for: plain.id)
        #expect(try plain.messages() == ["+10.244.1.0/24"])
    }

    @Test func `a refresh asked for during the first table waits for End-of-RIB and sends all again`() throws {
        let bench = try Bench([.enhancedRouteRefresh])
        bench.speaker.refresh(.ipv4, for: bench.id)
        let messages = try bench.messages()
        let first = try #require(messages.firstIndex(of: Self.begin))
        #expect(messages[..<first].contains("end-of-rib ipv4"))
        #expect(messages.filter { $0 == "+10.244.1.0/24" }.count == 2)
        #expect(messages[first...].contains("+10.244.1.0/24") && messages[first...].contains(Self.end))
    }

    @Test func `what a peer does not repeat in a refresh is gone at its end`() throws {
        let bench = try Bench([.enhancedRouteRefresh])
        try bench.announce("10.244.7.0/24", "10.244.8.0/24", "10.244.9.0/24")
        bench.endOfRIB()
        bench.speaker.refreshBegan(.ipv4, from: bench.id, at: Self.now)
        try bench.announce("10.244.8.0/24", "10.244.10.0/24")
        #expect(bench.received().count == 4, "stale paths stay in use until the end")
        bench.speaker.refreshEnded(.ipv4, from: bench.id)
        #expect(bench.received() == ["10.244.10.0/24", "10.244.8.0/24"])
        bench.speaker.refreshEnded(.ipv4, from: bench.id)
        #expect(bench.received().count == 2)
    }

    @Test func `a beginning that is said again makes all stale again`() throws {
        let bench = try Bench([.enhancedRouteRefresh])
        try bench.announce("10.244.7.0/24", "10.244.8.0/24")
        bench.endOfRIB()
        bench.speaker.refreshBegan(.ipv4, from: bench.id, at: Self.now)
        try bench.announce("10.244.7.0/24")
        bench.speaker.refreshBegan(.ipv4, from: bench.id, at: Self.now)
        try bench.announce("10.244.8.0/24")
        bench.speaker.refreshEnded(.ipv4, from: bench.id)
        #expect(bench.received() == ["10.244.8.0/24"])
    }

    @Test func `before the End-of-RIB of a peer that restarts gracefully it removes nothing, nor in another family`()
        throws
    {
        let restart = Capability.gracefulRestart(GracefulRestart(restarted: false, restartTime: 60, families: []))
        let bench = try Bench([.enhancedRouteRefresh, restart])
        try bench.announce("10.244.7.0/24")
        bench.speaker.refreshBegan(.ipv4, from: bench.id, at: Self.now)
        bench.speaker.refreshEnded(.ipv4, from: bench.id)
        bench.endOfRIB()
        bench.speaker.refreshBegan(.ipv6, from: bench.id, at: Self.now)
        bench.speaker.refreshEnded(.ipv6, from: bench.id)
        #expect(bench.received() == ["10.244.7.0/24"])
    }

    @Test func `from a peer without graceful restart, which need not say End-of-RIB, it counts at once`() throws {
        let bench = try Bench([.enhancedRouteRefresh])
        try bench.announce("10.244.7.0/24", "10.244.8.0/24")
        bench.speaker.refreshBegan(.ipv4, from: bench.id, at: Self.now)
        try bench.announce("10.244.8.0/24")
        bench.speaker.refreshEnded(.ipv4, from: bench.id)
        #expect(bench.received() == ["10.244.8.0/24"])
    }
}
