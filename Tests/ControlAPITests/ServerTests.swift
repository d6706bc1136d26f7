import AgentClient
import ControlAPI
import DispatchIO
import Glibc
import NetTypes
import TestKit
import Testing

struct ServerTests {
    @Test func `every path answers with its document`() async throws {
        try await withServer { socket, _ async throws in
            let client = ControlClient(socket: socket)
            func document<D: Decodable & Sendable>(_ type: D.Type, _ request: ControlRequest) async throws -> D {
                try await blocking { try client.decode(type, try client.get(request)) }
            }
            #expect(try await document(StatusDocument.self, .status) == Canned.status)
            #expect(try await document(SessionsDocument.self, .sessions) == Canned.sessions)
            #expect(try await document(SessionsDocument.self, .session("tor-1")).sessions == [Canned.torUp])
            #expect(try await document(RoutesDocument.self, .routes(RouteQuery())) == Canned.routes)
            #expect(try await document(FIBDocument.self, .fib(.all)) == Canned.fib)
            #expect(try await document(PodsDocument.self, .pods) == Canned.pods)
        }
    }

    @Test func `the provider sees the request as the client meant it`() async throws {
        let prefix = try #require(Prefix("fd00:10:244::/48"))
        let request = ControlRequest.routes(
            RouteQuery(table: .received(peer: "a b/c?d&e=ü"), selection: .within(prefix), limit: 7))
        let provider = ClosureProvider { seen in
            seen == request ? .pods(Canned.pods) : .error(status: 500, message: "\(seen)")
        }
        try await withServer(provider) { socket, _ async throws in
            let client = ControlClient(socket: socket)
            #expect(try await blocking { try client.decode(PodsDocument.self, try client.get(request)) } == Canned.pods)
        }
    }

