import CLinux
import Dispatch
import Glibc
import NetTypes

/// Accepts TCP connections on a loop's queue.
package final class TCPListener {
    private let source: any DispatchSourceRead
    /// Open until the source's cancel handler has run.
    private let fd: CInt
    private var isCancelled = false

    /// `onAccept` gets a non-blocking descriptor that it owns, on `queue`.
    package init(
        on local: SocketAddress, queue: DispatchQueue, onAccept: @escaping (CInt, SocketAddress) -> Void
    ) throws(SystemError) {
        let fd = try TCPSocket.listen(on: local)
        self.fd = fd
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
                    TCPSocket.setForBGP(accepted)
                    onAccept(accepted, remote)
                } else {
                    close(accepted)
                }
            }
        }
        source.setCancelHandler { close(fd) }
        source.activate()
    }

    package func cancel() {
        isCancelled = true
        source.cancel()
    }

    /// Where it listens; the kernel's choice for port 0.
    package var localAddress: SocketAddress? { isCancelled ? nil : TCPSocket.localAddress(fd) }

    /// From now on `peer` must sign with this key (RFC 2385), or is not heard; nil: must not sign.
    package func setKey(_ key: TCPKey?, for peer: IPAddress) throws(SystemError) {
        try setKey(key, for: Prefix(host: peer))
    }

    /// As above for all addresses of a prefix; a longer prefix that has a key of its own goes first.
    package func setKey(_ key: TCPKey?, for peers: Prefix) throws(SystemError) {
        guard !isCancelled, reaches(peers.address) else { return }
        if let key { try key.set(on: fd, for: peers) } else { try TCPKey.remove(from: fd, for: peers) }
    }

    /// Hands out the descriptor for keys, if peers of that family can call it.
    func withDescriptor(
        for peers: Prefix, _ body: (CInt) throws(SystemError) -> Void
    ) throws(SystemError) {
        if !isCancelled, reaches(peers.address) { try body(fd) }
    }

    /// Calls that arrive with a lower TTL or hop limit are not even answered (RFC 5082); 0: all are.
    package func setMinimumHopLimit(_ limit: UInt8) throws(SystemError) {
        guard !isCancelled else { return }
        try TCPSocket.setMinimumHopLimit(fd, CInt(limit))
    }

    /// An IPv4 listener has no place for keys of IPv6 peers, who cannot call it either.
    private func reaches(_ peer: IPAddress) -> Bool { peer.family == .ipv4 || TCPSocket.domain(of: fd) == AF_INET6 }

    deinit { source.cancel() }

    /// Out of descriptors or memory: the connection stays in the backlog, and is told of again and again.
    private static func isExhausted(_ code: CInt) -> Bool { [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(code) }

    /// Does not listen for a tenth of a second, instead of spinning: calls that nobody waits for any more are in the
    /// backlog, and each place that becomes free is needed for one of them first.
    private func rest(_ queue: DispatchQueue) {
        source.suspend()
        // Suspending and resuming is safe from everywhere.
        nonisolated(unsafe) let source = source
        queue.asyncAfter(deadline: .now() + .milliseconds(100)) { source.resume() }
    }
}
