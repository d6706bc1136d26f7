import CLinux
import Glibc
import NetTypes

/// What one BGP peer asks of the TCP connections with it.
package struct TCPOptions: Hashable, Sendable {
    /// TTL or hop limit of what we send, 1...255; 1 keeps an external session on its link.
    package var hopLimit: UInt8
    /// Packets that arrive with less are dropped by the kernel (GTSM, RFC 5082); 0: none are.
    package var minimumHopLimit: UInt8
    /// How long sent octets may stay unacknowledged before the connection ends; nil: as long as the kernel tries.
    package var userTimeout: Duration?
    /// The interface that packets leave by and arrive on; nil: any.
    package var interface: String?

    package init(hopLimit: UInt8 = 64, minimumHopLimit: UInt8 = 0, userTimeout: Duration? = nil) {
        (self.hopLimit, self.minimumHopLimit, self.userTimeout) = (hopLimit, minimumHopLimit, userTimeout)
    }
}

extension TCPSocket {
    /// Routing protocols go first: DSCP CS6 in the packets, and the band of control traffic in our own queues.
    package static let classSelector6: CInt = 0xc0
    package static let controlPriority: CInt = 6
    /// The furthest a packet can come from.
    private static let maximumHops: CInt = 255

    /// No delay (messages are packed already) and network-control class CS6; best effort, neither is vital.
    package static func setForBGP(_ fd: CInt) {
        try? set(fd, CInt(IPPROTO_TCP), TCP_NODELAY, 1)
        // An IPv6 socket may carry IPv4: it has both kinds of options.
        try? set(fd, CInt(IPPROTO_IP), IP_TOS, classSelector6)
        if domain(of: fd) == AF_INET6 { try? set(fd, CInt(IPPROTO_IPV6), IPV6_TCLASS, classSelector6) }
        // After IP_TOS, which changes the priority as well.
        try? set(fd, SOL_SOCKET, SO_PRIORITY, controlPriority)
    }

    /// Applies a peer's options. Without them a connection must not be used: a secured peer would not be.
    package static func apply(_ options: TCPOptions, to fd: CInt) throws(SystemError) {
        if let interface = options.interface { try setInterface(fd, interface) }
        try setHopLimit(fd, CInt(options.hopLimit))
        try setMinimumHopLimit(fd, CInt(options.minimumHopLimit))
        try setUserTimeout(fd, options.userTimeout)
    }

    /// A listener answers whoever calls from as far as it allows, and is heard by peers that demand a full hop limit.
    static func setForListening(_ fd: CInt) throws(SystemError) { try setHopLimit(fd, maximumHops) }

    private static func setHopLimit(_ fd: CInt, _ limit: CInt) throws(SystemError) {
        try set(fd, CInt(IPPROTO_IP), IP_TTL, limit)
        if domain(of: fd) == AF_INET6 { try set(fd, CInt(IPPROTO_IPV6), IPV6_UNICAST_HOPS, limit) }
    }

    /// The kernel drops what arrives with a lower TTL or hop limit, and counts it as TCPMinTTLDrop.
    static func setMinimumHopLimit(_ fd: CInt, _ limit: CInt) throws(SystemError) {
        try set(fd, CInt(IPPROTO_IP), IP_MINTTL, limit)
        if domain(of: fd) == AF_INET6 { try set(fd, CInt(IPPROTO_IPV6), IPV6_MINHOPCOUNT, limit) }
    }

    /// Sent octets stay unacknowledged for this long: the connection ends (RFC 793's user timeout).
    static func setUserTimeout(_ fd: CInt, _ time: Duration?) throws(SystemError) {
        let milliseconds = time.map { max(1, $0.nanoseconds / 1_000_000) } ?? 0
        try set(fd, CInt(IPPROTO_TCP), TCP_USER_TIMEOUT, CInt(clamping: milliseconds))
    }

    /// Nothing leaves by or arrives on another interface (SO_BINDTODEVICE).
    package static func setInterface(_ fd: CInt, _ name: String) throws(SystemError) {
        _ = try check("bind to interface \(name)") {
            setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, socklen_t(name.utf8.count + 1))
        }
    }

    /// Sets an integer option of any socket.
    package static func setOption(_ fd: CInt, _ level: CInt, _ name: CInt, _ value: CInt) throws(SystemError) {
        try set(fd, level, name, value)
    }

    static func set(_ fd: CInt, _ level: CInt, _ name: CInt, _ value: CInt) throws(SystemError) {
        var value = value
        _ = try check("setsockopt \(level)/\(name)") {
            setsockopt(fd, level, name, &value, socklen_t(MemoryLayout<CInt>.size))
        }
    }

    /// The value of an integer option; nil where the socket has no such option.
    package static func value(_ fd: CInt, _ level: CInt, _ name: CInt) -> CInt? {
        var value: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        return getsockopt(fd, level, name, &value, &length) == 0 ? value : nil
    }

    /// AF_INET or AF_INET6: what the socket is, whatever the family of its peer.
    static func domain(of fd: CInt) -> CInt { value(fd, SOL_SOCKET, SO_DOMAIN) ?? AF_UNSPEC }

    /// The C structure of a peer's address as options of `fd` want it: an IPv6 socket knows IPv4 peers by their
    /// mapped addresses only.
    static func sockaddrBytes(of peer: IPAddress, on fd: CInt, _ body: (UnsafeRawBufferPointer) -> Void) {
        guard case .v4(let ip) = peer, domain(of: fd) == AF_INET6 else {
            return SocketAddress(peer, port: 0).withSockaddr { body(UnsafeRawBufferPointer(start: $0, count: Int($1))) }
        }
        var storage = sockaddr_in6()
        storage.sin6_family = sa_family_t(AF_INET6)
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] + IPAddress.v4(ip).bytes
        withUnsafeMutableBytes(of: &storage.sin6_addr) { $0.copyBytes(from: mapped) }
        withUnsafeBytes(of: &storage, body)
    }
}

// MARK: - Keys

extension TCPSocket {
    /// Signs and checks a connection's segments from now on (RFC 2385); also a new key for a live connection.
    package static func setKey(_ key: TCPKey, on fd: CInt, for peer: IPAddress) throws(SystemError) {
        try key.set(on: fd, for: Prefix(host: peer))
    }
}
