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

    /// Attributes as they are written for prefixes of a family, with path identifiers before these or without
    /// (RFC 7911); nil when the next hop is none for the family.
    package func pack(_ attributes: PathAttributes, family: AddressFamily, pathIDs: Bool) -> PackedAttributes? {
        WireAttributes(attributes, family: family, fourOctetAS: fourOctetAS).map {
            PackedAttributes(section: $0, maximumLength: maximumLength, hasPathIDs: pathIDs)
        }
    }

    /// Announces `prefixes`. Returns those that can never be sent: the attributes leave no room for them, or the next
    /// hop is none for their family. The caller withdraws these.
    package mutating func announce(_ prefixes: ArraySlice<Prefix>, with attributes: PathAttributes) -> [Prefix] {
        guard let family = prefixes.first?.family else { return [] }
        guard prefixes.allSatisfy({ $0.family == family }) else {
            return announce(prefixes.filter { $0.family == family }, with: attributes)
                + announce(prefixes.filter { $0.family != family }, with: attributes)
        }
        guard let packed = pack(attributes, family: family, pathIDs: false) else { return Array(prefixes) }
        return announce(Array(prefixes), with: packed)
    }

    package mutating func announce(_ prefixes: [Prefix], with attributes: PathAttributes) -> [Prefix] {
        announce(prefixes[...], with: attributes)
    }

    /// Announces prefixes of the attributes' family, each with its path identifier if they have these. Returns the
    /// prefixes for which there is no room.
    @discardableResult
    package mutating func announce(
        _ prefixes: [Prefix], pathIDs: [UInt32] = [], with packed: PackedAttributes
    ) -> [Prefix] {
        let section = packed.section
        let fixed = packed.fixed
        return pack(prefixes, pathIDs, room: packed.room) { bytes, part, octets in
            let reachLength = section.reach.isEmpty ? 0 : section.reach.count + octets
            let reachHead = section.reach.isEmpty ? 0 : reachLength > 255 ? 4 : 3
            bytes.appendHeader(length: fixed + (section.reach.isEmpty ? octets : reachHead + reachLength))
            bytes.append(integer: UInt16(0))
            bytes.append(integer: UInt16(truncatingIfNeeded: reachHead + reachLength + section.bytes.count))
            if !section.reach.isEmpty {
                bytes.append(attribute: AttributeCode.reach, flags: AttributeFlags.optional, count: reachLength)
                bytes.append(contentsOf: section.reach)
                bytes.append(prefixes, pathIDs, part)
                bytes.append(contentsOf: section.bytes)
            } else {
                bytes.append(contentsOf: section.bytes)
                bytes.append(prefixes, pathIDs, part)
            }
        }
    }

    /// Withdraws prefixes of any family, without path identifiers.
    package mutating func withdraw(_ prefixes: [Prefix]) {
        withdraw(prefixes.filter { $0.family == .ipv4 }, pathIDs: [])
        withdraw(prefixes.filter { $0.family == .ipv6 }, pathIDs: [])
    }

    /// Withdraws prefixes of one family, each with its path identifier where these are not empty.
    package mutating func withdraw(_ prefixes: [Prefix], pathIDs: [UInt32]) {
        guard let family = prefixes.first?.family else { return }
        switch family {
        case .ipv4:
            pack(prefixes, pathIDs, room: maximumLength - Framer.headerLength - 4) { bytes, part, octets in
                bytes.appendHeader(length: Framer.headerLength + 4 + octets)
                bytes.append(integer: UInt16(truncatingIfNeeded: octets))
                bytes.append(prefixes, pathIDs, part)
                bytes.append(integer: UInt16(0))
            }
        case .ipv6:
            pack(prefixes, pathIDs, room: maximumLength - Framer.headerLength - 11) { bytes, part, octets in
                bytes.appendUnreach(.ipv6, octets: octets)
                bytes.append(prefixes, pathIDs, part)
            }
        }
    }

    /// The End-of-RIB marker (RFC 4724 section 2).
    package mutating func endOfRIB(_ family: AddressFamily) {
        switch family {
        case .ipv4:
            bytes.appendHeader(length: Framer.headerLength + 4)
            bytes.append(integer: UInt32(0))
        case .ipv6: bytes.appendUnreach(.ipv6, octets: 0)
        }
    }

    /// The begin or the end of a refresh, in its place between UPDATEs (RFC 7313 section 4).
    package mutating func routeRefresh(_ refresh: RouteRefresh) {
        var writer = ByteWriter(capacity: 23)
        refresh.encode(into: &writer)
        bytes += writer.bytes
    }

    /// Calls `write` with runs of prefixes of at most `room` octets; returns the prefixes that are larger than that.
    @discardableResult
    private mutating func pack(
        _ prefixes: [Prefix], _ pathIDs: [UInt32], room: Int, _ write: (inout [UInt8], Range<Int>, Int) -> Void
    ) -> [Prefix] {
        let extra = pathIDs.isEmpty ? 0 : 4
        var left: [Prefix] = []
        var index = 0
        while index < prefixes.count {
            let start = index
            var octets = 0
            while index < prefixes.count, octets + prefixes[index].wireOctets + extra <= room {
                octets += prefixes[index].wireOctets + extra
                index += 1
            }
            if start < index {
                write(&bytes, start..<index, octets)
            } else {
                left.append(prefixes[index])
                index += 1
            }
        }
        return left
    }
}

