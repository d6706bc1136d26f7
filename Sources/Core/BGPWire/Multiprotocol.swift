import NetTypes

/// MP_REACH_NLRI as received (RFC 4760 section 3).
struct ReachAttribute {
    /// nil for a family that is not ours or not negotiated: nothing more is then known.
    var family: AddressFamily?
    var nextHop: IPAddress = .v4(.any)
    var linkLocalNextHop: IPv6Address?
    var nlri: ByteCursor
    var count = 0

    /// nil when the octets cannot be read, which resets the session.
    init?(_ value: ByteCursor, _ bytes: RawSpan, in context: DecodeContext) {
        var value = value
        guard value.remaining >= 5, let afi = try? value.integer(UInt16.self, bytes), let safi = try? value.byte(bytes),
            let hopLength = try? value.byte(bytes)
        else { return nil }
        nlri = value
        guard let family = AddressFamily(afi: afi), safi == 1, context.families.contains(family) else { return }
        self.family = family
        guard var hop = try? value.take(Int(hopLength)), (try? value.byte(bytes)) != nil else { return nil }
        // A length that is not expected here hides where the prefixes begin (RFC 7606 section 7.11).
        guard hopLength == 4 || family == .ipv6 || context.extendedNextHop.contains(family) else { return nil }
        switch (family, hopLength) {
        case (.ipv4, 4):
            guard let raw = try? hop.integer(UInt32.self, bytes) else { return nil }
            nextHop = .v4(IPv4Address(rawValue: raw))
        case (_, 16), (_, 32):
            guard let raw = try? hop.integer(UInt128.self, bytes) else { return nil }
            nextHop = .v6(IPv6Address(rawValue: raw))
            if let second = try? hop.integer(UInt128.self, bytes) { take(second: IPv6Address(rawValue: second)) }
        default: return nil
        }
        guard let count = NLRI.count(value, bytes, family: family, pathIDs: context.pathIDs.contains(family)) else {
            return nil
        }
        self.count = count
        nlri = value
    }

    /// The second half of 32 octets is a link-local address (RFC 2545 section 3); some speakers that have no other send
    /// an unspecified first half. Anything else in the second half says nothing and is not kept.
    private mutating func take(second: IPv6Address) {
        guard second.isLinkLocal else { return }
        if nextHop.isUnspecified {
            nextHop = .v6(second)
        } else {
            linkLocalNextHop = second
        }
    }
}

/// MP_UNREACH_NLRI as received (RFC 4760 section 4).
struct UnreachAttribute {
    /// nil for a family that is not ours or not negotiated.
    var family: AddressFamily?
    var nlri: ByteCursor
    var count = 0

    /// nil when the octets cannot be read, which resets the session.
    init?(_ value: ByteCursor, _ bytes: RawSpan, in context: DecodeContext) {
        var value = value
        guard let afi = try? value.integer(UInt16.self, bytes), let safi = try? value.byte(bytes) else { return nil }
        nlri = value
        guard let family = AddressFamily(afi: afi), safi == 1, context.families.contains(family) else { return }
        guard let count = NLRI.count(value, bytes, family: family, pathIDs: context.pathIDs.contains(family)) else {
            return nil
        }
        self.family = family
        self.count = count
    }
}
