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
        source.setEventHandler {
            // Drained: a Dispatch read source on Linux may not tell again of what is left.
            while true {
                let accepted = clinux_accept(fd, nil, nil)
                guard accepted >= 0 else { return }
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
}