    @Test func `what the provider refuses reaches the client in words`() async throws {
        try await withServer { socket, _ async throws in
            await #expect(throws: ControlError.refused(status: 404, message: "no peer \"nobody\" is configured")) {
                try await blocking { try ControlClient(socket: socket).get(.session("nobody")) }
            }
        }
    }

    @Test func `unknown paths and parameters are refused with JSON`() async throws {
        try await withServer { socket, _ async throws in
            let client = ControlClient(socket: socket)
            for (path, status) in [
                ("/", 404), ("/v2/sessions", 404), ("/v1/sessions/", 404), ("/v1/pods/x", 404), ("/v1/pods?x=1", 400),
                ("/v1/routes?table=odd", 400), ("/v1/fib?prefix=10.0.0.1/8", 400), ("/v1/routes?limit=-1", 400),
            ] {
                let error = await #expect(throws: ControlError.self) { try await blocking { try client.get(path) } }
                guard case .refused(status, let message) = error else {
                    Issue.record("\(path): \(String(describing: error))")
                    continue
                }
                #expect(!message.hasPrefix("martletd answered with"), "\(path) has an error document")
            }
        }
    }

    @Test func `curl works, other methods get 405, and bodies are bounded`() async throws {
        try await withServer { socket, _ async throws in
            @Sendable func curl(_ arguments: String..., input: String? = nil) async throws -> String {
                let command = ["curl", "--silent", "--unix-socket", socket] + arguments
                return try await blocking { try run(command, input: input).output }
            }
            #expect(try await curl("http://x/v1/status").contains("\"node\" : \"node-a\""))
            let refused = try await curl("-i", "-X", "DELETE", "http://x/v1/status")
            #expect(refused.hasPrefix("HTTP/1.1 405"))
            #expect(refused.contains("Allow: GET"))
            #expect(refused.contains("\"error\" : \"only GET is served\""))
            let big = String(repeating: "x", count: 1 << 20)
            _ = try await curl("-X", "GET", "--data-binary", "@-", "http://x/v1/status", input: big)
            _ = try await curl("http://x/v1/status?" + big.prefix(100_000))
            #expect(try await curl("http://x/v1/status").contains("node-a"), "it still serves")
        }
    }

    @Test func `what changes something is asked for by POST alone`() async throws {
        try await withServer { socket, _ async throws in
            let client = ControlClient(socket: socket)
            let order = DrainOrder(waitMilliseconds: 0, message: "rack move: 42 & more")
            let answer = try await blocking {
                try client.decode(DrainDocument.self, try client.get(.drain(order)))
            }
            #expect(answer == DrainDocument(state: .drained, message: order.message, sessions: 2))
            await #expect(throws: ControlError.refused(status: 405, message: "only POST is served")) {
                try await blocking { try client.get("/v1/drain") }
            }
            await #expect(
                throws: ControlError.refused(status: 400, message: "wait must be a time up to 10m, such as 5s")
            ) {
                try await blocking { try client.get("/v1/drain?wait=forever") }
            }
        }
    }

    @Test func `the metrics port serves metrics and health, and nothing else`() async throws {
        let server = ControlServer(provider: ClosureProvider(), surface: .metrics)
        let loopback = try #require(IPAddress("127.0.0.1"))
        let port = try await server.start(on: SocketAddress(loopback, port: 0))
        @Sendable func curl(_ arguments: String...) async throws -> String {
            try await blocking { try run(["curl", "--silent", "-i"] + arguments).output }
        }
        let base = "http://127.0.0.1:\(port)"
        let metrics = try await curl(base + "/metrics")
        #expect(metrics.hasPrefix("HTTP/1.1 200"))
        #expect(metrics.contains("Content-Type: text/plain; version=0.0.4"))
        #expect(metrics.hasSuffix("\nmartlet_up 1\n"))
        #expect(try await curl(base + "/healthz").hasPrefix("HTTP/1.1 200"))
        #expect(try await curl(base + "/readyz").hasPrefix("HTTP/1.1 503"), "a check failed")
        for path in ["/v1/status", "/v1/drain", "/"] {
            #expect(try await curl(base + path).hasPrefix("HTTP/1.1 404"))
            #expect(try await curl("-X", "POST", base + path).hasPrefix("HTTP/1.1 404"))
        }
        await server.stop()
        #expect(try await curl(base + "/metrics") == "")
    }

    @Test func `a slow answer holds up nobody`() async throws {
        let gate = Gate()
        let provider = ClosureProvider { request in
            if request == .pods { await gate.pass() }
            return Canned.reply(to: request)
        }
        try await withServer(provider) { socket, _ async throws in
            let client = ControlClient(socket: socket)
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<20 { group.addTask { try await blocking { try client.get(.pods).count } } }
                await gate.untilWaiting(20)
                #expect(try await blocking { try client.get(.status).count } > 0)
                await gate.open()
                let sizes = try await group.reduce(into: Set<Int>()) { $0.insert($1) }
                #expect(sizes.count == 1)
            }
        }
    }

    @Test func `a long answer arrives whole`() async throws {
        let many = RoutesDocument(routes: Array(repeating: Canned.routes.routes, count: 4000).flatMap { $0 })
        try await withServer(ClosureProvider { _ in .routes(many) }) { socket, _ async throws in
            let client = ControlClient(socket: socket)
            #expect(try await blocking { try client.decode(RoutesDocument.self, try client.get("/v1/routes")) } == many)
        }
    }

    @Test func `a stop answers what waits, and removes the socket`() async throws {
        let gate = Gate()
        let provider = ClosureProvider { _ in
            await gate.pass()
            return .pods(Canned.pods)
        }
        try await withServer(provider) { socket, server async throws in
            let answer = Task { try await blocking { try ControlClient(socket: socket).get(.pods) } }
            await gate.untilWaiting(1)
            await server.stop()
            await #expect(throws: ControlError.refused(status: 503, message: "the agent is stopping")) {
                try await answer.value
            }
            #expect(access(socket, F_OK) != 0)
            await gate.open()
        }
    }
}
