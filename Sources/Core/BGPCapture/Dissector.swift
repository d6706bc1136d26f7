import BGPWire
import NetTypes

/// Takes a message apart for people. It judges nothing: what is good was decided by the decoders of the speaker, and
/// what cannot be read here is shown as octets.
struct Dissector {
    let message: ByteView
    let context: DecodeContext

    init(_ bytes: [UInt8], in context: DecodeContext) {
        (message, self.context) = (ByteView(bytes[...]), context)
    }

    static func fields(_ bytes: [UInt8], in context: DecodeContext) -> [Field] {
        Dissector(bytes, in: context).fields()
    }

    private func fields() -> [Field] {
        var fields = header()
        switch message.byte(18) {
        case 1: fields += open()
        case 2: fields += update()
        case 3: fields += notification()
        case 5: fields += refresh()
        default: fields += leftover(19)
        }
        return fields
    }

    private func header() -> [Field] {
        guard let length = message.u16(16), let type = message.byte(18) else { return leftover(0) }
        let isWhole = message.slice(0, 16)?.allSatisfy { $0 == 0xff } ?? false
        return [
            Field(0, 16, "marker", isWhole ? "all ones" : "not all ones"),
            Field(16, 2, "length", "\(length)"),
            Field(18, 1, "type", "\(WireText.messageName(type)) (\(type))"),
        ]
    }

    /// Octets that have no name.
    func leftover(_ place: Int, end: Int? = nil) -> [Field] {
        let count = min(end ?? message.count, message.count) - place
        return count > 0 ? [Field(place, count, "octets", "not understood")] : []
    }

    // MARK: NOTIFICATION, ROUTE-REFRESH

    private func notification() -> [Field] {
        guard let code = message.byte(19), let subcode = message.byte(20) else { return leftover(19) }
        let data = Array(message.rest(21))
        let whole = NotificationMessage(code, subcode, data)
        var fields = [
            Field(19, 1, "error code", "\(NotificationMessage(code, 0)) (\(code))"),
            Field(20, 1, "error subcode", "\(NotificationMessage(code, subcode)) (\(subcode))"),
        ]
        guard !data.isEmpty else { return fields }
        if let text = whole.shutdownCommunication {
            fields.append(Field(21, 1, "length of the text", "\(data[0])"))
            fields.append(Field(22, min(Int(data[0]), data.count - 1), "shutdown communication", "\"\(text)\""))
            fields += leftover(22 + Int(data[0]))
        } else {
            fields.append(Field(21, data.count, "data", "\(whole)"))
        }
        return fields
    }

    private func refresh() -> [Field] {
        guard message.count == 23, let afi = message.u16(19), let subtype = message.byte(21),
            let safi = message.byte(22)
        else { return leftover(19) }
        let kind = [0: "request (0)", 1: "begin of refresh (1)", 2: "end of refresh (2)"][subtype] ?? "\(subtype)"
        return [
            Field(19, 2, "address family", "\(afi)"), Field(21, 1, "subtype", kind),
            Field(22, 1, "subsequent address family", "\(FamilyName.of(afi: afi, safi: Int(safi))) (\(safi))"),
        ]
    }

    // MARK: OPEN

    private func open() -> [Field] {
        guard let version = message.byte(19), let number = message.u16(20), let hold = message.u16(22),
            let router = message.u32(24), let length = message.byte(28)
        else { return leftover(19) }
        var fields = [
            Field(19, 1, "version", "\(version)"),
            Field(20, 2, "autonomous system", number == 23456 ? "AS_TRANS (23456)" : "\(number)"),
            Field(22, 2, "hold time", hold == 0 ? "0: no hold timer" : "\(hold) s"),
            Field(24, 4, "BGP identifier", "\(RouterID(rawValue: router))"),
            Field(28, 1, "length of optional parameters", "\(length)"),
        ]
        // RFC 9072 section 2.
        let isExtended = length != 0 && message.byte(29) == 255
        var place = 29
        if isExtended, let extended = message.u16(30) {
            fields.append(Field(29, 1, "form of optional parameters", "extended (255)"))
            fields.append(Field(30, 2, "extended length of optional parameters", "\(extended)"))
            place = 32
        }
        let width = isExtended ? 2 : 1
        while place < message.count {
            guard let type = message.byte(place),
                let count = isExtended ? message.u16(place + 1) : message.byte(place + 1).map({ Int($0) }),
                message.slice(place + 1 + width, count) != nil
            else { return fields + leftover(place) }
            let start = place + 1 + width
            fields.append(
                Field(
                    place, 1 + width + count, "optional parameter",
                    type == 2 ? "capabilities (2), \(count) octets" : "type \(type), \(count) octets",
                    type == 2 ? capabilities(start, end: start + count) : leftover(start, end: start + count)))
            place = start + count
        }
        return fields
    }

