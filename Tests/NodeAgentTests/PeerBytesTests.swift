import BGPWire
import NetTypes
import Testing

@testable import NodeAgent

@Suite struct `What a peer may send` {
    private static func header(_ length: Int, _ type: UInt8, marker: UInt8 = 0xff) -> [UInt8] {
        [UInt8](repeating: marker, count: 16) + [UInt8(length >> 8), UInt8(length & 255), type]
    }

    private static func bytes(_ message: Message) -> [UInt8] {
        var writer = ByteWriter()
        message.encode(into: &writer, in: DecodeContext())
        return writer.bytes
    }

    private static var garbage: [UInt8] { (0..<500).map { UInt8(truncatingIfNeeded: $0 &* 197 &+ 13) } }

    /// What is sent to an agent that waits for OPEN, from AS 64700 + index, and the NOTIFICATION it answers.
    private static func cases(_ number: Int) -> [(name: String, bytes: [UInt8], verdict: String)] {
        let asn = UInt32(64700 + number)
        return [
            ("a bad marker", header(19, 4, marker: 0xfe), "1/1"),
            ("random bytes", garbage, "1/1"),
            ("a huge length", header(65535, 2), "1/2"),
            ("a length of 18", header(18, 4), "1/2"),
            ("a length of 0", header(0, 4), "1/2"),
            ("a KEEPALIVE of 20 octets", header(20, 4), "1/2"),
            ("an unknown type", header(19, 9), "1/3"),
            ("type 0", header(19, 0), "1/3"),
            ("a cut OPEN", header(28, 1) + [4, 0, 1, 0, 90, 1, 2, 3, 4], "1/2"),
            ("capabilities beyond the OPEN", header(29, 1) + [4, 0xfd, 0xe9, 0, 90, 1, 2, 3, 4, 200], "2/0"),
            ("version 3", bytes(RawPeer.open(asn, version: 3)), "2/1"),
            ("a wrong AS", bytes(RawPeer.open(64999)), "2/2"),
            ("identifier 0.0.0.0", bytes(RawPeer.open(asn, id: 0)), "2/3"),
            ("a hold time of 1 s", bytes(RawPeer.open(asn, hold: 1)), "2/6"),
            ("KEEPALIVE before OPEN", header(19, 4), "5/1"),
            ("a NOTIFICATION", bytes(.notification(.cease(.administrativeShutdown))), "none"),
            ("a NOTIFICATION without code", header(19, 3), "none"),
            ("a huge NOTIFICATION", header(5000, 3), "none"),
            ("UPDATE before OPEN", header(23, 2) + [0, 0, 0, 0], "5/1"),
        ]
    }

    @Test func `is answered by the right NOTIFICATION and never ends the agent`() async throws {
        try await AgentHarness.run { rack in
            let cases = (0..<Self.cases(0).count).map { Self.cases($0)[$0] }
            let peers = cases.indices.map { index in
                "{name: case-\(index), address: \(rack.network).\(100 + index), asn: \(64700 + index), passive: true}"
            }
            let good = "{name: good, address: \(rack.network).99, asn: 64799, passive: true}"
            let agent = try await rack.start(rack.configuration(1, pods: ["10.244.1.0/24"], peers: peers + [good]))
            for (index, sample) in cases.enumerated() {
                let raw = try rack.connect(from: 100 + index, to: 1)
                raw.send(sample.bytes)
                let verdict = try raw.verdict()
                #expect(verdict == sample.verdict, "\(sample.name)")
            }
            // Half a message, an empty connection, a reset.
            let half = try rack.connect(from: 99, to: 1)
            half.send(Array(Self.bytes(RawPeer.open(64799)).prefix(25)))
            half.close()
            #expect(await eventually { await agent.session("good").error != nil })
            let raw = try await self.reconnect(rack, from: 99, asn: 64799)
            let own = try #require(Prefix("10.244.1.0/24"))
            #expect(try raw.awaitAnnouncement(own))
        }
    }

    /// A session as soon as the agent's back-off is over.
    private func reconnect(_ rack: AgentHarness, from host: Int, asn: UInt32) async throws -> RawPeer {
        var session: RawPeer?
        let isUp = await eventually {
            guard let raw = try? rack.connect(from: host, to: 1), (try? raw.establish(asn)) != nil else { return false }
            session = raw
            return true
        }
        #expect(isUp)
        return try #require(session)
    }

    @Test func `is nothing at all from an address that is not configured`() async throws {
        try await AgentHarness.run { rack in
            _ = try await rack.start(rack.configuration(1, peers: [rack.peer(2, of: 1)]))
            let raw = try rack.connect(from: 77, to: 1)
            #expect(try raw.rest().isEmpty)
            #expect(rack.log.all.contains { $0.contains("connection refused") && $0.contains("\(rack.network).77") })
        }
    }

    @Test func `may be a goodbye with bytes that would drive a terminal`() async throws {
        try await AgentHarness.run { rack in
            let peer = "{name: raw, address: \(rack.network).99, asn: 64799, passive: true}"
            let agent = try await rack.start(rack.configuration(1, peers: [peer]))
            let raw = try rack.connect(from: 99, to: 1)
            try raw.establish(64799)
            #expect(await eventually { await agent.session("raw").isEstablished })
            let text = "bye\nlevel=error msg=\"owned\" \u{1b}[2J\u{9b}31m\u{202e}"
            raw.send(.notification(.cease(.administrativeShutdown, text: text)))
            #expect(try raw.verdict() == "none")
            #expect(await eventually { rack.log.all.contains { $0.contains("peer is down") } })
            for line in rack.log.all {
                #expect(line.last == "\n" && !line.dropLast().contains { $0.isNewline }, "\(line)")
                #expect(
                    line.dropLast().unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) })
                #expect(!line.hasPrefix("level=error"))
            }
        }
    }

    @Test func `may end at any moment, and the speaker knows`() async throws {
        try await AgentHarness.run { rack in
            let hosts = 100..<130
            let peers = hosts.map {
                "{name: p\($0), address: \(rack.network).\($0), asn: \(64700 + $0), passive: true}"
            }
            let agent = try await rack.start(rack.configuration(1, pods: ["10.244.1.0/24"], peers: peers))
            for host in hosts {
                let raw = try rack.connect(from: host, to: 1)
                // Everything at once, then a reset: sends of the agent fail in the middle of what it does.
                raw.send(Self.bytes(RawPeer.open(UInt32(64700 + host))) + Self.header(19, 4))
                if host % 3 == 0 { _ = try raw.next() }
                if host % 2 == 0 { raw.reset() } else { raw.close() }
            }
            for peer in await agent.peers {
                #expect(
                    await eventually {
                        let isUp = await peer.loop.status().state == .established
                        let isKnown = await agent.speaker?.summaries(peer.id).isEmpty == false
                        let wires = await peer.loop.wireCount
                        return !isUp && !isKnown && wires == 0
                    }, "\(peer.settings.name)")
            }
            let raw = try await reconnect(rack, from: 100, asn: 64800)
            let own = try #require(Prefix("10.244.1.0/24"))
            #expect(try raw.awaitAnnouncement(own))
        }
    }
}
