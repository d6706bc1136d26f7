import Glibc
import NetTypes

/// An address and port as the socket calls want them.
package struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    package let address: IPAddress
    package let port: UInt16
    /// Interface index of a link-local IPv6 address, 0 for others.
    package let scope: UInt32

    package init(_ address: IPAddress, port: UInt16, scope: UInt32 = 0) {
        self.address = address
        self.port = port
        self.scope = scope
    }

    package var description: String {
        let zone = scope == 0 ? "" : "%\(scope)"
        return address.family == .ipv4 ? "\(address):\(port)" : "[\(address)\(zone)]:\(port)"
    }

    /// AF_INET or AF_INET6.
    package var domain: CInt { address.family == .ipv4 ? AF_INET : AF_INET6 }

    /// Hands `body` the C structure.
    package func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        switch address {
        case .v4(let ip):
            var storage = sockaddr_in()
            storage.sin_family = sa_family_t(AF_INET)
            storage.sin_port = port.bigEndian
            storage.sin_addr.s_addr = ip.rawValue.bigEndian
            return Self.call(&storage, body)
        case .v6(let ip):
            var storage = sockaddr_in6()
            storage.sin6_family = sa_family_t(AF_INET6)
            storage.sin6_port = port.bigEndian
            storage.sin6_scope_id = scope
            withUnsafeMutableBytes(of: &storage.sin6_addr) { $0.copyBytes(from: IPAddress.v6(ip).bytes) }
            return Self.call(&storage, body)
        }
    }

    private static func call<Storage, Result>(
        _ storage: inout Storage, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        withUnsafePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Storage>.size)) }
        }
    }

    /// Reads what a socket call filled in; an IPv4-mapped IPv6 address becomes IPv4. nil for other families.
    package init?(_ storage: sockaddr_storage) {
        var storage = storage
        let family = CInt(storage.ss_family)
        if family == AF_INET {
            let inet = withUnsafePointer(to: &storage) {
                $0.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee }
            }
            self.init(
                .v4(IPv4Address(rawValue: UInt32(bigEndian: inet.sin_addr.s_addr))),
                port: UInt16(bigEndian: inet.sin_port))
        } else if family == AF_INET6 {
            var inet = withUnsafePointer(to: &storage) {
                $0.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { $0.pointee }
            }
            let port = UInt16(bigEndian: inet.sin6_port)
            let bytes = withUnsafeBytes(of: &inet.sin6_addr) { Array($0) }
            if bytes.prefix(12) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
                let v4 = IPAddress(bytes: bytes.suffix(4))
            {
                self.init(v4, port: port)
            } else {
                guard let address = IPAddress(bytes: bytes) else { return nil }
                self.init(address, port: port, scope: inet.sin6_scope_id)
            }
        } else {
            return nil
        }
    }
}
