import Foundation
import TestKit

/// The daemon of a router: one that may die and be started again.
package final class Service: @unchecked Sendable {
    private let command: [String]
    private let namespace: Namespace
    private let log: String
    private let lock = NSLock()
    private var daemon: Daemon

    /// Starts it and waits until `ready` holds.
    package init(
        _ command: [String], in namespace: Namespace, log: String, ready what: String, _ ready: () throws -> Bool
    ) throws {
        (self.command, self.namespace, self.log) = (command, namespace, log)
        daemon = try Daemon(command, in: namespace, log: log)
        try wait(for: what, ready)
    }

    private var current: Daemon { lock.withLock { daemon } }

    package var isRunning: Bool { current.isRunning }
    package var logTail: String { current.logTail }
    /// All that it wrote to standard output and error, of every start.
    package var output: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    private func wait(for what: String, _ ready: () throws -> Bool) throws {
        do { try current.wait(for: what, ready) } catch {
            killNow()
            throw error
        }
    }

    /// Starts it once more, with more arguments.
    package func start(
        adding arguments: [String] = [], ready what: String, _ ready: () throws -> Bool
    ) throws {
        let next = try Daemon(command + arguments, in: namespace, log: log)
        lock.withLock { daemon = next }
        try wait(for: what, ready)
    }

    package func stop() { current.stop() }
    package func killNow() { current.killNow() }
    package func keep() { current.keep() }
}
