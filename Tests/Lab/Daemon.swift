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
        let pid = try Self.spawn(entry + command, log: log)
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
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
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

    private static func spawn(_ command: [String], log: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // What another thread has open to hear of the end of its own child must not live on in a daemon.
        for descriptor in 3..<Int32(min(1024, sysconf(Int32(_SC_OPEN_MAX)))) {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A process group of its own: Ctrl-C is for us, we end the daemons in order. And no inherited ignored signals.
        posix_spawnattr_setpgroup(&attributes, 0)
        var defaults = sigset_t()
        sigfillset(&defaults)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP) | Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK))
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) }
        defer { for argument in arguments { free(argument) } }
        arguments.append(nil)
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, command[0], &actions, &attributes, arguments, environ)
        guard code == 0 else { throw LabError("\(command.joined(separator: " ")): \(errorText(code))") }
        return pid
    }
}
