import CLinux
import Glibc

/// A pod's network namespace, held open. The plugin is single-threaded: it enters with its only thread and comes back.
package final class PodNamespace {
    /// Descriptor that netlink takes to make a link in the namespace.
    let descriptor: CInt
    private let own: CInt
    private let path: String

    package init(path: String) throws(LibnlError) {
        descriptor = clinux_open(path, O_RDONLY, 0)
        guard descriptor >= 0 else { throw LibnlError("open network namespace \(path)", code: errno) }
        own = clinux_open("/proc/self/ns/net", O_RDONLY, 0)
        self.path = path
        guard own >= 0 else { throw LibnlError("open /proc/self/ns/net", code: errno) }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if own >= 0 { close(own) }
    }

    /// Runs `body` in the pod's namespace.
    package func inside<T>(_ body: () throws(LibnlError) -> T) throws(LibnlError) -> T {
        guard clinux_setns_net(descriptor) == 0 else {
            throw LibnlError("enter network namespace \(path)", code: errno)
        }
        let result = Result { () throws(LibnlError) in try body() }
        guard clinux_setns_net(own) == 0 else { throw LibnlError("leave network namespace \(path)", code: errno) }
        return try result.get()
    }
}
