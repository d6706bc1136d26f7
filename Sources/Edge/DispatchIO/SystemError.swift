import Glibc

/// A system call that failed: its name and errno.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    package let call: String
    package let code: CInt

    package init(_ call: String, code: CInt = errno) {
        self.call = call
        self.code = code
    }

    package var description: String { "\(call): \(reason)" }

    /// The C library's words for the code, without the call.
    package var reason: String { strerror(code).map { String(cString: $0) } ?? "error \(code)" }
}

/// Runs a system call until it is not interrupted; -1 becomes an error. The only place that reads `errno` after a call.
package func check<Result: SignedInteger>(_ call: String, _ body: () -> Result) throws(SystemError) -> Result {
    while true {
        let result = body()
        let code = errno
        if result != -1 { return result }
        if code != EINTR { throw SystemError(call, code: code) }
    }
}
