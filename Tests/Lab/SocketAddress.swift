import CLinux
import Foundation
import NetTypes

/// An address and a port, as text and as the kernel's structure.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    package let address: IPAddress
    package let port: UInt16

    package init(_ address: IPAddress, _ port: UInt16) { (self.address, self.port) = (address, port) }

    package var description: String { address.family == .ipv4 ? "\(address):\(port)" : "[\(address)]:\(port)" }

    static func any(_ family: AddressFamily, _ port: UInt16 = 0) -> Endpoint {
        Endpoint(IPAddress(leftAligned: 0, family: family), port)
    }

    init?(_ storage: sockaddr_storage) {
        let octets = withUnsafeBytes(of: storage) { Array($0) }
        let port = UInt16(octets[2]) << 8 | UInt16(octets[3])
        switch Int32(storage.ss_family) {
        case AF_INET: self.init(octets: octets[4..<8], port)
        case AF_INET6: self.init(octets: octets[8..<24], port)
        default: return nil
        }
    }

    private init?(octets: ArraySlice<UInt8>, _ port: UInt16) {
        guard let address = IPAddress(bytes: octets) else { return nil }
        self.init(address, port)
    }

    /// Calls `body` with a sockaddr_in or sockaddr_in6.
    func withSocketAddress<Value>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Value) -> Value {
        let port = [UInt8(self.port >> 8), UInt8(self.port & 0xff)]
        var octets = [UInt8](repeating: 0, count: MemoryLayout<sockaddr_in6>.size)
        let v4 = address.family == .ipv4
        let family = UInt16(v4 ? AF_INET : AF_INET6)
        octets.replaceSubrange(0..<2, with: withUnsafeBytes(of: family) { Array($0) })
        octets.replaceSubrange(2..<4, with: port)
        octets.replaceSubrange(v4 ? 4..<8 : 8..<24, with: address.bytes)
        let length = v4 ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
        return octets.withUnsafeBytes { raw in
            raw.withMemoryRebound(to: sockaddr.self) { pointer in
                guard let base = pointer.baseAddress else { preconditionFailure("not empty") }
                return body(base, socklen_t(length))
            }
        }
    }
}

extension AddressFamily {
    var socketFamily: Int32 { self == .ipv4 ? AF_INET : AF_INET6 }
}

extension Namespace {
    /// A UDP socket that lives in this namespace, with hop limits and ICMP errors observed and DF set; bound, and
    /// connected to `peer` if given.
    package func udp(_ local: Endpoint, to peer: Endpoint? = nil) throws -> Int32 {
        try open(SOCK_DGRAM, local) { descriptor in
            guard clinux_observe(descriptor, local.address.family.socketFamily) == 0 else { return false }
            guard let peer else { return true }
            return peer.withSocketAddress { connect(descriptor, $0, $1) } == 0
        }
    }

    /// A TCP listener that lives in this namespace.
    package func listener(_ local: Endpoint) throws -> Int32 { try open(SOCK_STREAM, local) { listen($0, 64) == 0 } }

    /// A TCP socket in this namespace that has begun to connect; it is writable when it has.
    package func tcp(to peer: Endpoint) throws -> Int32 {
        try open(SOCK_STREAM, .any(peer.address.family)) { descriptor in
            peer.withSocketAddress { connect(descriptor, $0, $1) } == 0 || errno == EINPROGRESS
        }
    }

    private func open(_ kind: __socket_type, _ local: Endpoint, _ then: @escaping @Sendable (Int32) -> Bool) throws
        -> Int32
    {
        let type = Int32(kind.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let role = self.role
        return try inside {
            let descriptor = socket(local.address.family.socketFamily, type, 0)
            guard descriptor >= 0 else { throw LabError("[\(role)] socket: \(errorText())") }
            var on: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
            if local.address.family == .ipv6 {
                setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &on, socklen_t(MemoryLayout<Int32>.size))
            }
            guard local.withSocketAddress({ bind(descriptor, $0, $1) }) == 0, then(descriptor) else {
                let why = errorText()
                close(descriptor)
                throw LabError("[\(role)] socket at \(local): \(why)")
            }
            return descriptor
        }
    }
}

/// One datagram as it arrived.
package struct Datagram: Sendable {
    package let payload: [UInt8]
    package let source: Endpoint?
    /// TTL or hop limit as received.
    package let hopLimit: Int
}

/// An ICMP error about a datagram that was sent.
package struct DeliveryError: Hashable, Sendable, CustomStringConvertible {
    package let code: Int32
    /// Type and code of the ICMP or ICMPv6 message.
    package let icmpType, icmpCode: UInt8
    /// The router that refused; nil: the local kernel.
    package let from: IPAddress?

    /// The packet went round until its hop limit was used up.
    package var isLoop: Bool {
        (icmpType, icmpCode) == (11, 0) || (icmpType, icmpCode) == (3, 0) && code == EHOSTUNREACH && isIPv6
    }
    private var isIPv6: Bool { from?.family == .ipv6 }

    package var description: String {
        "\(errorText(code)) (ICMP \(icmpType)/\(icmpCode) from \(from.map(\.description) ?? "here"))"
    }
}

/// The next datagram that waits in the socket; nil if none.
func receive(_ descriptor: Int32) -> Datagram? {
    var buffer = [UInt8](repeating: 0, count: 2048)
    var about = clinux_datagram()
    let count = clinux_receive(descriptor, &buffer, buffer.count, 0, &about)
    guard count >= 0 else { return nil }
    return Datagram(
        payload: Array(buffer.prefix(count)), source: Endpoint(about.source), hopLimit: Int(about.hop_limit))
}

/// The next entry of the socket's error queue; nil if none.
func receiveError(_ descriptor: Int32) -> DeliveryError? {
    var buffer = [UInt8](repeating: 0, count: 2048)
    var about = clinux_datagram()
    let count = clinux_receive(descriptor, &buffer, buffer.count, Int32(MSG_ERRQUEUE), &about)
    guard count >= 0, about.error != 0 else { return nil }
    return DeliveryError(
        code: about.error, icmpType: about.type, icmpCode: about.code, from: Endpoint(about.offender)?.address)
}

/// Waits until the descriptor is ready for `events`; false when the time is over.
func ready(_ descriptor: Int32, _ events: Int32, within seconds: Double) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    return poll(&entry, 1, Int32(max(0, seconds) * 1000)) > 0
}
