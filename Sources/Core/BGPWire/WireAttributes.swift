import NetTypes

/// A path's attributes as they are sent to a peer for one family.
struct WireAttributes: Equatable {
    /// All attributes except MP_REACH_NLRI.
    let bytes: [UInt8]
    /// The value of MP_REACH_NLRI up to its prefixes; empty when they go into the NLRI field.
    let reach: [UInt8]

    /// nil when the next hop is none for this family.
    init?(_ attributes: PathAttributes, family: AddressFamily, fourOctetAS: Bool) {
        var field: IPv4Address?
        switch (family, attributes.nextHop) {
        case (.ipv4, .v4(let address)):
            field = address
            reach = []
        case (_, .v6(let address)): reach = Self.reach(family, address, attributes.linkLocalNextHop)
        case (.ipv6, .v4): return nil
        }
        if fourOctetAS {
            bytes = Self.withNextHop(attributes.bytes, field)
        } else {
            bytes = Self.withNextHop(Self.twoOctet(attributes), field)
        }
    }

    private static func reach(_ family: AddressFamily, _ address: IPv6Address, _ linkLocal: IPv6Address?) -> [UInt8] {
        var value: [UInt8] = []
        value.reserveCapacity(37)
        value.append(integer: family.afi)
        value.append(1)
        value.append(linkLocal == nil ? 16 : 32)
        value.append(integer: address.rawValue)
        if let linkLocal { value.append(integer: linkLocal.rawValue) }
        value.append(0)
        return value
    }

    /// Puts NEXT_HOP at its place.
    private static func withNextHop(_ attributes: [UInt8], _ address: IPv4Address?) -> [UInt8] {
        guard let address else { return attributes }
        let span = attributes.span.bytes
        var place = attributes.count
        var walk = AttributeWalk(span)
        while let entry = walk.next(span) {
            guard entry.code > AttributeCode.nextHop else { continue }
            place = entry.whole.lowerBound
            break
        }
        var result: [UInt8] = []
        result.reserveCapacity(attributes.count + 7)
        result.append(span, 0..<place)
        result.append(attribute: AttributeCode.nextHop, flags: AttributeFlags.wellKnown, count: 4)
        result.append(integer: address.rawValue)
        result.append(span, place..<attributes.count)
        return result
    }

    /// AS_PATH and AGGREGATOR with two-octet numbers, AS4_PATH and AS4_AGGREGATOR where that loses something
    /// (RFC 6793 section 4.2.2).
    private static func twoOctet(_ attributes: PathAttributes) -> [UInt8] {
        let span = attributes.bytes.span.bytes
        var parts: [(flags: UInt8, code: UInt8, value: [UInt8])] = []
        var walk = AttributeWalk(span)
        while let entry = walk.next(span) {
            switch entry.code {
            case AttributeCode.asPath:
                let path = ASPath(entry.value, span, width: 4)
                parts.append((entry.flags, entry.code, path.encoded(width: 2)))
                let whole = path.withoutConfederations
                guard whole.needsFourOctets else { continue }
                parts.append((AttributeFlags.optionalTransitive, AttributeCode.as4Path, whole.encoded(width: 4)))
            case AttributeCode.aggregator:
                guard let aggregator = Aggregator(entry.value, span, wide: true) else { continue }
                parts.append((entry.flags, entry.code, aggregator.encoded(wide: false)))
                guard aggregator.asNumber.rawValue > 0xffff else { continue }
                let flags = AttributeFlags.optionalTransitive
                parts.append((flags, AttributeCode.as4Aggregator, aggregator.encoded(wide: true)))
            default: parts.append((entry.flags, entry.code, span.copy(entry.value.range)))
            }
        }
        var result: [UInt8] = []
        for part in parts.sorted(by: { $0.code < $1.code }) {
            result.append(attribute: part.code, flags: part.flags, count: part.value.count)
            result.append(contentsOf: part.value)
        }
        return result
    }
}
