import FIB
import Glibc

/// The kernel refused, or the socket failed.
package struct NetlinkError: Error, Hashable, Sendable {
    /// What was tried: "install 10.244.2.0/24".
    package let operation: String
    /// errno, positive.
    package let code: Int32
    /// The kernel's own words (extended acknowledgement), if it had any.
    package let kernelMessage: String?

    package init(operation: String, code: Int32, kernelMessage: String? = nil) {
        self.operation = operation
        self.code = code
        self.kernelMessage = kernelMessage
    }

    /// Notifications or answers were lost because the receive buffer was full: everything must be read again.
    package var isOverrun: Bool { code == ENOBUFS }
}

extension NetlinkError: CustomStringConvertible {
    /// `install 10.244.2.0/24: Network is unreachable (kernel: Nexthop has invalid gateway)`
    package var description: String {
        let text = "\(operation): \(String(cString: strerror(code)))"
        return kernelMessage.map { "\(text) (kernel: \($0))" } ?? text
    }
}

extension NetlinkError {
    /// What it means for a route.
    package var problem: RouteProblem {
        RouteProblem(text: description, isOccupied: code == EEXIST, isMissing: code == ENOENT || code == ESRCH)
    }
}
