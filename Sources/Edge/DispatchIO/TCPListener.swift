import CLinux
import Dispatch
import Glibc
import NetTypes

/// Accepts TCP connections on a loop's queue.
package final class TCPListener {
    private let source: any DispatchSourceRead

    /// `onAccept` gets a non-blocking descriptor that it owns, on `queue`.
    package init(
        on local: SocketAddress, queue: DispatchQueue, onAccept: @escaping (CInt, SocketAddress) -> Void
    ) throws(SystemError) {
        let fd = try TCPSocket.listen(on: local)
        source = DispatchSource.makeReadSource(fileDescriptor: fd, queue: queue)
        source.setEventHandler { [weak self] in
            // Drained: a Dispatch read source on Linux may not tell again of what is left.
            while true {
                let accepted = clinux_accept(fd, nil, nil)
                guard accepted >= 0 else {
                    if Self.isExhausted(errno) { self?.rest(queue) }
                    return
                }
                if let remote = TCPSocket.remoteAddress(accepted) {
                    TCPSocket.setForBGP(accepted, remote.domain)
                    onAccept(accepted, remote)
                } else {
                    close(accepted)
                }
            }
        }
        source.setCancelHandler { close(fd) }
        source.activate()
    }

    package func cancel() { source.cancel() }

    deinit { source.cancel() }

    /// Out of descriptors or memory: the connection stays in the backlog, and is told of again and again.
    private static func isExhausted(_ code: CInt) -> Bool { [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(code) }

    /// Does not listen for a second, instead of spinning.
    private func rest(_ queue: DispatchQueue) {
        source.suspend()
        // Suspending and resuming is safe from everywhere.
        nonisolated(unsafe) let source = source
        queue.asyncAfter(deadline: .now() + 1) { source.resume() }
    }
}
