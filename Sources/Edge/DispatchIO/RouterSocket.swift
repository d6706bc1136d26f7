import CLinux
import Dispatch
import Glibc
import NetTypes

/// A raw ICMPv6 socket on one interface that hears router solicitations and advertisements, and nothing else. Needs
/// CAP_NET_RAW.
///
/// All methods and the handler run on the queue.
package final class RouterSocket {
    /// A message as it came: its octets, whose checksum the kernel has verified, and what IP said of it.
    package struct Datagram: Sendable, Hashable {
        package let bytes: [UInt8]
        package let source: IPv6Address
        /// -1: not told.
        package let hopLimit: Int
    }

    private static let types: [UInt32] = [133, 134]
    /// ICMP6_FILTER of netinet/icmp6.h: 256 bits, one a type; those that are set are not heard.
    private static let filterOption: CInt = 1
    /// Datagrams in one turn: a flood does not keep the queue.
    private static let datagramsPerTurn = 64
    private static let largest = 1500

    private let fd: CInt
    private let index: UInt32
    private let source: any DispatchSourceRead
    private var isCancelled = false

    /// `index` and `name` are the interface's.
    package init(
        interface name: String, index: UInt32, queue: DispatchQueue, onDatagram: @escaping (Datagram) -> Void
    ) throws(SystemError) {
        let fd = try Self.open(name, index)
        self.fd = fd
        self.index = index
        source = DispatchSource.makeReadSource(fileDescriptor: fd, queue: queue)
        source.setEventHandler { [weak self] in self?.read(queue, onDatagram) }
        source.setCancelHandler { close(fd) }
        source.activate()
    }

    package func cancel() {
        guard !isCancelled else { return }
        isCancelled = true
        source.cancel()
    }

    deinit { source.cancel() }

    /// Sends an ICMPv6 message with hop limit 255; its checksum is filled in.
    package func send(_ bytes: [UInt8], to destination: IPv6Address) throws(SystemError) {
        guard !isCancelled else { return }
        let target = SocketAddress(.v6(destination), port: 0, scope: index)
        _ = try check("send a router message") {
            target.withSockaddr { sendto(fd, bytes, bytes.count, CInt(MSG_NOSIGNAL), $0, $1) }
        }
    }

    // MARK: inside

    private static func open(_ name: String, _ index: UInt32) throws(SystemError) -> CInt {
        let type = CInt(SOCK_RAW.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        let fd = try check("open a raw ICMPv6 socket") { socket(AF_INET6, type, CInt(IPPROTO_ICMPV6)) }
        do throws(SystemError) {
            // Before anything else: what arrives until then would have to be thrown away by us.
            try setFilter(fd)
            try TCPSocket.setInterface(fd, name)
            let ipv6 = CInt(IPPROTO_IPV6)
            try TCPSocket.set(fd, ipv6, IPV6_RECVHOPLIMIT, 1)
            try TCPSocket.set(fd, ipv6, IPV6_MULTICAST_HOPS, 255)
            try TCPSocket.set(fd, ipv6, IPV6_UNICAST_HOPS, 255)
            try TCPSocket.set(fd, ipv6, IPV6_MULTICAST_LOOP, 0)
            try TCPSocket.set(fd, ipv6, IPV6_MULTICAST_IF, CInt(bitPattern: index))
            try join(fd, index)
            return fd
        } catch {
            close(fd)
            throw error
        }
    }

    private static func setFilter(_ fd: CInt) throws(SystemError) {
        var filter = [UInt32](repeating: .max, count: 8)
        for type in types { filter[Int(type >> 5)] &= ~(1 << (type & 31)) }
        _ = try check("set the ICMPv6 filter") { setsockopt(fd, CInt(IPPROTO_ICMPV6), filterOption, filter, 32) }
    }

    /// ff02::2, which solicitations go to; ff02::1 is heard by every node.
    private static func join(_ fd: CInt, _ index: UInt32) throws(SystemError) {
        var request = ipv6_mreq()
        withUnsafeMutableBytes(of: &request.ipv6mr_multiaddr) {
            $0.copyBytes(from: IPAddress.v6(IPv6Address(rawValue: 0xff02 << 112 | 2)).bytes)
        }
        request.ipv6mr_interface = index
        let size = socklen_t(MemoryLayout<ipv6_mreq>.size)
        _ = try check("join ff02::2") { setsockopt(fd, CInt(IPPROTO_IPV6), IPV6_JOIN_GROUP, &request, size) }
    }

    private func read(_ queue: DispatchQueue, _ onDatagram: (Datagram) -> Void) {
        var buffer = [UInt8](repeating: 0, count: Self.largest)
        for _ in 0..<Self.datagramsPerTurn {
            guard !isCancelled else { return }
            var details = clinux_datagram()
            let count = clinux_receive(fd, &buffer, buffer.count, CInt(MSG_DONTWAIT), &details)
            if count < 0 {
                // The interface has gone down: the owner hears of that from the kernel, and the socket stays good.
                if errno == EINTR || errno == ENETDOWN { continue }
                return
            }
            guard let remote = SocketAddress(details.source), case .v6(let source) = remote.address else { continue }
            onDatagram(Datagram(bytes: Array(buffer.prefix(count)), source: source, hopLimit: Int(details.hop_limit)))
        }
    }
}
