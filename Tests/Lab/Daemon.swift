import Foundation
import TestKit

/// A program that keeps running in a namespace, with its output in a file; ended by its pid, never by its name.
package final class Daemon: @unchecked Sendable {
    package let command: [String]
    package let pid: pid_t
    /// The file with all it wrote to standard output and error.
    package let log: String
    private let lock = NSLock()
    private var status: Int32?
    private let token: Cleanup.Token

    /// Starts `command` inside `namespace` (`ip netns exec` replaces itself, so `pid` is the program's own).
    package convenience init(_ command: [String], in namespace: Namespace, log: String) throws {
        try self.init(command, entry: ["ip", "netns", "exec", namespace.name], log: log)
    }

    /// Starts `command` by way of `entry`, which replaces itself by it.
    init(_ command: [String], entry: [String], log: String) throws {
        self.command = command
        self.log = log
        let pid = try Self.start(entry + command, log: log)
        self.pid = pid
        // At the end of the whole process there is no time for good manners.
        token = Cleanup.shared.add { if kill(pid, 0) == 0 { kill(pid, SIGKILL) } }
    }

    package var isRunning: Bool {
        lock.withLock {
            guard status == nil else { return false }
            var status: Int32 = 0
            guard waitpid(pid, &status, WNOHANG) != 0 else { return true }
            self.status = status
            return false
        }
    }

    /// 0...255, or 128 + signal; nil while it runs.
    package var exitStatus: Int32? {
        guard !isRunning, let status = lock.withLock({ status }) else { return nil }
        return shellStatus(status)
    }

    /// The end of its log.
    package var logTail: String {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return String(text.suffix(1500))
    }

    /// Waits until `ready` holds; tells the log if the program ended or the time passed.
    package func wait(for what: String, within seconds: Double = 20, _ ready: () throws -> Bool) throws {
        try eventually(what, within: seconds, last: { logTail }) {
            guard isRunning else { throw LabError("\(command[0]) ended with status \(exitStatus ?? -1)") }
            return try ready()
        }
    }

    /// Sends a signal to the running program.
    package func send(_ signal: Int32) { if isRunning { kill(pid, signal) } }

    /// SIGTERM, and SIGKILL for who does not listen. Returns its exit status.
    @discardableResult
    package func stop(within seconds: Double = 8) -> Int32 {
        send(SIGTERM)
        try? eventually("\(command[0]) ends", within: seconds) { !isRunning }
        return killNow()
    }

    /// SIGKILL: no goodbye of any kind. Returns when it is gone.
    @discardableResult
    package func killNow() -> Int32 {
        send(SIGKILL)
        try? eventually("\(command[0]) is dead") { !isRunning }
        Cleanup.shared.forget(token)
        return exitStatus ?? -1
    }

    /// It will outlive this process.
    package func keep() { Cleanup.shared.forget(token) }

    private static func start(_ command: [String], log: String) throws -> pid_t {
        let (null, file) = (
            open("/dev/null", O_RDONLY | O_CLOEXEC), open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        )
        defer { for descriptor in [null, file] where descriptor >= 0 { close(descriptor) } }
        guard null >= 0, file >= 0 else { throw LabError("\(log): \(errorText())") }
        // A process group of its own: we end the daemons in order.
        return try spawn(command, input: null, output: file, errors: file, ownGroup: true)
    }
}
