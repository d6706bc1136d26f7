import BFD
import CLinux
import DispatchIO
import Glibc
import NetTypes

/// The sockets of RFC 5881 section 4 and RFC 5883 section 5.
enum BFDPort {
    static let singleHop: UInt16 = 3784
    static let multihop: UInt16 = 4784
    /// Where packets come from: every session has a port of its own.
    static let sources: ClosedRange<UInt16> = 49152...65535

    private static let attempts = 64
    private static let hopLimit: CInt = 255
    private static let datagram = CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)

    /// A socket that hears what comes to one of the ports, on one address of ours or on all.
    struct Place: Hashable {
        let family: AddressFamily
        let address: IPAddress?
        /// Of a link-local address.
        let scope: UInt32
        let isMultihop: Bool

        init(_ target: BFDTarget) {
            family = target.address.family
            address = target.localAddress
            scope = address?.isLinkLocal == true ? target.interface : 0
            isMultihop = target.isMultihop
        }

        var port: UInt16 { isMultihop ? BFDPort.multihop : BFDPort.singleHop }
    }

    static func listen(_ place: Place) throws(SystemError) -> CInt {
        let wildcard = IPAddress(leftAligned: 0, family: place.family)
        let local = SocketAddress(place.address ?? wildcard, port: place.port, scope: place.scope)
        let fd = try check("socket") { socket(local.domain, datagram, 0) }
        do throws(SystemError) {
            _ = try check("ask for hop limits") { clinux_tell_arrivals(fd, local.domain) }
            _ = try check("bind \(local)") { local.withSockaddr { bind(fd, $0, $1) } }
            return fd
        } catch {
            close(fd)
            throw error
        }
    }

    /// A socket to send the packets of one session from.
    static func open(_ target: BFDTarget, interfaceName: String?, random: () -> UInt64) throws(SystemError) -> CInt {
        let wildcard = IPAddress(leftAligned: 0, family: target.address.family)
        let domain = target.address.family == .ipv4 ? AF_INET : AF_INET6
        let fd = try check("socket") { socket(domain, datagram, 0) }
        do throws(SystemError) {
            if let interfaceName { try TCPSocket.setInterface(fd, interfaceName) }
            try setOptions(fd, domain)
            let address = target.localAddress ?? wildcard
            let scope = address.isLinkLocal ? target.interface : 0
            for attempt in 1...attempts {
                let port = sources.lowerBound + UInt16(random() % UInt64(sources.count))
                let local = SocketAddress(address, port: port, scope: scope)
                do throws(SystemError) {
                    _ = try check("bind \(local)") { local.withSockaddr { bind(fd, $0, $1) } }
                    return fd
                } catch {
                    guard error.code == EADDRINUSE, attempt < attempts else { throw error }
                }
            }
            return fd
        } catch {
            close(fd)
            throw error
        }
    }

    private static func setOptions(_ fd: CInt, _ domain: CInt) throws(SystemError) {
        if domain == AF_INET {
            try TCPSocket.setOption(fd, CInt(IPPROTO_IP), IP_TTL, hopLimit)
            try TCPSocket.setOption(fd, CInt(IPPROTO_IP), IP_TOS, TCPSocket.classSelector6)
        } else {
            try TCPSocket.setOption(fd, CInt(IPPROTO_IPV6), IPV6_V6ONLY, 1)
            try TCPSocket.setOption(fd, CInt(IPPROTO_IPV6), IPV6_UNICAST_HOPS, hopLimit)
            try TCPSocket.setOption(fd, CInt(IPPROTO_IPV6), IPV6_TCLASS, TCPSocket.classSelector6)
        }
        try TCPSocket.setOption(fd, SOL_SOCKET, SO_PRIORITY, TCPSocket.controlPriority)
        // Nobody answers to these ports, and who tries shall not fill memory.
        try TCPSocket.setOption(fd, SOL_SOCKET, SO_RCVBUF, 1)
    }
}

extension BFDArrival {
    /// nil: of no family that we know.
    init?(_ arrival: clinux_arrival, isMultihop: Bool) {
        let source: IPAddress
        let destination: IPAddress
        switch arrival.version {
        case 4:
            source = .v4(IPv4Address(rawValue: UInt32(truncatingIfNeeded: arrival.source.1)))
            destination = .v4(IPv4Address(rawValue: UInt32(truncatingIfNeeded: arrival.destination.1)))
        case 6:
            source = .v6(IPv6Address(rawValue: UInt128(arrival.source.0) << 64 | UInt128(arrival.source.1)))
            destination = .v6(
                IPv6Address(rawValue: UInt128(arrival.destination.0) << 64 | UInt128(arrival.destination.1)))
        default: return nil
        }
        self.init(
            source: source, destination: destination, interface: arrival.interface,
            hopLimit: UInt8(clamping: max(0, arrival.hop_limit)), isMultihop: isMultihop)
    }
}
