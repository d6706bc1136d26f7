import BGPWire
import NetTypes

extension Dissector {
    /// The body of an UPDATE (RFC 4271 section 4.3).
    func update() -> [Field] {
        guard let withdrawn = message.u16(19), message.slice(21, withdrawn) != nil,
            let attributes = message.u16(21 + withdrawn), message.slice(23 + withdrawn, attributes) != nil
        else { return leftover(19) }
        var fields = [Field(19, 2, "length of withdrawn prefixes", "\(withdrawn)")]
        fields += prefixes(21, end: 21 + withdrawn, .ipv4, name: "withdrawn")
        fields.append(Field(21 + withdrawn, 2, "length of path attributes", "\(attributes)"))
        let start = 23 + withdrawn
        fields += self.attributes(start, end: start + attributes)
        fields += prefixes(start + attributes, end: message.count, .ipv4, name: "announced")
        return fields
    }

    private func attributes(_ begin: Int, end: Int) -> [Field] {
        var fields: [Field] = []
        var place = begin
        while place < end {
            guard let flags = message.byte(place), let code = message.byte(place + 1) else {
                return fields + leftover(place, end: end)
            }
            let head = flags & 0x10 == 0 ? 3 : 4
            guard
                let count = head == 4 ? message.u16(place + 2) : message.byte(place + 2).map({ Int($0) }),
                place + head + count <= end, let value = message.slice(place + head, count)
            else {
                var cut = Field(place, end - place, name(code), "runs past the attributes")
                cut.attribute = code
                return fields + [cut]
            }
            let (text, parts) = attribute(code, ByteView(value), at: place + head)
            var field = Field(
                place, head + count, name(code), text,
                [
                    Field(place, 1, "flags", self.flags(flags)),
                    Field(place + 2, head - 2, "length", "\(count)"),
                ] + (parts.isEmpty ? octets(ByteView(value), at: place + head) : parts))
            field.attribute = code
            fields.append(field)
            place += head + count
        }
        return fields
    }

    private func name(_ code: UInt8) -> String {
        if let row = AttributeTable.row(code) { return "\(row.name) (\(code))" }
        return RFCSections.otherAttributes[code].map { "\($0) (\(code))" } ?? "attribute \(code)"
    }

    private func flags(_ flags: UInt8) -> String {
        var words = [flags & 0x80 != 0 ? "optional" : "well-known"]
        words.append(flags & 0x40 != 0 ? "transitive" : "non-transitive")
        if flags & 0x20 != 0 { words.append("partial") }
        if flags & 0x10 != 0 { words.append("extended length") }
        if flags & 0x0f != 0 { words.append("unused bits \(flags & 0x0f)") }
        return words.joined(separator: ", ")
    }

    /// What a value says, and its parts; a value of a wrong form is only octets.
    private func attribute(_ code: UInt8, _ value: ByteView, at place: Int) -> (String, [Field]) {
        switch (code, value.count) {
        case (1, 1):
            let origins = ["IGP (0)", "EGP (1)", "INCOMPLETE (2)"]
            let origin = Int(value.byte(0) ?? 0)
            return (origin < origins.count ? origins[origin] : "\(origin)", [])
        case (2, _): return asPath(value, width: context.fourOctetAS ? 4 : 2, at: place)
        case (17, _): return asPath(value, width: 4, at: place)
        case (3, 4): return ("\(value.address(0, .ipv4).map { "\($0)" } ?? "")", [])
        case (4, 4), (5, 4): return ("\(value.u32(0) ?? 0)", [])
        case (35, 4): return ("AS \(value.u32(0) ?? 0)", [])
        case (6, 0): return ("set", [])
        case (7, 6), (7, 8), (18, 8): return (aggregator(value), [])
        case (9, 4): return ("\(RouterID(rawValue: value.u32(0) ?? 0))", [])
        case (8, _): return list(value, 4, at: place, "community") { Communities.text(value.u32($0) ?? 0) }
        case (10, _): return list(value, 4, at: place, "cluster") { "\(RouterID(rawValue: value.u32($0) ?? 0))" }
        case (16, _): return list(value, 8, at: place, "extended community") { Communities.extended(value, $0) }
        case (32, _):
            return list(value, 12, at: place, "large community") {
                let parts = [value.u32($0), value.u32($0 + 4), value.u32($0 + 8)].map { $0 ?? 0 }
                return "\(LargeCommunity(global: parts[0], local1: parts[1], local2: parts[2]))"
            }
        case (14, _): return reach(value, at: place)
        case (15, _): return unreach(value, at: place)
        case (26, 11) where value.byte(0) == 1:
            return ("metric \(UInt64(value.u32(3) ?? 0) << 32 | UInt64(value.u32(7) ?? 0))", [])
        default: return (value.count == 0 ? "empty" : "\(value.count) octets", octets(value, at: place))
        }
    }

