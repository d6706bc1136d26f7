import AgentClient
import ControlAPI
import Glibc
import TestKit
import Testing

struct SocketTests {
    @Test func `the socket is for its owner and group`() async throws {
        try await withServer { socket, _ async throws in
            #expect(try require("stat", "-c", "%a", socket) == "660\n")
        }
    }

    @Test func `a second agent is refused, and the first stays`() async throws {
        try await withServer { socket, _ async throws in
            let second = ControlServer(provider: ClosureProvider())
            await #expect(throws: ControlServerError.alreadyRunning(socket: socket)) {
                try await second.start(socket: socket)
            }
            #expect(try await blocking { try ControlClient(socket: socket).get(.status).count } > 0)
        }
    }

    @Test func `a stale socket is replaced`() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let path = directory.path + "/s.sock"
        try bindAndForget(path)
        #expect(throws: ControlError.notRunning(socket: path)) { try ControlClient(socket: path).get(.status) }
        let server = ControlServer(provider: ClosureProvider())
        try await server.start(socket: path)
        #expect(try await blocking { try ControlClient(socket: path).get(.status).count } > 0)
        await server.stop()
    }

    @Test func `a file in the way is left alone`() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let path = directory.path + "/s.sock"
        try require("touch", path)
        let server = ControlServer(provider: ClosureProvider())
        let error = await #expect(throws: ControlServerError.self) { try await server.start(socket: path) }
        #expect(
            error?.description
                == "the socket \(path) cannot be opened: something that is not a socket lies there; remove it")
        #expect(access(path, F_OK) == 0)
    }

    @Test func `a socket that another agent put in place survives our stop`() async throws {
        try await withServer { socket, server async throws in
            try require("rm", socket)
            try bindAndForget(socket)
            await server.stop()
            #expect(access(socket, F_OK) == 0)
        }
    }

    @Test func `a server starts again after its stop`() async throws {
        try await withServer { socket, server async throws in
            await server.stop()
            try await server.start(socket: socket)
            #expect(try await blocking { try ControlClient(socket: socket).get(.status).count } > 0)
        }
    }

    @Test(arguments: ["", "relative/\(String(repeating: "x", count: 120))"])
    func `a path that fits no socket is an error on both sides`(path: String) async {
        await #expect(throws: ControlServerError.self) {
            try await ControlServer(provider: ClosureProvider()).start(socket: path)
        }
        #expect(throws: ControlError.self) { try ControlClient(socket: path).get(.status) }
    }

    @Test func `an agent that hangs is told from one that is not there`() async throws {
        let gate = Gate()
        let provider = ClosureProvider { _ in
            await gate.pass()
            return .pods(Canned.pods)
        }
        try await withServer(provider) { socket, _ async throws in
            await #expect(throws: ControlError.timedOut(socket: socket)) {
                try await blocking { try ControlClient(socket: socket, timeout: 1).get(.pods) }
            }
            await gate.open()
        }
    }

    /// Leaves a socket in the file system that nobody listens on, as a killed agent does.
    private func bindAndForget(_ path: String) throws {
        let code = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()"
        try require("python3", "-c", code, path)
    }
}