/// A path's attributes as they are written for one family, and how much room they leave in a message.
package struct PackedAttributes: Sendable, Equatable {
    let section: WireAttributes
    /// Octets of a message without prefixes and without the head of MP_REACH_NLRI.
    let fixed: Int
    /// Octets for prefixes.
    let room: Int
    private let hasPathIDs: Bool

    init(section: WireAttributes, maximumLength: Int, hasPathIDs: Bool) {
        self.section = section
        self.hasPathIDs = hasPathIDs
        fixed = Framer.headerLength + 4 + section.bytes.count
        room = maximumLength - fixed - (section.reach.isEmpty ? 0 : section.reach.count + 4)
    }

    /// All attributes except MP_REACH_NLRI.
    package var bytes: [UInt8] { section.bytes }
    /// The value of MP_REACH_NLRI up to its prefixes; empty when they go into the NLRI field.
    package var reach: [UInt8] { section.reach }

    /// Whether a message with these attributes can announce the prefix.
    package func hasRoom(for prefix: Prefix) -> Bool { prefix.wireOctets + (hasPathIDs ? 4 : 0) <= room }
}

extension [UInt8] {
    /// The header of an UPDATE of `length` octets.
    fileprivate mutating func appendHeader(length: Int) {
        append(integer: UInt128.max)
        append(integer: UInt16(truncatingIfNeeded: length))
        append(MessageType.update)
    }

    /// An UPDATE up to the prefixes that it withdraws, which have `octets` and follow; with none it is the family's
    /// End-of-RIB marker.
    fileprivate mutating func appendUnreach(_ family: AddressFamily, octets: Int) {
        let attribute = octets + 3 + (octets + 3 > 255 ? 4 : 3)
        appendHeader(length: Framer.headerLength + 4 + attribute)
        append(integer: UInt16(0))
        append(integer: UInt16(truncatingIfNeeded: attribute))
        append(attribute: AttributeCode.unreach, flags: AttributeFlags.optional, count: octets + 3)
        append(integer: family.afi)
        append(1 as UInt8)
    }

    /// A run of prefixes, each after its path identifier where there are any (RFC 7911 section 3).
    fileprivate mutating func append(_ prefixes: [Prefix], _ pathIDs: [UInt32], _ range: Range<Int>) {
        for index in range {
            if !pathIDs.isEmpty { append(integer: pathIDs[index]) }
            append(prefixes[index])
        }
    }
}
