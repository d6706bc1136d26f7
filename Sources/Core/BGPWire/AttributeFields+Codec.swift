import NetTypes

extension AttributeFields {
    /// Spells out canonical bytes.
    package init(_ attributes: PathAttributes) {
        self.init()
        let bytes = attributes.bytes.span.bytes
        var walk = AttributeWalk(bytes)
        while let entry = walk.next(bytes) {
            take(entry, bytes)
            let isKnown = AttributeTable.row(entry.code) != nil && !isUnknown(entry.code)
            if isKnown, entry.flags & AttributeFlags.partial != 0 { partial.append(entry.code) }
        }
    }

    private mutating func take(_ entry: AttributeWalk.Entry, _ bytes: RawSpan) {
        var value = entry.value
        switch entry.code {
        case AttributeCode.origin: origin = (try? value.byte(bytes)) ?? 0
        case AttributeCode.asPath: asPath = ASPath(value, bytes, width: 4)
        case AttributeCode.med: med = try? value.integer(UInt32.self, bytes)
        case AttributeCode.localPref: localPref = try? value.integer(UInt32.self, bytes)
        case AttributeCode.atomicAggregate: atomicAggregate = true
        case AttributeCode.aggregator: aggregator = Aggregator(value, bytes, wide: true)
        case AttributeCode.communities: communities = Self.list(value, bytes)
        case AttributeCode.originatorID:
            originatorID = (try? value.integer(UInt32.self, bytes)).map(RouterID.init(rawValue:))
        case AttributeCode.clusterList: clusterList = Self.list(value, bytes)
        case AttributeCode.extendedCommunities: extendedCommunities = Self.list(value, bytes)
        case AttributeCode.largeCommunities:
            let words: [UInt32] = Self.list(value, bytes)
            largeCommunities = stride(from: 0, to: words.count - words.count % 3, by: 3).map {
                LargeCommunity(global: words[$0], local1: words[$0 + 1], local2: words[$0 + 2])
            }
        case AttributeCode.onlyToCustomer:
            onlyToCustomer = (try? value.integer(UInt32.self, bytes)).map(ASNumber.init(rawValue:))
        default:
            let flags = entry.flags & ~AttributeFlags.extendedLength
            unknown.append(RawAttribute(flags: flags, code: entry.code, value: bytes.copy(value.range)))
        }
    }

    /// Attributes that are checked by a row of the table but kept raw here.
    private func isUnknown(_ code: UInt8) -> Bool { unknown.last?.code == code }

    private static func list<T: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ value: ByteCursor, _ bytes: RawSpan
    ) -> [T] {
        var value = value
        var list: [T] = []
        list.reserveCapacity(value.remaining / MemoryLayout<T>.size)
        while let item = try? value.integer(T.self, bytes) { list.append(item) }
        return list
    }
}

extension PathAttributes {
    /// The canonical form of `fields`; empty lists and nil are left out, an empty AS_PATH is not. Of unknown attributes
    /// with one code the first is taken, and none that has a field of its own or a place outside.
    package init(_ fields: AttributeFields, nextHop: IPAddress, linkLocalNextHop: IPv6Address? = nil) {
        var values = fields.values
        for raw in fields.unknown where !Self.isReserved(raw.code) && !values.contains(where: { $0.code == raw.code }) {
            values.append(RawAttribute(flags: raw.flags, code: raw.code, value: Array(raw.value.prefix(65535))))
        }
        values.sort { $0.code < $1.code }
        var bytes: [UInt8] = []
        for attribute in values {
            bytes.append(attribute: attribute.code, flags: attribute.flags, count: attribute.value.count)
            bytes.append(contentsOf: attribute.value)
        }
        self.init(
            bytes: bytes, nextHop: nextHop, linkLocalNextHop: linkLocalNextHop, summary: Summary(bytes.span.bytes))
    }

    /// Codes that never stand in canonical bytes as an unknown attribute.
    private static func isReserved(_ code: UInt8) -> Bool {
        switch code {
        case AttributeCode.origin...AttributeCode.clusterList, AttributeCode.reach, AttributeCode.unreach,
            AttributeCode.extendedCommunities, AttributeCode.as4Path, AttributeCode.as4Aggregator,
            AttributeCode.largeCommunities, AttributeCode.onlyToCustomer:
            true
        default: false
        }
    }
}

extension AttributeFields {
    /// The known attributes that are present, with their values; each cut to what an attribute can hold.
    fileprivate var values: [RawAttribute] {
        var list: [RawAttribute] = []
        func add(_ code: UInt8, _ value: [UInt8]) {
            let flags = AttributeTable.row(code)?.flags ?? AttributeFlags.optionalTransitive
            let isPartial = flags == AttributeFlags.optionalTransitive && partial.contains(code)
            list.append(
                RawAttribute(
                    flags: isPartial ? flags | AttributeFlags.partial : flags, code: code,
                    value: Array(value.prefix(65520))))
        }
        func octets<T: FixedWidthInteger & UnsignedInteger>(_ items: [T]) -> [UInt8] {
            items.reduce(into: []) { $0.append(integer: $1) }
        }
        add(AttributeCode.origin, [origin])
        add(AttributeCode.asPath, asPath.encoded(width: 4))
        if let med { add(AttributeCode.med, octets([med])) }
        if let localPref { add(AttributeCode.localPref, octets([localPref])) }
        if atomicAggregate { add(AttributeCode.atomicAggregate, []) }
        if let aggregator { add(AttributeCode.aggregator, aggregator.encoded(wide: true)) }
        if !communities.isEmpty { add(AttributeCode.communities, octets(communities)) }
        if let originatorID { add(AttributeCode.originatorID, octets([originatorID.rawValue])) }
        if !clusterList.isEmpty { add(AttributeCode.clusterList, octets(clusterList)) }
        if !extendedCommunities.isEmpty { add(AttributeCode.extendedCommunities, octets(extendedCommunities)) }
        if !largeCommunities.isEmpty {
            add(AttributeCode.largeCommunities, octets(largeCommunities.flatMap { [$0.global, $0.local1, $0.local2] }))
        }
        if let onlyToCustomer { add(AttributeCode.onlyToCustomer, octets([onlyToCustomer.rawValue])) }
        return list
    }
}
