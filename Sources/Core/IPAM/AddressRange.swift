import NetTypes

/// Why a range cannot be used.
package struct RangeProblem: Error, Hashable, Sendable, CustomStringConvertible {
    package let reason: String

    package var description: String { reason }
}

/// Addresses of one subnet that may be given to pods.
package struct AddressRange: Hashable, Sendable {
    package let subnet: Prefix
    /// The lowest address given out.
    package let first: IPAddress
    /// The highest address given out.
    package let last: IPAddress
    /// Never given out, and part of every result: `ptp` and `bridge` need one. Nil in subnets of one or two addresses.
    package let gateway: IPAddress?

    /// Without bounds the range is all of the subnet but the network address (IPv6: the subnet-router anycast
    /// address, RFC 4291 section 2.6.1), the IPv4 broadcast address and the gateway, which is the first address
    /// unless one is named. Subnets of one or two addresses (/31 and /32, /127 and /128) are used to the last one and
    /// have no gateway unless one is named.
    package init(subnet: Prefix, start: IPAddress? = nil, end: IPAddress? = nil, gateway: IPAddress? = nil)
        throws(RangeProblem)
    {
        func check(_ address: IPAddress?) throws(RangeProblem) {
            guard let address, !subnet.contains(address) else { return }
            throw RangeProblem(reason: "\(address) is not in \(subnet)")
        }
        try check(start)
        try check(end)
        try check(gateway)
        let isTiny = Int(subnet.length) >= subnet.family.bitWidth - 1
        let (low, high) = (subnet.bits, subnet.lastAddress.leftAligned)
        let one = UInt128(1) << UInt128(128 - subnet.family.bitWidth)
        func address(_ bits: UInt128) -> IPAddress { IPAddress(leftAligned: bits, family: subnet.family) }
        self.subnet = subnet
        self.gateway = gateway ?? (isTiny ? nil : address(low + one))
        first = start ?? address(isTiny ? low : low + one)
        last = end ?? address(isTiny || subnet.family == .ipv6 ? high : high - one)
        guard first <= last else { throw RangeProblem(reason: "\(first) lies behind \(last)") }
        guard !(first == last && first == self.gateway) else {
            throw RangeProblem(reason: "\(subnet) has no address besides its gateway")
        }
    }

    /// Whether an address may be given out.
    package func contains(_ address: IPAddress) -> Bool {
        address.family == subnet.family && first <= address && address <= last && address != gateway
    }

    /// How many addresses may be given out, at most `UInt128.max`.
    package var count: UInt128 {
        let shift = UInt128(128 - subnet.family.bitWidth)
        let (size, overflow) = ((last.leftAligned - first.leftAligned) >> shift).addingReportingOverflow(1)
        guard !overflow else { return .max }
        return gateway.map { first <= $0 && $0 <= last } == true ? size - 1 : size
    }
}

/// Ranges of one family of which a pod gets one address.
package struct RangeSet: Hashable, Sendable {
    package let ranges: [AddressRange]

    package init(_ ranges: [AddressRange]) throws(RangeProblem) {
        guard let family = ranges.first?.subnet.family else { throw RangeProblem(reason: "a range set is empty") }
        guard ranges.allSatisfy({ $0.subnet.family == family }) else {
            throw RangeProblem(reason: "a range set mixes IPv4 and IPv6")
        }
        for (index, range) in ranges.enumerated() {
            if let other = ranges[..<index].first(where: { $0.first <= range.last && range.first <= $0.last }) {
                throw RangeProblem(reason: "\(range.first)-\(range.last) overlaps \(other.first)-\(other.last)")
            }
        }
        self.ranges = ranges
    }

    package var family: AddressFamily { ranges.first?.subnet.family ?? .ipv4 }

    package func range(of address: IPAddress) -> AddressRange? { ranges.first { $0.contains(address) } }

    package func overlaps(_ other: RangeSet) -> Bool {
        ranges.contains { range in other.ranges.contains { $0.first <= range.last && range.first <= $0.last } }
    }
}
