import ControlAPI
import Foundation
import TestKit

/// A directory for one test's sockets.
struct TemporaryDirectory {
    let path: String

    init() throws {
        path = String(try require("mktemp", "-d", "--tmpdir", "--suffix=-martlet-control-\(getpid())").dropLast())
    }

    func remove() { _ = try? run(["rm", "-rf", "--", path]) }
}

/// Runs `body` beside a server on a socket of its own; everything is gone afterwards, also on failure.
func withServer(
    _ provider: ClosureProvider = ClosureProvider(),
    _ body: (_ socket: String, _ server: ControlServer) async throws -> Void
) async throws {
    let directory = try TemporaryDirectory()
    defer { directory.remove() }
    let server = ControlServer(provider: provider)
    let socket = directory.path + "/martletd.sock"
    try await server.start(socket: socket)
    do {
        try await body(socket, server)
    } catch {
        await server.stop()
        throw error
    }
    await server.stop()
}

/// Runs blocking work on a thread of its own: tasks and Dispatch add threads too slowly when all of theirs block.
func blocking<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try work() }) }
    }
}

/// Blocks many until somebody opens it.
actor Gate {
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []

    func pass() async {
        guard !isOpen else { return }
        await withCheckedContinuation {
            waiting.append($0)
            let count = waiting.count
            watchers.filter { $0.count <= count }.forEach { $0.continuation.resume() }
            watchers.removeAll { $0.count <= count }
        }
    }

    /// Returns when so many wait.
    func untilWaiting(_ count: Int) async {
        guard waiting.count < count else { return }
        await withCheckedContinuation { watchers.append((count, $0)) }
    }

    func open() {
        isOpen = true
        waiting.forEach { $0.resume() }
        waiting = []
    }
}
