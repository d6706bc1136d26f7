import CLinux
import CNetlink
import Glibc

/// A raw `NETLINK_ROUTE` socket. It belongs to the network namespace of the thread that opens it, whoever uses it
/// later.
package final class NetlinkSocket {
    /// For a Dispatch source; the socket closes it.
    package let descriptor: Int32
    /// Our address: the kernel writes it into notifications that our own requests cause.
    package let portID: UInt32
    private var isOpen = true

    /// `groups`: `RTNLGRP_*` to listen to; with any, reads do not block.
    package init(groups: [UInt32] = []) throws(NetlinkError) {
        descriptor = try Self.check("open a netlink socket") {
            socket(AF_NETLINK, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), NETLINK_ROUTE)
        }
        do {
            Self.configure(descriptor)
            portID = try Self.bind(descriptor)
            try Self.listen(descriptor, groups: groups)
        } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    /// Opens a socket in the namespace at `path`; the calling thread comes straight back to its own.
    package static func open(groups: [UInt32] = [], namespace path: String?) throws(NetlinkError) -> NetlinkSocket {
        guard let path else { return try NetlinkSocket(groups: groups) }
        let own = try openNamespace("/proc/thread-self/ns/net")
        defer { Glibc.close(own) }
        let other = try openNamespace(path)
        defer { Glibc.close(other) }
        try check("enter \(path)") { clinux_setns_net(other) }
        let result = Result { () throws(NetlinkError) in try NetlinkSocket(groups: groups) }
        try check("return from \(path)") { clinux_setns_net(own) }
        return try result.get()
    }

    private static func openNamespace(_ path: String) throws(NetlinkError) -> Int32 {
        try check("open \(path)") { clinux_open(path, O_RDONLY, 0) }
    }

    deinit { close() }

    /// May be called any number of times; a Dispatch source on the descriptor must be cancelled before.
    package func close() {
        guard isOpen else { return }
        isOpen = false
        Glibc.close(descriptor)
    }

    private static func configure(_ descriptor: Int32) {
        // Forced sizes ignore net.core.rmem_max and need CAP_NET_ADMIN, which whoever changes routes has.
        if !set(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20) { set(descriptor, SOL_SOCKET, SO_RCVBUF, 8 << 20) }
        if !set(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, 1 << 20) { set(descriptor, SOL_SOCKET, SO_SNDBUF, 1 << 20) }
        // Each of these is an improvement that an old kernel may lack: the texts, short answers, exact dumps.
        for option in [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK] {
            set(descriptor, SOL_NETLINK, Int32(option), 1)
        }
    }

    /// After `bind`, which forgets memberships.
    private static func listen(_ descriptor: Int32, groups: [UInt32]) throws(NetlinkError) {
        for group in groups {
            try check("listen to netlink group \(group)") {
                set(descriptor, SOL_NETLINK, Int32(NETLINK_ADD_MEMBERSHIP), Int32(group)) ? 0 : -1
            }
        }
        if !groups.isEmpty { try check("make a netlink socket non-blocking") { clinux_set_nonblocking(descriptor) } }
    }

    /// Listens to a group that an old kernel may lack; false: it does.
    @discardableResult
    package func listen(toOptional group: Int32) -> Bool {
        Self.set(descriptor, SOL_NETLINK, Int32(NETLINK_ADD_MEMBERSHIP), group)
    }

    @discardableResult
    private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) -> Bool {
        var value = value
        return setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
    }

    private static func bind(_ descriptor: Int32) throws(NetlinkError) -> UInt32 {
        var address = sockaddr_nl()
        address.nl_family = sa_family_t(AF_NETLINK)
        var length = socklen_t(MemoryLayout<sockaddr_nl>.size)
        try withUnsafeMutablePointer(to: &address) { pointer throws(NetlinkError) in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer throws(NetlinkError) in
                _ = try check("bind a netlink socket") { Glibc.bind(descriptor, pointer, length) }
                _ = try check("ask for a netlink address") { getsockname(descriptor, pointer, &length) }
            }
        }
        return address.nl_pid
    }

    /// Sends whole messages to the kernel, which works on them before this returns.
    package func send(_ bytes: [UInt8]) throws(NetlinkError) {
        try Self.check("send a netlink request") { Glibc.send(descriptor, bytes, bytes.count, 0) }
    }

    /// Reads one datagram into `buffer`; nil when nothing waits. A datagram that does not fit is an error, not a short
    /// one.
    package func receive(into buffer: inout [UInt8]) throws(NetlinkError) -> Int? {
        do throws(NetlinkError) {
            let count = try Self.check("read from netlink") {
                recv(descriptor, &buffer, buffer.count, Int32(MSG_TRUNC))
            }
            guard count <= buffer.count else { throw NetlinkError(operation: "read from netlink", code: EMSGSIZE) }
            return count
        } catch {
            if error.code == EAGAIN { return nil }
            throw error
        }
    }

    /// Calls again after EINTR, and reads errno before anything else can change it.
    @discardableResult
    static func check<T: SignedInteger>(
        _ operation: @autoclosure () -> String, _ call: () -> T
    ) throws(NetlinkError) -> T {
        while true {
            let result = call()
            let code = errno
            if result >= 0 { return result }
            if code != EINTR { throw NetlinkError(operation: operation(), code: code) }
        }
    }
}
