import Foundation

/// Starts `command` (looked up in PATH) with these three as its standard descriptors and no other one: what another
/// thread has open to hear of the end of its own child must not live on in this one. Signals have their defaults, also
/// those that we ignore.
///
/// - Parameters:
///   - environment: nil for our own.
///   - ownGroup: whether it leads a process group: Ctrl-C is then for us alone.
package func spawn(
    _ command: [String], input: Int32, output: Int32, errors: Int32, environment: [String: String]? = nil,
    ownGroup: Bool = false
) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (number, descriptor) in [input, output, errors].enumerated() {
        posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
    }
    for descriptor in 3..<Int32(min(4096, sysconf(Int32(_SC_OPEN_MAX)))) {
        posix_spawn_file_actions_addclose(&actions, descriptor)
    }

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setpgroup(&attributes, 0)
    var (all, none) = (sigset_t(), sigset_t())
    sigfillset(&all)
    sigemptyset(&none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setsigmask(&attributes, &none)
    let flags = Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK)
    posix_spawnattr_setflags(&attributes, ownGroup ? flags | Int16(POSIX_SPAWN_SETPGROUP) : flags)

    var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    var variables: [UnsafeMutablePointer<CChar>?]? = environment.map { $0.map { strdup("\($0)=\($1)") } + [nil] }
    defer { for text in arguments + (variables ?? []) { free(text) } }
    var pid: pid_t = 0
    let code =
        variables.withPointer { variables in
            posix_spawnp(&pid, command.first ?? "", &actions, &attributes, &arguments, variables ?? environ)
        }
    guard code == 0 else { throw CommandFailed(command: command, reason: String(cString: strerror(code))) }
    return pid
}

extension [UnsafeMutablePointer<CChar>?]? {
    fileprivate mutating func withPointer<Result>(
        _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> Result
    ) -> Result {
        guard var list = self else { return body(nil) }
        return list.withUnsafeMutableBufferPointer { body($0.baseAddress) }
    }
}

/// Exit status as shells say it: 0...255, or 128 + signal.
package func shellStatus(_ status: Int32) -> Int32 {
    status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
}
