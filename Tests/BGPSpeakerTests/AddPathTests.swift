import BGPWire
import NetTypes
import RIB
import Testing

@testable import BGPSession
@testable import BGPSpeaker

/// Several paths of a prefix (RFC 7911) from the session's agreement to the octets, and back to the questions.
@Suite struct `Add-path` {
    private static let prefix = cidr("10.244.7.0/24")

    /// Two sources of one prefix, and a peer that takes as many paths as it is told.
    private struct Bench: ~Copyable {
        var speaker = Speaker(policy: .test(64601, routerID: 1, own: []), seed: 1, at: .seconds(0))
        var sources: [PeerID] = []
        let sink: PeerID

        init(_ selection: PathSelection, families: FamilySet = .ipv4) {
            for number in 1...3 as ClosedRange<UInt32> {
                let id = speaker.addPeer(
                    SpeakerPeer(
                        name: "s\(number)", address: ip("192.0.2.\(number)"), asNumber: asn(65000 + number),
                        isExternal: true, importMode: .all))
                speaker.established(
                    id, .test(peerAS: 65000 + number, routerID: number), SessionAddresses(ipv4: ip("192.0.2.10")),
                    at: .seconds(1))
                sources.append(id)
            }
            var peer = SpeakerPeer(
                name: "sink", address: ip("192.0.2.9"), asNumber: asn(65009), isExternal: true, importMode: .all,
                exportMode: .all)
            peer.pathSelection = selection
            sink = speaker.addPeer(peer)
            var negotiated = Negotiated.test(peerAS: 65009, routerID: 9)
            negotiated.pathIDsSent = families
            negotiated.pathIDsReceived = families
            speaker.established(sink, negotiated, SessionAddresses(ipv4: ip("192.0.2.10")), at: .seconds(1))
        }

        mutating func announce(_ source: Int, hops: Int) {
            let number = UInt32(65001 + source)
            let path = PathAttributes.path([number] + (0..<hops).map { UInt32(100 + $0) }, via: "192.0.2.\(source + 1)")
            speaker.receive(
                [Update(announced: [Announcement(attributes: path, prefixes: [`Add-path`.prefix])])],
                from: sources[source],
                at: .seconds(2))
        }

        /// What the sink reads, with path identifiers.
        mutating func drain() throws -> [Update] {
            var context = DecodeContext()
            context.pathIDs = .ipv4
            var framer = Framer()
            while !speaker.isQuiet {
                _ = speaker.takeChanges(limit: 10, describing: false)
                for peer in sources { _ = speaker.takeMessages(for: peer, limit: 10) }
                framer.append(speaker.takeMessages(for: sink, limit: 10))
            }
            var updates: [Update] = []
            while let message = try framer.nextMessage(in: context) {
                if case .update(let update) = message { updates.append(update) }
            }
            return updates
        }

        mutating func neighbours() throws -> [UInt32] {
            try drain().flatMap(\.announced).flatMap { announcement in
                announcement.prefixes.map { _ in
                    AttributeFields(announcement.attributes).asPath.segments[0].numbers[1].rawValue
                }
            }.sorted()
        }
    }

    @Test(
        arguments: [
            (PathSelection.best, [65001, 65002]), (.all, [65001, 65002, 65003]), (.most(1), [65001]),
            (.most(2), [65001, 65002]), (.most(9), [65001, 65002, 65003]),
        ] as [(PathSelection, [UInt32])])
    func `the ECMP set comes first, then by rank`(selection: PathSelection, expected: [UInt32]) throws {
        var bench = Bench(selection)
        bench.announce(2, hops: 2)
        bench.announce(1, hops: 1)
        bench.announce(0, hops: 1)
        let told = try bench.neighbours()
        #expect(told == expected)
    }

    @Test func `an identifier stays with its path while others come, change and go`() throws {
        var bench = Bench(.all)
        bench.announce(0, hops: 1)
        bench.announce(1, hops: 1)
        _ = try bench.drain()
        func identifiers(_ bench: borrowing Bench) -> [PeerID: UInt32] {
            bench.speaker.paths(PathQuery(.advertised(bench.sink))).reduce(into: [:]) { $0[$1.peer] = $1.pathID }
        }
        let before = identifiers(bench)
        #expect(before.count == 2 && Set(before.values).count == 2 && !before.values.contains(0))
        bench.announce(2, hops: 0)
        bench.announce(1, hops: 3)
        _ = try bench.drain()
        let after = identifiers(bench)
        #expect(after.filter { before[$0.key] != nil } == before && after.count == 3)
        bench.speaker.down(bench.sources[0], keepsRoutes: false, at: .seconds(3))
        let updates = try bench.drain()
        #expect(updates.flatMap(\.withdrawnIDs) == [before[bench.sources[0]] ?? 0])
        #expect(updates.flatMap(\.announced).isEmpty)
    }

    @Test func `several paths of one peer are held, ranked and withdrawn each by its identifier`() throws {
        var bench = Bench(.all)
        for (pathID, hops) in [(5, 2), (3, 1), (9, 1)] as [(UInt32, Int)] {
            let path = PathAttributes.path([65009] + (0..<hops).map { UInt32(100 + $0) }, via: "192.0.2.9")
            var announcement = Announcement(attributes: path, prefixes: [Self.prefix])
            announcement.pathIDs = [pathID]
            bench.speaker.receive([Update(announced: [announcement])], from: bench.sink, at: .seconds(2))
        }
        _ = try bench.drain()
        var views = bench.speaker.paths(PathQuery(.received(bench.sink)))
        #expect(views.map(\.pathID) == [3, 5, 9])
        #expect(views.map(\.standing) == [.best(.pathID), .candidate(.asPathLength), .multipath(.pathID)])
        #expect(bench.speaker.pathCount(bench.sink).count == 3, "each counts for the prefix limit")
        let told = bench.speaker.paths(PathQuery(.advertised(bench.sink)))
        #expect(told.isEmpty, "nobody is told what he told us")
        var update = Update(withdrawn: [Self.prefix])
        update.withdrawnIDs = [3]
        bench.speaker.receive([update], from: bench.sink, at: .seconds(3))
        views = bench.speaker.paths(PathQuery(.received(bench.sink)))
        #expect(views.map(\.pathID) == [5, 9] && views.last?.standing == .best(.asPathLength))
        bench.speaker.down(bench.sink, keepsRoutes: false, at: .seconds(4))
        views = bench.speaker.paths(PathQuery(.received(bench.sink)))
        #expect(views.isEmpty)
    }

    @Test func `without the peer's offer it is told the best path, without an identifier`() throws {
        var bench = Bench(.all, families: [])
        bench.announce(0, hops: 1)
        bench.announce(1, hops: 1)
        let views = bench.speaker.summaries(bench.sink)
        #expect(views.allSatisfy { !$0.sendsPathIDs && !$0.receivesPathIDs })
        while bench.speaker.hasChanges { _ = bench.speaker.takeChanges(limit: 10, describing: false) }
        let updates = try decode(bench.speaker.takeMessages(for: bench.sink, limit: 10))
        #expect(updates.flatMap(\.announced).flatMap(\.prefixes) == [Self.prefix])
    }
}
