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
    /// What it did, or why it could not be started.
    package let reason: String

    package var description: String { "\(command.joined(separator: " ")): \(reason)" }

    init(command: [String], reason: String) { (self.command, self.reason) = (command, reason) }

    init(command: [String], finished: Finished) {
        self.init(command: command, reason: "exit \(finished.status): \(finished.errors)\(finished.output)")
    }
}

/// Runs `command` (looked up in PATH), feeds it `input`, and returns what it printed; never throws for a bad exit
/// status. One that is not done after ten minutes is killed, and that is an error.
///
/// The calling thread does it all: hundreds of tests wait here at once, and a thread that a queue would have to find
/// for a pipe may then not come before one of them is done.
@discardableResult
package func run(_ command: [String], input: String? = nil, environment: [String: String]? = nil) throws -> Finished {
    var environment = environment
    if environment != nil, let path = ProcessInfo.processInfo.environment["PATH"] { environment?["PATH"] = path }
    var child = try Child(command, input: Array((input ?? "").utf8), environment: environment)
    guard let status = child.wait(until: Date(timeIntervalSinceNow: 600)) else {
        throw CommandFailed(command: command, reason: "not done after ten minutes: \(child.texts)")
    }
    return Finished(status: shellStatus(status), output: child.texts.output, errors: child.texts.errors)
}

/// As `run`, but a non-zero exit status throws; returns standard output.
@discardableResult
package func require(_ command: String..., input: String? = nil) throws -> String {
    let finished = try run(command, input: input)
    guard finished.succeeded else { throw CommandFailed(command: command, finished: finished) }
    return finished.output
}

/// A child may end before it has read its input: that is an error of the write, not the end of the tests.
private let brokenPipesAreErrors: Void = { _ = signal(SIGPIPE, SIG_IGN) }()

/// A process and our ends of its three pipes.
private struct Child {
    private let pid: pid_t
    private var input: (descriptor: Int32, rest: ArraySlice<UInt8>)
    private var outputs: [(descriptor: Int32, bytes: [UInt8])]

    var texts: (output: String, errors: String) {
        (String(decoding: outputs[0].bytes, as: UTF8.self), String(decoding: outputs[1].bytes, as: UTF8.self))
    }

    init(_ command: [String], input bytes: [UInt8], environment: [String: String]?) throws {
        _ = brokenPipesAreErrors
        var pipes: [[Int32]] = []
        func closeAll(_ end: Int) { for pipe in pipes { close(pipe[end]) } }
        for number in 0..<3 {
            var ends: [Int32] = [-1, -1]
            guard pipe(&ends) == 0 else {
                let reason = "pipe: \(String(cString: strerror(errno)))"
                closeAll(0)
                closeAll(1)
                throw CommandFailed(command: command, reason: reason)
            }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            // The child's end first.
            pipes.append(number == 0 ? ends : ends.reversed())
        }
        defer { closeAll(0) }
        do {
            pid = try spawn(
                command, input: pipes[0][0], output: pipes[1][0], errors: pipes[2][0], environment: environment)
        } catch {
            closeAll(1)
            throw error
        }
        for pipe in pipes { _ = fcntl(pipe[1], F_SETFL, O_NONBLOCK) }
        input = (pipes[0][1], bytes[...])
        outputs = [(pipes[1][1], []), (pipes[2][1], [])]
    }

    /// Serves the pipes until the process has ended, and returns its status; nil, and it is dead, if the time is over.
    mutating func wait(until end: Date) -> Int32? {
        defer { closeAll() }
        var status: Int32 = 0
        // A pipe that a grandchild holds open for a second after the end is not waited for.
        var isOver: Date?
        while true {
            if isOver == nil, waitpid(pid, &status, WNOHANG) == pid { isOver = Date() }
            let isOpen = outputs.contains { $0.descriptor >= 0 }
            if let isOver, !isOpen || Date() > isOver + 1 { return status }
            if Date() > end {
                if isOver == nil {
                    kill(pid, SIGKILL)
                    waitpid(pid, &status, 0)
                }
                return nil
            }
            serve(within: isOpen ? 100 : 1)
        }
    }

    private mutating func serve(within milliseconds: Int32) {
        if input.rest.isEmpty { closeInput() }
        var entries = [pollfd(fd: input.descriptor, events: Int16(POLLOUT), revents: 0)]
        entries += outputs.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        guard poll(&entries, nfds_t(entries.count), milliseconds) > 0 else { return }
        if entries[0].revents != 0 {
            let count = input.rest.withUnsafeBytes { write(input.descriptor, $0.baseAddress, $0.count) }
            if count > 0 { input.rest = input.rest.dropFirst(count) } else if errno != EAGAIN { closeInput() }
        }
        for index in outputs.indices where entries[index + 1].revents != 0 { read(index) }
    }

    private mutating func read(_ index: Int) {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = Glibc.read(outputs[index].descriptor, &buffer, buffer.count)
        if count > 0 {
            outputs[index].bytes += buffer[..<count]
        } else if count == 0 || errno != EAGAIN {
            close(outputs[index].descriptor)
            outputs[index].descriptor = -1
        }
    }

    private mutating func closeInput() {
        if input.descriptor >= 0 { close(input.descriptor) }
        input.descriptor = -1
    }

    private mutating func closeAll() {
        closeInput()
        for index in outputs.indices where outputs[index].descriptor >= 0 {
            close(outputs[index].descriptor)
            outputs[index].descriptor = -1
        }
    }
}