    private func octets(_ value: ByteView, at place: Int) -> [Field] {
        value.count == 0 ? [] : [Field(place, value.count, "value", "")]
    }

    private func aggregator(_ value: ByteView) -> String {
        let isWide = value.count == 8
        let number = isWide ? value.u32(0) ?? 0 : UInt32(value.u16(0) ?? 0)
        return "AS \(number), \(RouterID(rawValue: value.u32(isWide ? 4 : 2) ?? 0))"
    }

    /// A list of items of one size.
    private func list(
        _ value: ByteView, _ size: Int, at place: Int, _ name: String, _ text: (Int) -> String
    ) -> (String, [Field]) {
        guard value.count > 0, value.count % size == 0 else {
            return ("\(value.count) octets", octets(value, at: place))
        }
        let fields = stride(from: 0, to: value.count, by: size).map { Field(place + $0, size, name, text($0)) }
        return (fields.map(\.value).joined(separator: " "), fields)
    }

    private func asPath(_ value: ByteView, width: Int, at place: Int) -> (String, [Field]) {
        let path = WireText.asPath(Array(value.bytes), width: width)
        let kinds: [UInt8: String] = [
            1: "AS_SET", 2: "AS_SEQUENCE", 3: "AS_CONFED_SEQUENCE", 4: "AS_CONFED_SET",
        ]
        var fields: [Field] = []
        var offset = 0
        for segment in path.segments {
            let size = 2 + segment.numbers.count * width
            let name = kinds[segment.kind] ?? "segment of type \(segment.kind)"
            let numbers = segment.numbers.map(\.description).joined(separator: " ")
            fields.append(Field(place + offset, size, name, numbers.isEmpty ? "empty" : numbers))
            offset += size
        }
        let rest = value.count - offset
        if rest > 0 { fields.append(Field(place + offset, rest, "octets", "not understood")) }
        return (path.segments.isEmpty ? "empty" : "\(path)", fields)
    }

    // MARK: Prefixes

    private func reach(_ value: ByteView, at place: Int) -> (String, [Field]) {
        guard let afi = value.u16(0), let safi = value.byte(2), let size = value.byte(3).map({ Int($0) }),
            let hop = value.slice(4, size), value.byte(4 + size) != nil
        else { return ("\(value.count) octets", octets(value, at: place)) }
        var fields = [
            Field(place, 3, "family", FamilyName.of(afi: afi, safi: Int(safi))),
            Field(place + 3, 1, "length of next hop", "\(size)"),
        ]
        let hops = ByteView(hop)
        switch size {
        case 4, 16:
            let family: AddressFamily = size == 4 ? .ipv4 : .ipv6
            fields.append(Field(place + 4, size, "next hop", hops.address(0, family).map { "\($0)" } ?? ""))
        case 32:
            fields.append(Field(place + 4, 16, "next hop", hops.address(0, .ipv6).map { "\($0)" } ?? ""))
            fields.append(Field(place + 20, 16, "next hop, second", hops.address(16, .ipv6).map { "\($0)" } ?? ""))
        default: fields.append(Field(place + 4, size, "next hop", "\(size) octets"))
        }
        fields.append(Field(place + 4 + size, 1, "reserved", "\(value.byte(4 + size) ?? 0)"))
        return nlri(afi, Int(safi), place + 5 + size, end: place + value.count, fields, name: "announced")
    }