    private func capabilities(_ begin: Int, end: Int) -> [Field] {
        var fields: [Field] = []
        var place = begin
        while place < end {
            guard let code = message.byte(place), let count = message.byte(place + 1).map({ Int($0) }),
                place + 2 + count <= end, let value = message.slice(place + 2, count)
            else { return fields + leftover(place, end: end) }
            let known = RFCSections.capabilities[code]
            let name = known.map { "capability \($0.name)" } ?? "capability"
            let words = capability(code, ByteView(value))
            let text = [words, known?.section].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: "; ")
            fields.append(Field(place, 2 + count, "\(name) (\(code))", text))
            place += 2 + count
        }
        return fields
    }

    private func capability(_ code: UInt8, _ value: ByteView) -> String {
        switch code {
        case 1:
            guard let afi = value.u16(0), let safi = value.byte(3) else { break }
            return FamilyName.of(afi: afi, safi: Int(safi))
        case 5: return families(value, size: 6) { "over afi \(value.u16($0 + 4) ?? 0) next hops" }
        case 9:
            let roles = ["provider", "route server", "route server client", "customer", "peer"]
            guard let role = value.byte(0), Int(role) < roles.count else { break }
            return roles[Int(role)]
        case 64:
            guard let head = value.u16(0) else { break }
            let bits = (head & 0x8000 != 0 ? ", restarted (R)" : "") + (head & 0x4000 != 0 ? ", notification (N)" : "")
            let list = families(ByteView(value.rest(2)), size: 4) {
                (value.byte($0 + 5) ?? 0) & 0x80 != 0 ? "forwarding preserved (F)" : ""
            }
            return "\(head & 0x0fff) s\(bits)" + (list.isEmpty ? "" : "; \(list)")
        case 65: if let number = value.u32(0) { return "AS \(number)" }
        case 69:
            return families(value, size: 4) {
                [1: "receive", 2: "send", 3: "send and receive"][value.byte($0 + 3) ?? 0] ?? "nothing"
            }
        case 71:
            return families(value, size: 7) { "\((value.u32($0 + 3) ?? 0) & 0xff_ffff) s" }
        case 73:
            let host = value.bytes.dropFirst().prefix(Int(value.byte(0) ?? 0))
            let domain = value.bytes.dropFirst(2 + host.count)
            return "\"\(WireText.printable(host))\""
                + (domain.isEmpty ? "" : ", domain \"\(WireText.printable(domain))\"")
        case 75: return "\"\(WireText.printable(value.bytes.dropFirst()))\""
        default: break
        }
        return value.count == 0 ? "" : Hex.text(value.bytes, limit: 64)
    }

    /// `ipv4-unicast WORDS, ...` of a list whose items begin with AFI and SAFI; `words` is told where an item begins.
    private func families(_ value: ByteView, size: Int, _ words: (Int) -> String) -> String {
        var items: [String] = []
        var place = 0
        while let afi = value.u16(place), let safi = value.byte(place + 2), value.slice(place, size) != nil {
            // RFC 8950 has two octets for the SAFI.
            let name = FamilyName.of(afi: afi, safi: size == 6 ? Int(value.byte(place + 3) ?? 0) : Int(safi))
            let more = words(place)
            items.append(more.isEmpty ? name : "\(name) \(more)")
            place += size
        }
        return items.joined(separator: ", ")
    }
}
