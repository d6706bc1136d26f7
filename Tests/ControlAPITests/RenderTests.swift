import ControlAPI
import Foundation
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

    @Test func `one session`() throws {
        #expect(Render.session(Canned.torUp) == (try golden("one-session")))
    }

    @Test func `one session that is down`() throws {
        #expect(Render.session(Canned.torRefused) == (try golden("one-session-that-is-down")))
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