    private func unreach(_ value: ByteView, at place: Int) -> (String, [Field]) {
        guard let afi = value.u16(0), let safi = value.byte(2) else {
            return ("\(value.count) octets", octets(value, at: place))
        }
        let fields = [Field(place, 3, "family", FamilyName.of(afi: afi, safi: Int(safi)))]
        return nlri(afi, Int(safi), place + 3, end: place + value.count, fields, name: "withdrawn")
    }

    private func nlri(
        _ afi: Int, _ safi: Int, _ begin: Int, end: Int, _ head: [Field], name: String
    ) -> (String, [Field]) {
        let family = FamilyName.of(afi: afi, safi: safi)
        guard safi == 1, let ours = UInt16(exactly: afi).flatMap({ AddressFamily(afi: $0) }) else {
            return (family, head + (begin < end ? [Field(begin, end - begin, "prefixes", "not read")] : []))
        }
        let list = prefixes(begin, end: end, ours, name: name)
        return ("\(family), \(list.count) \(name)", head + list)
    }

    private func prefixes(_ begin: Int, end: Int, _ family: AddressFamily, name: String) -> [Field] {
        let hasID = context.pathIDs.contains(family)
        var fields: [Field] = []
        var place = begin
        while place < end {
            let start = hasID ? place + 4 : place
            guard let length = message.byte(start), Int(length) <= family.bitWidth else {
                return fields + leftover(place, end: end)
            }
            let octets = (Int(length) + 7) / 8
            guard start + 1 + octets <= end, let bits = message.slice(start + 1, octets) else {
                return fields + leftover(place, end: end)
            }
            let whole = Array(bits) + [UInt8](repeating: 0, count: family.octets - octets)
            let prefix = IPAddress(bytes: whole).flatMap { Prefix($0, length: Int(length)) }
            let path = hasID ? message.u32(place).map { ", path \($0)" } ?? "" : ""
            fields.append(
                Field(place, start + 1 + octets - place, name, (prefix.map { "\($0)" } ?? "") + path))
            place = start + 1 + octets
        }
        return fields
    }
}

/// Words for communities.
enum Communities {
    /// Well-known ones (IANA) that our speaker has no name for.
    private static let names: [UInt32: String] = [
        0xffff_0001: "accept-own", 0xffff_0006: "llgr-stale", 0xffff_0007: "no-llgr",
        0xffff_0008: "accept-own-nexthop", 0xffff_0009: "standby-pe",
    ]

    static func text(_ raw: UInt32) -> String {
        let known = "\(Community(rawValue: raw))"
        let numbers = "\(raw >> 16):\(raw & 0xffff)"
        let name = names[raw] ?? (known == numbers ? nil : known)
        return name.map { "\($0) (\(numbers))" } ?? numbers
    }

    /// Route target, route origin, link bandwidth (draft-ietf-idr-link-bandwidth); others as a number.
    static func extended(_ value: ByteView, _ place: Int) -> String {
        guard let high = value.u32(place), let low = value.u32(place + 4) else { return "" }
        if high >> 16 & 0xbfff == 0x0004 {
            let bits = Double(Float(bitPattern: low)) * 8
            let rate = bits.isFinite && bits >= 0 && bits < 1e18 ? "\(UInt64(bits)) bit/s" : "no rate"
            return "link-bandwidth:\(high & 0xffff):\(rate)"
        }
        return "\(ExtendedCommunity(rawValue: UInt64(high) << 32 | UInt64(low)))"
    }
}
