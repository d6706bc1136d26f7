import BGPWire
import DispatchIO
import Foundation
import Glibc
import NetTypes
import Testing

/// A peer made of a blocking socket, which sends whatever a test wants.
final class RawPeer {
    private var fd: CInt
    private var framer = Framer()

    init(from local: IPAddress, to remote: SocketAddress) throws {
        fd = try check("socket") { socket(remote.domain, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0) }
        // Longer than a busy machine takes for anything; what ends earlier ends by itself.
        var time = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        let own = SocketAddress(local, port: 0)
        _ = try check("bind") { own.withSockaddr { bind(fd, $0, $1) } }
        _ = try check("connect") { remote.withSockaddr { Glibc.connect(fd, $0, $1) } }
    }

    deinit { close() }

    func close() {
        if fd >= 0 { Glibc.close(fd) }
        fd = -1
    }

    /// Closes with a reset.
    func reset() {
        var value = linger(l_onoff: 1, l_linger: 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    func send(_ bytes: [UInt8]) {
        var offset = 0
        while offset < bytes.count {
            let count = bytes[offset...].withUnsafeBytes {
                Glibc.send(fd, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            offset += count
        }
    }

    func send(_ message: Message) {
        var writer = ByteWriter()
        message.encode(into: &writer, in: DecodeContext())
        send(writer.bytes)
    }

    /// From now on a thread says KEEPALIVE each second, until the other side ends the connection.
    func keepAlive() throws {
        let fd = try check("dup") { fcntl(self.fd, F_DUPFD_CLOEXEC, 0) }
        var writer = ByteWriter()
        Message.keepalive.encode(into: &writer, in: DecodeContext())
        let octets = writer.bytes
        Thread.detachNewThread {
            while Glibc.send(fd, octets, octets.count, CInt(MSG_NOSIGNAL)) > 0 { _ = poll(nil, 0, 1000) }
            Glibc.close(fd)
        }
    }

    /// The next message; nil at the end of the stream.
    func next() throws -> Message? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            if let message = try framer.nextMessage(in: DecodeContext()) { return message }
            let count = read(fd, &buffer, buffer.count)
            guard count > 0 else { return nil }
            framer.append(buffer.prefix(count))
        }
    }

    /// All messages to the end of the stream.
    func rest() throws -> [Message] {
        var messages: [Message] = []
        while let message = try next() { messages.append(message) }
        return messages
    }

    /// The NOTIFICATION that ends the stream, as `code/subcode`; "none" when it ends without.
    func verdict() throws -> String {
        guard case .notification(let notification) = try rest().last else { return "none" }
        return "\(notification.code)/\(notification.subcode)"
    }

    static func open(_ number: UInt32, version: UInt8 = 4, hold: UInt16 = 90, id: UInt32 = 0x0a00_0001) -> Message {
        .open(
            Open(
                version: version, autonomousSystem: UInt16(number), holdTime: hold, routerID: RouterID(rawValue: id),
                capabilities: [
                    .multiprotocol(.ipv4), .multiprotocol(.ipv6), .routeRefresh,
                    .fourOctetAS(ASNumber(rawValue: number)),
                ]))
    }

    /// Brings the session up: both OPENs, both KEEPALIVEs, and our End-of-RIBs.
    func establish(_ number: UInt32) throws {
        send(Self.open(number))
        guard case .open = try next() else { throw SystemError("expected OPEN", code: EPROTO) }
        guard case .keepalive = try next() else { throw SystemError("expected KEEPALIVE", code: EPROTO) }
        send(.keepalive)
        var packer = UpdatePacker(fourOctetAS: true)
        packer.endOfRIB(.ipv4)
        packer.endOfRIB(.ipv6)
        send(packer.take())
    }

    func announce(_ prefix: Prefix, path: [UInt32]) { announce([prefix], path: path) }

    func announce(_ prefixes: [Prefix], path: [UInt32]) {
        var fields = AttributeFields()
        fields.asPath = ASPath([.init(kind: 2, numbers: path.map(ASNumber.init(rawValue:)))])
        let nextHop = IPAddress.v4(IPv4Address(rawValue: 0xc000_0263))
        var packer = UpdatePacker(fourOctetAS: true)
        _ = packer.announce(prefixes, with: PathAttributes(fields, nextHop: nextHop))
        send(packer.take())
    }

    func withdraw(_ prefixes: [Prefix]) {
        var packer = UpdatePacker(fourOctetAS: true)
        packer.withdraw(prefixes)
        send(packer.take())
    }

    /// Reads on until we are asked for a refresh of IPv4.
    func awaitRefresh() throws -> RouteRefresh? {
        while let message = try next() {
            if case .routeRefresh(let refresh) = message, refresh.afi == 1 { return refresh }
        }
        return nil
    }

    /// Reads on until a prefix is announced. The next hop of a session over loopback is a loopback address, which no
    /// router may use: RFC 7606 makes a fault of such an announcement, and that is how it is told from a withdrawal.
    func awaitAnnouncement(_ prefix: Prefix) throws -> Bool {
        try awaitUpdate { $0.withdrawn.contains(prefix) && !$0.faults.isEmpty }
    }

    /// The prefixes that come before both End-of-RIBs have come.
    func firstTable() throws -> [Prefix] {
        var (prefixes, ends): ([Prefix], Set<AddressFamily>) = ([], [])
        while ends.count < 2, let message = try next() {
            guard case .update(let update) = message else { continue }
            if let family = update.endOfRIB { ends.insert(family) }
            prefixes += update.withdrawn
        }
        return ends.count == 2 ? prefixes : []
    }

    /// Reads on until a prefix is withdrawn.
    func awaitWithdrawal(_ prefix: Prefix) throws -> Bool {
        try awaitUpdate { $0.withdrawn.contains(prefix) && $0.faults.isEmpty }
    }

    private func awaitUpdate(_ isWanted: (Update) -> Bool) throws -> Bool {
        while let message = try next() {
            if case .update(let update) = message, isWanted(update) { return true }
        }
        return false
    }
}

/// Keeps what blocks off the threads that all other tests run on.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}
