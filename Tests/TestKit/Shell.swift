import CLinux
import Foundation

/// What a finished process left behind.
package struct Finished: Sendable {
    /// Exit status, or 128 + signal as shells say.
    package let status: Int32
    package let output: String
    package let errors: String

    package var succeeded: Bool { status == 0 }

    package init(status: Int32, output: String, errors: String) {
        (self.status, self.output, self.errors) = (status, output, errors)
    }
}

/// A command could not be run, or failed where success was required.
package struct CommandFailed: Error, CustomStringConvertible {
    package let command: [String]
    package let finished: Finished?

    package var description: String {
        guard let finished else { return "\(command.joined(separator: " ")): cannot be started (is it installed?)" }
        return "\(command.joined(separator: " ")): exit \(finished.status): \(finished.errors)\(finished.output)"
    }
}

/// A child may end before it has read its input: that is an error of the write, not the end of the tests.
private let brokenPipesAreErrors: Void = { _ = signal(SIGPIPE, SIG_IGN) }()

/// Runs `command` (looked up in PATH), feeds it `input`, and returns what it printed; never throws for a bad exit
/// status.
@discardableResult
package func run(_ command: [String], input: String? = nil, environment: [String: String]? = nil) throws -> Finished {
    _ = brokenPipesAreErrors
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    if let environment {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        process.environment = environment.merging(["PATH": path]) { own, _ in own }
    }
    let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
    (process.standardInput, process.standardOutput, process.standardError) = (stdin, stdout, stderr)
    do { try process.run() } catch { throw CommandFailed(command: command, finished: nil) }
    // Input and errors are served by other threads: a child that fills one pipe must not wait for us to read another.
    let errors = Mailbox()
    let group = DispatchGroup()
    DispatchQueue.global().async(group: group) { errors.put(stderr.fileHandleForReading.readDataToEndOfFile()) }
    DispatchQueue.global().async(group: group) {
        try? stdin.fileHandleForWriting.write(contentsOf: Data((input ?? "").utf8))
        try? stdin.fileHandleForWriting.close()
    }
    let output = stdout.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    group.wait()
    let status = process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
    return Finished(
        status: status, output: String(decoding: output, as: UTF8.self),
        errors: String(decoding: errors.take(), as: UTF8.self))
}

/// As `run`, but a non-zero exit status throws; returns standard output.
@discardableResult
package func require(_ command: String..., input: String? = nil) throws -> String {
    let finished = try run(command, input: input)
    guard finished.succeeded else { throw CommandFailed(command: command, finished: finished) }
    return finished.output
}

private final class Mailbox: @unchecked Sendable {
    private let lock = NSLock()
    private var data = Data()
    func put(_ new: Data) { lock.withLock { data = new } }
    func take() -> Data { lock.withLock { data } }
}
