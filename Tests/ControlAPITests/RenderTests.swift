import ControlAPI
import Foundation
import NetTypes
import Testing

/// Golden outputs: what an operator sees.
struct RenderTests {
    private func golden(_ name: String) throws -> String {
        let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")
        return try String(contentsOf: directory.appendingPathComponent("\(name).txt"), encoding: .utf8)
    }

    @Test func `sessions`() throws {
        #expect(Render.sessions(Canned.sessions) == (try golden("sessions")))
    }

    @Test func `sessions, wide`() throws {
        #expect(Render.sessions(Canned.sessions, wide: true) == (try golden("sessions-wide")))
    }

    @Test func `sessions of a range`() throws {
        var document = Canned.sessions
        document.sessions = [Canned.torUp]
        document.ranges = [
            RangeDocument(
                name: "racks", range: "10.9.0.0/16", asn: 64799, peers: 12, established: 11, maxPeers: 100,
                families: ["ipv4-unicast", "ipv6-unicast"]),
            RangeDocument(
                name: "guests", range: "fd00:9::/48", asn: 0, peers: 0, established: 0, maxPeers: 5,
                families: ["ipv6-unicast"]),
        ]
        #expect(Render.sessions(document) == (try golden("sessions-range")))
        #expect(Render.sessions(document, wide: true) == (try golden("sessions-range-wide")))
        #expect(try ControlJSON.decode(SessionsDocument.self, from: try ControlJSON.encode(document)) == document)
        document.sessions = []
        #expect(Render.sessions(document).contains("12 of 100 peers"))
    }

    @Test func `what a limit keeps out is a remark`() {
        var session = Canned.torUp
        session.families[0].blocked = 15
        #expect(Render.sessions(SessionsDocument(sessions: [session])).contains("15 over the limit not taken"))
    }

    @Test func `a client says whose it is`() {
        var session = Canned.torUp
        session.clientOf = "route server"
        #expect(Render.session(session).contains("  Client      of this route server\n"))
    }

    @Test func `an explanation of several paths of one peer`() throws {
        var document = try #require(Canned.explanations["learned"])
        for index in document.prefixes[0].paths.indices.prefix(2) {
            document.prefixes[0].paths[index].pathID = UInt32(index + 7)
        }
        #expect(Render.explain(document) == (try golden("explain-paths")))
    }

    @Test func `one session`() throws {
        #expect(Render.session(Canned.torUp) == (try golden("one-session")))
    }

    @Test func `one session that is down`() throws {
        #expect(Render.session(Canned.torRefused) == (try golden("one-session-that-is-down")))
    }

    @Test func `what is kept of a peer that restarts stands beside why it is away`() {
        var session = Canned.torRefused
        session.kept = KeptPathsDocument(paths: 5000, endsInSeconds: 98)
        let table = Render.sessions(SessionsDocument(sessions: [session]))
        #expect(table.contains("; 5000 stale paths kept for 1m38s"))
        #expect(Render.session(session).contains("Routes      5000 stale paths kept for 1m38s"))
        session.kept = KeptPathsDocument(paths: 1)
        #expect(Render.sessions(SessionsDocument(sessions: [session])).contains("; 1 stale path kept\n"))
    }

    @Test func `routes`() throws {
        #expect(Render.routes(Canned.routes) == (try golden("routes")))
    }

    @Test func `routes, wide`() throws {
        #expect(Render.routes(Canned.routes, wide: true) == (try golden("routes-wide")))
    }

    @Test func `fib`() throws {
        #expect(Render.fib(Canned.fib) == (try golden("fib")))
    }

    @Test func `pods`() throws {
        #expect(Render.pods(Canned.pods) == (try golden("pods")))
    }

    @Test func `pods, wide`() throws {
        #expect(Render.pods(Canned.pods, wide: true) == (try golden("pods-wide")))
    }

    @Test func `status`() throws {
        #expect(Render.status(Canned.status) == (try golden("status")))
    }

    @Test(arguments: ["learned", "rejected", "own-pod", "unassigned"])
    func `an explanation`(name: String) throws {
        let document = try #require(Canned.explanations[name])
        #expect(Render.explain(document) == (try golden("explain-\(name)")))
        #expect(try ControlJSON.decode(ExplainDocument.self, from: try ControlJSON.encode(document)) == document)
    }

    @Test func `a dry run of policies`() throws {
        #expect(Render.policy(Canned.policy) == (try golden("policy")))
        #expect(Render.policy(Canned.refusedPolicy) == (try golden("policy-rejected")))
    }

    @Test func `history`() throws {
        #expect(Render.history(Canned.history) == (try golden("history")))
        #expect(Render.history(HistoryDocument(peer: "tor-9", events: [])) == "Nothing has happened with tor-9.\n")
    }

    @Test func `health`() throws {
        #expect(Render.health(Canned.notReady) == (try golden("ready")))
    }

    @Test func `a drain is shown with its text wherever somebody looks`() throws {
        let drained = DrainDocument(state: .drained, message: "new kernel", sessions: 2)
        var status = Canned.status
        status.drain = drained
        let texts = [
            Render.drain(drained), Render.status(status),
            Render.sessions(SessionsDocument(sessions: [Canned.torUp], drain: drained)),
        ]
        for text in texts {
            #expect(text.contains("Drained (\"new kernel\"): nothing is announced, 2 sessions shut down"))
        }
    }

    @Test func `wall-clock time needs no time zone`() {
        for (milliseconds, text) in [
            (Int64(0), "1970-01-01 00:00:00.000"), (951_782_399_999, "2000-02-28 23:59:59.999"),
            (951_782_400_000, "2000-02-29 00:00:00.000"), (4_107_542_399_001, "2100-02-28 23:59:59.001"),
            (4_107_542_400_000, "2100-03-01 00:00:00.000"), (-1, "1969-12-31 23:59:59.999"),
            (1_795_309_323_456, "2026-11-22 01:02:03.456"),
        ] {
            #expect(UTCTime.text(milliseconds) == text)
        }
    }

    @Test func `empty documents say what that means`() {
        #expect(
            Render.sessions(SessionsDocument(sessions: []))
                == "No peers are configured: add them under bgp.peers in martletd.yaml.\n")
        #expect(Render.routes(RoutesDocument(routes: [])) == "No routes.\n")
        #expect(Render.pods(PodsDocument(pods: [])) == "No pods of this network on this node.\n")
        let off = FIBDocument(routes: [], counters: FIBCountersDocument(), enabled: false)
        #expect(Render.fib(off) == "The kernel is left alone: the configuration says fib.enabled: false.\n")
    }

    @Test func `a peer cannot write to the operator's terminal`() {
        var session = Canned.torRefused
        session.lastError = SessionErrorDocument(
            direction: .received, code: 6, subcode: 2, text: "bye\u{1b}[2J\u{9b}\nroot#", secondsAgo: 1)
        for text in [Render.sessions(SessionsDocument(sessions: [session])), Render.session(session)] {
            #expect(text.contains("bye\u{fffd}[2J\u{fffd}\u{fffd}root#"))
            #expect(!text.unicodeScalars.contains { $0.properties.generalCategory == .control && $0 != "\n" })
        }
    }

    @Test func `a family that the peer did not offer is shown as such`() {
        var session = Canned.torUp
        session.families = [SessionFamilyDocument(family: "ipv6-unicast", negotiated: false)]
        let row = Render.sessions(SessionsDocument(sessions: [session])).split(separator: "\n").last
        #expect(row?.hasSuffix("not offered by the peer") == true)
    }
}
