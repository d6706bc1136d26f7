import ControlAPI
import Foundation
import TestKit
import Testing

/// The program itself, which the package builds beside the tests.
struct CommandTests {
    private static func martletctl(_ arguments: String...) async throws -> Finished { try await martletctl(arguments) }

    private static func martletctl(_ arguments: [String]) async throws -> Finished {
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let program = URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent("martletctl").path
        return try await blocking { try run([program] + arguments) }
    }

    @Test func `tables and JSON come from the agent`() async throws {
        try await withServer { socket, _ async throws in
            let table = try await Self.martletctl("sessions", "--socket", socket)
            #expect(table.output == Render.sessions(Canned.sessions))
            #expect(table.status == 0)
            let wide = try await Self.martletctl("pods", "-o", "wide", "--socket", socket)
            #expect(wide.output == Render.pods(Canned.pods, wide: true))
            let json = try await Self.martletctl("fib", "-o", "json", "--socket", socket)
            #expect(Array(json.output.utf8) == (try ControlJSON.encode(Canned.fib)))
        }
    }

    @Test func `arguments become the request that they mean`() async throws {
        let provider = ClosureProvider { .error(status: 404, message: $0.path) }
        try await withServer(provider) { socket, _ async throws in
            for (arguments, path) in [
                (["routes"], "/v1/routes"), (["routes", "10.1.2.3"], "/v1/routes?address=10.1.2.3"),
                (["routes", "--rejected"], "/v1/routes?table=rejected"),
                (["routes", "--rejected", "tor-1"], "/v1/routes?table=rejected&peer=tor-1"),
                (["routes", "--rejected", "10.0.0.0/8"], "/v1/routes?table=rejected&prefix=10.0.0.0%2F8"),
                (
                    ["routes", "--received", "tor-1", "10.0.0.0/8", "--longer"],
                    "/v1/routes?table=received&peer=tor-1&prefix=10.0.0.0%2F8&longer=true"
                ),
                (
                    ["routes", "--advertised", "tor-1", "--limit", "5"],
                    "/v1/routes?table=advertised&peer=tor-1&limit=5"
                ),
                (["session", "fd00::1"], "/v1/sessions/fd00::1"), (["fib", "fd00::/8"], "/v1/fib?prefix=fd00::%2F8"),
                (["status"], "/v1/status"), (["explain", "10.1.2.3"], "/v1/explain/10.1.2.3"),
                (["explain", "fd00::/8"], "/v1/explain/fd00::%2F8"), (["history", "a"], "/v1/sessions/a/history"),
                (["policy", "test", "a", "10.0.0.0/8"], "/v1/policy/a/10.0.0.0%2F8?direction=import"),
                (
                    [
                        "policy", "test", "a", "10.0.0.0/8", "--export", "--from", "b", "--as-path", "1 2",
                        "--community", "1:2", "--community", "no-export", "--large-community", "1:2:3", "--med", "4",
                        "--local-pref", "5", "--next-hop", "192.0.2.7",
                    ],
                    "/v1/policy/a/10.0.0.0%2F8?direction=export&from=b&asPath=1%202&nextHop=192.0.2.7&med=4"
                        + "&localPref=5&communities=1:2%2Cno-export&largeCommunities=1:2:3"
                ),
                (["drain", "--wait", "2s"], "/v1/drain?wait=2000ms"), (["undrain"], "/v1/undrain"),
                (["drain", "--message", "rack move"], "/v1/drain?wait=5000ms&message=rack%20move"),
                (["health"], "/healthz"), (["ready"], "/readyz"), (["metrics"], "/metrics"),
            ] {
                let finished = try await Self.martletctl(arguments + ["--socket", socket])
                #expect(finished.errors == "martletctl: \(path)\n")
                #expect(finished.status == 1)
            }
        }
    }

    @Test func `options may stand before a command, also one of two words`() async throws {
        let provider = ClosureProvider { .error(status: 404, message: $0.path) }
        try await withServer(provider) { socket, _ async throws in
            for (arguments, path) in [
                (["-o", "json", "routes", "10.1.2.3"], "/v1/routes?address=10.1.2.3"),
                (["policy", "test", "a", "10.0.0.0/8"], "/v1/policy/a/10.0.0.0%2F8?direction=import"),
                (["fib", "verify"], "/v1/fib/verify"),
            ] {
                let finished = try await Self.martletctl(["--socket", socket] + arguments)
                #expect(finished.errors == "martletctl: \(path)\n")
            }
            let ipam = try await Self.martletctl("--state-dir", "/nonexistent", "-o", "json", "ipam", "show")
            #expect(ipam.status != 2, "\(ipam.errors)")
        }
    }

    @Test func `a probe learns that a peer is down`() async throws {
        try await withServer { socket, _ async throws in
            #expect(try await Self.martletctl("sessions", "--check", "--socket", socket).status == 3)
        }
        let up = ClosureProvider { _ in .sessions(SessionsDocument(sessions: [Canned.torUp])) }
        try await withServer(up) { socket, _ async throws in
            #expect(try await Self.martletctl("sessions", "--check", "--socket", socket).status == 0)
        }
    }

    @Test func `a failed check is exit status 3 and still a table`() async throws {
        try await withServer { socket, _ async throws in
            let ready = try await Self.martletctl("ready", "--socket", socket)
            #expect(ready.status == 3)
            #expect(ready.output == Render.health(Canned.notReady))
            #expect(try await Self.martletctl("health", "--socket", socket).status == 0)
        }
    }

    @Test func `a missing agent and wrong usage have exit codes of their own`() async throws {
        let missing = try await Self.martletctl("pods", "--socket", "/nonexistent/m.sock")
        #expect(missing.status == 1)
        #expect(missing.output == "")
        #expect(missing.errors.hasPrefix("martletctl: martletd is not running (no answer on /nonexistent/m.sock)"))
        for arguments in [
            ["routes", "--longer"], ["routes", "10.0.0.1/8"], ["odd"], ["routes", "--received", "a", "--rejected"],
            ["explain", "10.0.0.1/8"], ["drain", "--wait", "5"],
            ["drain", "--message", String(repeating: "x", count: 256)],
        ] {
            let wrong = try await Self.martletctl(arguments)
            #expect(wrong.status == 2)
            #expect(wrong.errors.hasPrefix("Error: "))
        }
        #expect(try await Self.martletctl("--help").status == 0)
    }
}
