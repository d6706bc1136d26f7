import CLinux
import Glibc
import NetTypes

/// A TCP descriptor with the socket options that BGP wants. Owns nothing: whoever has the descriptor closes it.
package enum TCPSocket {
    /// A non-blocking socket that has begun to connect; from then on a write event tells the outcome. No packet leaves
    /// before the options and the key are set.
    package static func connect(
        to remote: SocketAddress, from local: SocketAddress?, options: TCPOptions = TCPOptions(), key: TCPKey? = nil,
        secret: TCPSecret? = nil
    ) throws(SystemError) -> CInt {
        let fd = try make(remote.domain)
        do {
            try apply(options, to: fd)
            if let key { try setKey(key, on: fd, for: remote.address) }
            try secret?.set(on: fd, for: remote.address)
            if let local {
                _ = try check("bind to \(local.address)") { local.withSockaddr { bind(fd, $0, $1) } }
            }
            do {
                _ = try check("connect") { remote.withSockaddr { Glibc.connect(fd, $0, $1) } }
            } catch  where error.code == EINPROGRESS {
                // Expected of a non-blocking socket.
            }
            return fd
        } catch {
            close(fd)
            throw error
        }
    }

    /// A listening socket; an IPv6 wildcard takes IPv4 too.
    package static func listen(on local: SocketAddress) throws(SystemError) -> CInt {
        let fd = try make(local.domain)
        do {
            try set(fd, SOL_SOCKET, SO_REUSEADDR, 1)
            if local.domain == AF_INET6 {
                try set(fd, CInt(IPPROTO_IPV6), IPV6_V6ONLY, local.address.isUnspecified ? 0 : 1)
            }
            try setForListening(fd)
            _ = try check("bind to \(local)") { local.withSockaddr { bind(fd, $0, $1) } }
            _ = try check("listen on \(local)") { Glibc.listen(fd, 128) }
            return fd
        } catch {
            close(fd)
            throw error
        }
    }

    private static func make(_ domain: CInt) throws(SystemError) -> CInt {
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        let fd = try check("socket") { socket(domain, type, 0) }
        setForBGP(fd)
        return fd
    }

    /// The outcome of a connect that was in progress; nil: connected.
    package static func pendingError(_ fd: CInt) -> SystemError? {
        var code: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        guard getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { return SystemError("getsockopt") }
        return code == 0 ? nil : SystemError("connect", code: code)
    }

    package static func localAddress(_ fd: CInt) -> SocketAddress? { address { getsockname(fd, $0, $1) } }

    package static func remoteAddress(_ fd: CInt) -> SocketAddress? { address { getpeername(fd, $0, $1) } }

    private static func address(
        _ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
    ) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, &length) }
        }
        return result == 0 ? SocketAddress(storage) : nil
    }
}
