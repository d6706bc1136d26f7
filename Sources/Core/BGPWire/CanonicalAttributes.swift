import NetTypes

/// Brings received attributes into the canonical form of `PathAttributes`.
enum CanonicalAttributes {
    /// Appends attributes that were checked; each code stands once in them.
    static func append(
        _ slots: inout [AttributeSlot], _ bytes: RawSpan, in context: DecodeContext, to result: inout [UInt8]
    ) {
        sort(&slots)
        let merged = context.fourOctetAS ? nil : TwoOctetMerge(slots, bytes)
        // What is canonical as it came, with what stands before it: mostly all that follows the next hop.
        var run = 0..<0
        for slot in slots {
            let flags = Self.flags(slot)
            if merged?.append(slot.code, flags, after: (bytes, run), to: &result) == true {
                run = 0..<0
            } else if slot.flags == flags | (slot.value.remaining > 255 ? AttributeFlags.extendedLength : 0) {
                if slot.start != run.upperBound {
                    result.append(bytes, run)
                    run = slot.start..<slot.start
                }
                run = run.lowerBound..<slot.value.end
            } else {
                result.append(bytes, run)
                run = 0..<0
                result.append(attribute: slot.code, flags: flags, count: slot.value.remaining)
                result.append(bytes, slot.value.range)
            }
        }
        result.append(bytes, run)
    }

    /// Nearly always they are sorted already.
    private static func sort(_ slots: inout [AttributeSlot]) {
        var index = 1
        while index < slots.count {
            if slots[index - 1].code > slots[index].code { return slots.sort { $0.code < $1.code } }
            index += 1
        }
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

    /// Appends what stands for an attribute; false: it is not concerned.
    func append(
        _ code: UInt8, _ flags: UInt8, after run: (bytes: RawSpan, range: Range<Int>), to result: inout [UInt8]
    ) -> Bool {
        let value: [UInt8]?
        switch code {
        case AttributeCode.as4Path, AttributeCode.as4Aggregator: value = nil
        case AttributeCode.asPath: value = path.encoded(width: 4)
        case AttributeCode.aggregator: value = aggregator?.encoded(wide: true) ?? []
        default: return false
        }
        result.append(run.bytes, run.range)
        if let value {
            result.append(attribute: code, flags: flags, count: value.count)
            result.append(contentsOf: value)
        }
        return true
    }

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
