import Glibc

/// What a child process left behind.
package struct FinishedProcess: Sendable {
    let waitStatus: CInt
    /// What it wrote.
    package let output: [UInt8]

    package var succeeded: Bool { waitStatus == 0 }

    /// The wait status in words.
    package var end: String {
        let signal = waitStatus & 0x7f
        return signal == 0 ? "status \(waitStatus >> 8 & 0xff)" : "signal \(signal)"
    }
}

/// A child that does not read its input must give EPIPE, and not end us.
private let brokenPipesAreErrors: Void = { _ = signal(SIGPIPE, SIG_IGN) }()

/// Runs a program, feeds it `input`, and collects its standard output; its errors go where ours go, or with
/// `joinsErrors` into the output. One that is silent for `patience` milliseconds is killed; negative: never.
package func runProcess(
    _ path: String, arguments: [String] = [], environment: Variables, input: [UInt8], joinsErrors: Bool = false,
    patience: CInt = -1
) throws(SystemError) -> FinishedProcess {
    _ = brokenPipesAreErrors
    let (stdinRead, stdinWrite) = try makePipe()
    let (stdoutRead, stdoutWrite): (CInt, CInt)
    do { (stdoutRead, stdoutWrite) = try makePipe() } catch {
        close(stdinRead)
        close(stdinWrite)
        throw error
    }
    let spawned = Result { () throws(SystemError) in
        try spawn(
            [path] + arguments, environment: environment, stdin: stdinRead, stdout: stdoutWrite,
            stderr: joinsErrors ? stdoutWrite : nil)
    }
    close(stdinRead)
    close(stdoutWrite)
    defer { close(stdoutRead) }
    guard case .success(let pid) = spawned else {
        close(stdinWrite)
        return try FinishedProcess(waitStatus: spawned.get(), output: [])
    }
    let output = exchange(input, to: stdinWrite, from: stdoutRead, patience) { _ = kill(pid, SIGKILL) }
    var status: CInt = 0
    while waitpid(pid, &status, 0) < 0 {
        guard errno == EINTR else { throw SystemError("waitpid", errno) }
    }
    return FinishedProcess(waitStatus: status, output: output)
}

/// A pipe whose ends no child inherits by accident (we are single-threaded, so no fork can come between the calls).
private func makePipe() throws(SystemError) -> (read: CInt, write: CInt) {
    var ends: [CInt] = [0, 0]
    guard pipe(&ends) == 0, let read = ends.first, let write = ends.last else { throw SystemError("pipe", errno) }
    _ = fcntl(read, F_SETFD, FD_CLOEXEC)
    _ = fcntl(write, F_SETFD, FD_CLOEXEC)
    return (read, write)
}

private func spawn(
    _ command: [String], environment: Variables, stdin: CInt, stdout: CInt, stderr: CInt?
) throws(SystemError) -> pid_t {
    let path = command.first ?? ""
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, stdin, 0)
    posix_spawn_file_actions_adddup2(&actions, stdout, 1)
    if let stderr { posix_spawn_file_actions_adddup2(&actions, stderr, 2) }
    // We ignore SIGPIPE; the child must not inherit that.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var defaults = sigset_t()
    sigemptyset(&defaults)
    sigaddset(&defaults, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
    var variables = environment.assignments.map { strdup($0) } + [nil]
    var arguments = command.map { strdup($0) } + [nil]
    defer { for text in variables + arguments { free(text) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, path, &actions, &attributes, &arguments, &variables)
    guard code == 0 else { throw SystemError("posix_spawn \(path)", code) }
    return pid
}

/// Writes and reads at the same time, so that neither side waits for the other with a full pipe; closes `sink`.
private func exchange(
    _ input: [UInt8], to sink: CInt, from source: CInt, _ patience: CInt, _ giveUp: () -> Void
) -> [UInt8] {
    _ = fcntl(sink, F_SETFL, O_NONBLOCK)
    var (rest, output) = (input[...], [UInt8]())
    var buffer = [UInt8](repeating: 0, count: 4096)
    var isOpen = true
    func finishWriting() {
        if isOpen { close(sink) }
        isOpen = false
    }
    defer { finishWriting() }
    while true {
        if rest.isEmpty { finishWriting() }
        // A negative descriptor is skipped by poll.
        var watched = [
            pollfd(fd: source, events: Int16(POLLIN), revents: 0),
            pollfd(fd: isOpen ? sink : -1, events: Int16(POLLOUT), revents: 0),
        ]
        let events = poll(&watched, nfds_t(watched.count), patience)
        if events < 0, errno != EINTR { return output }
        if events == 0 {
            giveUp()
            return output
        }
        if isOpen, watched.last?.revents != 0 {
            let wrote = rest.withUnsafeBytes { write(sink, $0.baseAddress, $0.count) }
            if wrote >= 0 { rest = rest.dropFirst(wrote) } else if errno != EAGAIN, errno != EINTR { finishWriting() }
        }
        guard watched.first?.revents != 0 else { continue }
        let got = read(source, &buffer, buffer.count)
        if got == 0 || (got < 0 && errno != EINTR) { return output }
        if got > 0, output.count <= PluginProcess.maximumInput { output += buffer.prefix(got) }
    }
}
