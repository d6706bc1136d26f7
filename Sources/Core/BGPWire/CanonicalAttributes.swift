import NetTypes

/// Brings received attributes into the canonical form of `PathAttributes`.
enum CanonicalAttributes {
    /// `slots` were checked; each code stands once in them.
    static func bytes(_ slots: [AttributeSlot], _ bytes: RawSpan, in context: DecodeContext) -> [UInt8] {
        let slots = sorted(slots)
        let merged = context.fourOctetAS ? nil : TwoOctetMerge(slots, bytes)
        var result: [UInt8] = []
        var size = 0
        for slot in slots { size += slot.value.remaining + 4 }
        result.reserveCapacity(size * (context.fourOctetAS ? 1 : 2))
        for slot in slots {
            let flags = Self.flags(slot)
            if let merged {
                switch slot.code {
                case AttributeCode.as4Path, AttributeCode.as4Aggregator: continue
                case AttributeCode.asPath:
                    let value = merged.path.encoded(width: 4)
                    result.append(attribute: slot.code, flags: flags, count: value.count)
                    result.append(contentsOf: value)
                    continue
                case AttributeCode.aggregator:
                    let value = merged.aggregator?.encoded(wide: true) ?? []
                    result.append(attribute: slot.code, flags: flags, count: value.count)
                    result.append(contentsOf: value)
                    continue
                default: break
                }
            }
            result.append(attribute: slot.code, flags: flags, count: slot.value.remaining)
            result.append(bytes, slot.value.range)
        }
        return result
    }

    /// Nearly always they are sorted already, and then there is nothing to copy.
    private static func sorted(_ slots: [AttributeSlot]) -> [AttributeSlot] {
        var index = 1
        while index < slots.count {
            if slots[index - 1].code > slots[index].code { return slots.sorted { $0.code < $1.code } }
            index += 1
        }
        return slots
    }

    /// Bits without a meaning are cleared. The partial bit stays, and is set on what we do not know (RFC 4271 section
    /// 5).
    private static func flags(_ slot: AttributeSlot) -> UInt8 {
        guard let row = AttributeTable.row(slot.code) else {
            return AttributeFlags.optionalTransitive | AttributeFlags.partial
        }
        guard row.flags == AttributeFlags.optionalTransitive else { return row.flags }
        return row.flags | slot.flags & AttributeFlags.partial
    }
}

/// The four-octet AS_PATH and AGGREGATOR of what a two-octet peer sent (RFC 6793 section 4.2.3).
private struct TwoOctetMerge {
    var path: ASPath
    var aggregator: Aggregator?

    init(_ slots: [AttributeSlot], _ bytes: RawSpan) {
        func slot(_ code: UInt8) -> AttributeSlot? { slots.first { $0.code == code } }
        path = ASPath()
        if let slot = slot(AttributeCode.asPath) { path = ASPath(slot.value, bytes, width: 2) }
        aggregator = nil
        if let slot = slot(AttributeCode.aggregator) { aggregator = Aggregator(slot.value, bytes, wide: false) }
        if let slot = slot(AttributeCode.as4Aggregator), let own = aggregator {
            // Somebody on the way who knows two octets only has aggregated anew: both AS4 attributes are out of date.
            guard own.asNumber == .trans else { return }
            aggregator = Aggregator(slot.value, bytes, wide: true)
        }
        if let slot = slot(AttributeCode.as4Path) {
            let merged = path.merged(with: ASPath(slot.value, bytes, width: 4).withoutConfederations)
            // Sets count one hop, so even an AS4_PATH of few hops can be long.
            if merged.encoded(width: 4).count <= ASPath.maximumOctets { path = merged }
        }
    }
}
