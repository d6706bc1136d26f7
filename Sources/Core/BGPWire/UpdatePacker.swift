import NetTypes

/// Builds UPDATEs for one peer, or for a group of peers that get the same (RFC 4271 section 4.3, RFC 7606 section 5.1).
///
/// Each message holds one kind of prefixes. IPv4 with an IPv4 next hop stands in the NLRI field; all else in
/// MP_REACH_NLRI, which is the first attribute. The other attributes follow in order of their codes.
package struct UpdatePacker: Sendable {
    /// Whole messages, ready to be sent.
    package private(set) var bytes: [UInt8] = []

    private let maximumLength: Int
    private let fourOctetAS: Bool

    /// - Parameters:
    ///   - maximumLength: octets in the longest message the peer takes; cut to 64...65535.
    ///   - fourOctetAS: whether the peer reads four-octet AS numbers (RFC 6793); if not, AS4_PATH is added where
    /// needed.
    package init(maximumLength: Int = 4096, fourOctetAS: Bool) {
        self.maximumLength = min(max(maximumLength, 64), 65535)
        self.fourOctetAS = fourOctetAS
    }

    /// What was built so far; the packer is empty then.
    package mutating func take() -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }

    /// Announces `prefixes`. Returns those that can never be sent: the attributes leave no room for them, or the next
    /// hop is none for their family. The caller withdraws these.
    package mutating func announce(_ prefixes: ArraySlice<Prefix>, with attributes: PathAttributes) -> [Prefix] {
        guard let family = prefixes.first?.family else { return [] }
        guard prefixes.allSatisfy({ $0.family == family }) else {
            return announce(prefixes.filter { $0.family == family }, with: attributes)
                + announce(prefixes.filter { $0.family != family }, with: attributes)
        }
        let section = WireAttributes(attributes, family: family, fourOctetAS: fourOctetAS)
        guard let section else { return Array(prefixes) }
        let fixed = Framer.headerLength + 4 + section.bytes.count
        let room = maximumLength - fixed - (section.reach.isEmpty ? 0 : section.reach.count + 4)
        return pack(prefixes, room: room) { bytes, part, octets in
            let reachLength = section.reach.isEmpty ? 0 : section.reach.count + octets
            let reachHead = section.reach.isEmpty ? 0 : reachLength > 255 ? 4 : 3
            bytes.appendHeader(length: fixed + (section.reach.isEmpty ? octets : reachHead + reachLength))
            bytes.append(integer: UInt16(0))
            bytes.append(integer: UInt16(truncatingIfNeeded: reachHead + reachLength + section.bytes.count))
            if !section.reach.isEmpty {
                bytes.append(attribute: AttributeCode.reach, flags: AttributeFlags.optional, count: reachLength)
                bytes.append(contentsOf: section.reach)
                for prefix in part { bytes.append(prefix) }
                bytes.append(contentsOf: section.bytes)
            } else {
                bytes.append(contentsOf: section.bytes)
                for prefix in part { bytes.append(prefix) }
            }
        }
    }

    package mutating func announce(_ prefixes: [Prefix], with attributes: PathAttributes) -> [Prefix] {
        announce(prefixes[...], with: attributes)
    }

    /// Withdraws prefixes of any family.
    package mutating func withdraw(_ prefixes: [Prefix]) {
        let ipv4 = prefixes.filter { $0.family == .ipv4 }
        _ = pack(ipv4[...], room: maximumLength - Framer.headerLength - 4) { bytes, part, octets in
            bytes.appendHeader(length: Framer.headerLength + 4 + octets)
            bytes.append(integer: UInt16(truncatingIfNeeded: octets))
            for prefix in part { bytes.append(prefix) }
            bytes.append(integer: UInt16(0))
        }
        let ipv6 = prefixes.filter { $0.family == .ipv6 }
        _ = pack(ipv6[...], room: maximumLength - Framer.headerLength - 11) { bytes, part, octets in
            bytes.appendUnreach(.ipv6, part, octets: octets)
        }
    }

    /// The End-of-RIB marker (RFC 4724 section 2).
    package mutating func endOfRIB(_ family: AddressFamily) {
        switch family {
        case .ipv4:
            bytes.appendHeader(length: Framer.headerLength + 4)
            bytes.append(integer: UInt32(0))
        case .ipv6: bytes.appendUnreach(.ipv6, [], octets: 0)
        }
    }

    /// The begin or the end of a refresh, in its place between UPDATEs (RFC 7313 section 4).
    package mutating func routeRefresh(_ refresh: RouteRefresh) {
        var writer = ByteWriter(capacity: 23)
        refresh.encode(into: &writer)
        bytes += writer.bytes
    }

    /// Calls `write` with runs of prefixes of at most `room` octets; returns the prefixes that are larger than that.
    private mutating func pack(
        _ prefixes: ArraySlice<Prefix>, room: Int, _ write: (inout [UInt8], ArraySlice<Prefix>, Int) -> Void
    ) -> [Prefix] {
        var left: [Prefix] = []
        var index = prefixes.startIndex
        while index < prefixes.endIndex {
            let start = index
            var octets = 0
            while index < prefixes.endIndex, octets + prefixes[index].wireOctets <= room {
                octets += prefixes[index].wireOctets
                index += 1
            }
            if start < index {
                write(&bytes, prefixes[start..<index], octets)
            } else {
                left.append(prefixes[index])
                index += 1
            }
        }
        return left
    }
}

extension [UInt8] {
    /// The header of an UPDATE of `length` octets.
    fileprivate mutating func appendHeader(length: Int) {
        append(integer: UInt128.max)
        append(integer: UInt16(truncatingIfNeeded: length))
        append(MessageType.update)
    }

    /// A whole UPDATE that withdraws prefixes of one family; with none it is the family's End-of-RIB marker.
    fileprivate mutating func appendUnreach(_ family: AddressFamily, _ prefixes: ArraySlice<Prefix>, octets: Int) {
        let attribute = octets + 3 + (octets + 3 > 255 ? 4 : 3)
        appendHeader(length: Framer.headerLength + 4 + attribute)
        append(integer: UInt16(0))
        append(integer: UInt16(truncatingIfNeeded: attribute))
        append(attribute: AttributeCode.unreach, flags: AttributeFlags.optional, count: octets + 3)
        append(integer: family.afi)
        append(1 as UInt8)
        for prefix in prefixes { append(prefix) }
    }
}
