import Glibc
import NetTypes

/// The subnets that this node's interfaces are in.
package enum LocalLinks {
    /// Whether an address can be reached without a router in between; true when the interfaces cannot be read.
    package static func reach(_ address: IPAddress) -> Bool {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return true }
        defer { freeifaddrs(list) }
        var next = list
        while let entry = next {
            if contains(entry.pointee, address) { return true }
            next = entry.pointee.ifa_next
        }
        return false
    }

    /// IFF_POINTOPOINT: a number of our own, because it is imported as an enum or as an Int, as other headers decide.
    private static let pointToPoint: UInt32 = 0x10

    private static func contains(_ entry: ifaddrs, _ address: IPAddress) -> Bool {
        guard let own = ip(entry.ifa_addr), own.family == address.family else { return false }
        if entry.ifa_flags & pointToPoint != 0, let other = ip(entry.ifa_ifu.ifu_dstaddr),
            other == address
        {
            return true
        }
        guard let mask = ip(entry.ifa_netmask) else { return own == address }
        return zip(zip(own.bytes, address.bytes), mask.bytes).allSatisfy { pair, mask in
            pair.0 & mask == pair.1 & mask
        }
    }

    private static func ip(_ pointer: UnsafeMutablePointer<sockaddr>?) -> IPAddress? {
        guard let pointer else { return nil }
        let length =
            switch CInt(pointer.pointee.sa_family) {
            case AF_INET: MemoryLayout<sockaddr_in>.size
            case AF_INET6: MemoryLayout<sockaddr_in6>.size
            default: 0
            }
        var storage = sockaddr_storage()
        withUnsafeMutableBytes(of: &storage) {
            $0.copyBytes(from: UnsafeRawBufferPointer(start: pointer, count: length))
        }
        return SocketAddress(storage)?.address
    }
}
