import BGPWire
import CLinux
import Foundation
import Glibc
import NetTypes
import TestKit

/// A BGP speaker made of one socket in a namespace, which does what no router would: only what a test tells it.
package final class RawSpeaker: @unchecked Sendable {
    /// What came in since `listen`.
    package struct Heard: Sendable {
        package var keepalives: [Date] = []
        package var updates = 0
        package var announced = 0
        package var withdrawn = 0
        package var notification: NotificationMessage?
        /// Why nothing more comes; nil while the connection is open.
        package var end: String?

        /// The longest time between two KEEPALIVEs, in seconds.
        package var longestGap: Double {
            zip(keepalives, keepalives.dropFirst()).map { $1.timeIntervalSince($0) }.max() ?? 0
        }
    }

    private let descriptor: Int32
    private let context = DecodeContext()
    private var framer = Framer()
    private let sending = NSLock()
    private let state = NSLock()
    private var heard = Heard()
    private var isOver = false

    /// Connects; `receiveBuffer` octets at most wait on this side for a reader.
    package init(in namespace: Namespace, from local: Endpoint, to remote: Endpoint, receiveBuffer: Int32? = nil) throws
    {
        descriptor = try namespace.inside { try Self.connect(local, remote, receiveBuffer) }
    }

    deinit { close(descriptor) }

    /// A blocking connection from the calling thread's namespace.
    package static func connect(_ local: Endpoint, _ remote: Endpoint, _ receiveBuffer: Int32? = nil) throws -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(remote.address.family.socketFamily, type, 0)
        guard descriptor >= 0 else { throw LabError("socket: \(errorText())") }
        func set(_ level: Int32, _ option: Int32, _ value: Int32) {
            var value = value
            setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        }
        set(SOL_SOCKET, SO_REUSEADDR, 1)
        set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        if let receiveBuffer { set(SOL_SOCKET, SO_RCVBUF, receiveBuffer) }
        var time = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        guard local.withSocketAddress({ bind(descriptor, $0, $1) }) == 0,
            remote.withSocketAddress({ Glibc.connect(descriptor, $0, $1) }) == 0
        else {
            let why = errorText()
            close(descriptor)
            throw LabError("connection from \(local) to \(remote): \(why)")
        }
        return descriptor
    }

    // MARK: out

    /// Writes octets, at most `piece` in one call of the kernel; false when the connection takes no more.
    @discardableResult
    package func send(_ bytes: [UInt8], piece: Int = .max) -> Bool {
        sending.withLock {
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.prefix(piece).withUnsafeBytes {
                    Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
    }

    /// As `send`, at a given pace.
    package func send(_ bytes: [UInt8], notBefore time: Date) -> Bool {
        let wait = time.timeIntervalSinceNow
        if wait > 0 { _ = poll(nil, 0, Int32(wait * 1000)) }
        return send(bytes)
    }

    package static func bytes(_ message: Message) -> [UInt8] {
        var writer = ByteWriter()
        message.encode(into: &writer, in: DecodeContext())
        return writer.bytes
    }

    /// The octets of OPEN and KEEPALIVE of a speaker of both families.
    package static func greeting(asn: UInt32, holdTime: UInt16) -> [UInt8] {
        let open = Open(
            autonomousSystem: UInt16(exactly: asn) ?? 23456, holdTime: holdTime, routerID: RouterID(rawValue: asn),
            capabilities: [.multiprotocol(.ipv4), .multiprotocol(.ipv6), .fourOctetAS(ASNumber(rawValue: asn))])
        return bytes(.open(open)) + bytes(.keepalive)
    }

    /// UPDATEs that announce IPv4 prefixes with this path and next hop.
    package static func announcement(_ prefixes: [Prefix], path: [UInt32], nextHop: IPAddress) -> [UInt8] {
        var fields = AttributeFields()
        fields.asPath = ASPath([.init(kind: 2, numbers: path.map(ASNumber.init(rawValue:)))])
        var packer = UpdatePacker(fourOctetAS: true)
        _ = packer.announce(prefixes, with: PathAttributes(fields, nextHop: nextHop))
        return packer.take()
    }

    package static func withdrawal(_ prefixes: [Prefix]) -> [UInt8] {
        var packer = UpdatePacker(fourOctetAS: true)
        packer.withdraw(prefixes)
        return packer.take()
    }

    /// Says OPEN and KEEPALIVE, reads the other side's, and both End-of-RIBs follow.
    package func establish(asn: UInt32, holdTime: UInt16 = 90) throws {
        send(Self.greeting(asn: asn, holdTime: holdTime))
        guard case .open? = try next() else { throw LabError("no OPEN came") }
        guard case .keepalive? = try next() else { throw LabError("no KEEPALIVE came") }
        var packer = UpdatePacker(fourOctetAS: true)
        packer.endOfRIB(.ipv4)
        packer.endOfRIB(.ipv6)
        send(packer.take())
    }

    // MARK: in

    /// The next message, waited for; nil at the end of the stream.
    package func next() throws -> Message? {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            if let message = try framer.nextMessage(in: context) { return message }
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return nil }
            framer.append(buffer.prefix(count))
        }
    }

    /// From now on a thread reads all that comes, and another one says KEEPALIVE each second.
    package func listen() {
        Thread.detachNewThread { [weak self] in
            while let self, !self.state.withLock({ self.isOver }) { if !self.hear() { return } }
        }
        keepAlive()
    }

    /// From now on a thread says KEEPALIVE each second, and nobody reads.
    package func keepAlive() {
        Thread.detachNewThread { [weak self] in
            while let self, !self.state.withLock({ self.isOver }), self.send(Self.bytes(.keepalive)) {
                _ = poll(nil, 0, 1000)
            }
        }
    }

    private func hear() -> Bool {
        let message = Result { try next() }
        return state.withLock {
            switch message {
            case .success(.keepalive): heard.keepalives.append(Date())
            case .success(.update(let update)):
                heard.updates += 1
                heard.announced += update.announced.reduce(0) { $0 + $1.prefixes.count }
                heard.withdrawn += update.withdrawn.count
            case .success(.notification(let notification)): heard.notification = notification
            case .success(.some): break
            case .success(nil):
                heard.end = "end of the stream"
                return false
            case .failure(let error):
                heard.end = "\(error)"
                return false
            }
            return true
        }
    }

    package var record: Heard { state.withLock { heard } }

    /// Ends both threads and the connection.
    package func end() {
        state.withLock { isOver = true }
        shutdown(descriptor, Int32(SHUT_RDWR))
    }
}
