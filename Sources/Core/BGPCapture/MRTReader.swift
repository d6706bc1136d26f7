import NetTypes

/// A collector's file (RFC 6396, with RFC 8050): BGP messages and states of sessions, or a dump of a table.
struct MRTReader: RecordReader {
    private static let longestRecord = 16 << 20

    private enum RecordType {
        static let tableDump = 12
        static let tableDumpV2 = 13
        static let messages = 16
        static let messagesWithMicroseconds = 17
    }

    private var table = MRTTable()
    private var waiting: [CaptureRecord] = []
    private var unknown: Set<Int> = []
    private var isLost = false

    /// Whether the first twelve octets can be a record's header.
    static func begins(_ queue: ByteQueue) -> Bool {
        guard let type = queue.u16(at: 4), let subtype = queue.u16(at: 6), let length = queue.u32(at: 8) else {
            return false
        }
        return (RecordType.tableDump...RecordType.messagesWithMicroseconds).contains(type) && subtype <= 12
            && length <= longestRecord
    }

    mutating func next(_ queue: inout ByteQueue, isAtEnd: Bool) -> CaptureRecord? {
        while waiting.isEmpty {
            if isLost { queue.drop(queue.count) }
            guard let seconds = queue.u32(at: 0), let type = queue.u16(at: 4), let subtype = queue.u16(at: 6),
                let length = queue.u32(at: 8)
            else { return isAtEnd && queue.count > 0 ? cutOff(&queue, "the header of a record") : nil }
            guard length <= Self.longestRecord else {
                isLost = true
                return lost(&queue, "a record says that it has \(length) octets")
            }
            guard queue.count >= 12 + length else { return isAtEnd ? cutOff(&queue, "a record of \(length)") : nil }
            let body = queue.copy(from: 12, count: length)
            let time = CaptureTime(seconds: seconds, nanoseconds: 0)
            waiting = records(type, subtype, body[...], time, queue.offset).reversed()
            queue.drop(12 + length)
        }
        return waiting.popLast()
    }

    private mutating func records(
        _ type: Int, _ subtype: Int, _ body: ArraySlice<UInt8>, _ time: CaptureTime, _ offset: Int
    ) -> [CaptureRecord] {
        func note(_ text: String) -> [CaptureRecord] {
            [.note(CaptureNote(time: time, place: .octet(offset), text: text))]
        }
        switch type {
        case RecordType.messages:
            return session(subtype, body, time, offset) ?? note("a record of a session is too short for its fields")
        case RecordType.messagesWithMicroseconds:
            guard let micros = ByteView(body).u32(0) else { return note("a record is too short for its time") }
            let exact = CaptureTime(nanoseconds: time.nanoseconds + Int64(min(micros, 999_999)) * 1000)
            return session(subtype, body.dropFirst(4), exact, offset)
                ?? note("a record of a session is too short for its fields")
        case RecordType.tableDumpV2:
            return table.records(subtype, ByteView(body), time, offset)
                ?? note("a record of a table is too short for its fields")
        default:
            guard unknown.insert(type << 16 | subtype).inserted else { return [] }
            return note("records of type \(type), subtype \(subtype) are not read")
        }
    }

    /// BGP4MP (RFC 6396 section 4.4); nil when it is too short.
    private mutating func session(
        _ subtype: Int, _ body: ArraySlice<UInt8>, _ time: CaptureTime, _ offset: Int
    ) -> [CaptureRecord]? {
        let view = ByteView(body)
        guard [0, 1, 4, 5, 6, 7, 8, 9, 10, 11].contains(subtype) else {
            guard unknown.insert(16 << 16 | subtype).inserted else { return [] }
            let text = "records of a session of subtype \(subtype) are not read"
            return [.note(CaptureNote(time: time, place: .octet(offset), text: text))]
        }
        let isWide = [4, 5, 7, 9, 11].contains(subtype)
        let width = isWide ? 4 : 2
        func number(_ place: Int) -> UInt32? { isWide ? view.u32(place) : view.u16(place).map { UInt32($0) } }
        guard let peerAS = number(0), let localAS = number(width), let afi = view.u16(2 * width + 2) else { return nil }
        guard afi == 1 || afi == 2 else {
            let text = "a record of a session is of address family \(afi)"
            return [.note(CaptureNote(time: time, place: .octet(offset), text: text))]
        }
        let family: AddressFamily = afi == 1 ? .ipv4 : .ipv6
        let place = 2 * width + 4
        guard let peer = view.address(place, family), let local = view.address(place + family.octets, family) else {
            return nil
        }
        let rest = place + 2 * family.octets
        if subtype == 0 || subtype == 5 {
            guard let old = view.u16(rest), let new = view.u16(rest + 2) else { return nil }
            let text = "peer \(peer) (AS \(peerAS)): state \(Self.state(old)) to \(Self.state(new))"
            return [.note(CaptureNote(time: time, place: .octet(offset), text: text))]
        }
        let isOurs = [6, 7, 10, 11].contains(subtype)
        let (peerEnd, localEnd) = (Endpoint(peer), Endpoint(local))
        // Collectors that do not know their own side write zeros.
        let isExternal = peerAS == 0 || localAS == 0 ? nil : peerAS != localAS
        return [
            .message(
                LoggedMessage(
                    time: time, sender: isOurs ? localEnd : peerEnd, receiver: isOurs ? peerEnd : localEnd,
                    hint: ContextHint(fourOctetAS: isWide, isExternal: isExternal, hasPathIDs: subtype >= 8),
                    bytes: Array(view.rest(rest)), offset: offset))
        ]
    }

    /// The states of RFC 4271 section 8.2.2 as RFC 6396 numbers them.
    private static func state(_ number: Int) -> String {
        let names = ["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"]
        return names.indices.contains(number - 1) ? names[number - 1] : "\(number)"
    }
}

/// TABLE_DUMP_V2 (RFC 6396 section 4.3): peers by number, then paths of prefixes.
struct MRTTable: Sendable {
    private var peers: [IPAddress] = []
    private var unknown: Set<Int> = []
    /// Longest UPDATE there is.
    private static let longestMessage = 65535

    /// nil when the record is too short.
    mutating func records(
        _ subtype: Int, _ view: ByteView, _ time: CaptureTime, _ offset: Int
    ) -> [CaptureRecord]? {
        switch subtype {
        case 1: return peerIndex(view, time, offset)
        case 2: return paths(.ipv4, hasPathIDs: false, view, time, offset)
        case 4: return paths(.ipv6, hasPathIDs: false, view, time, offset)
        case 8: return paths(.ipv4, hasPathIDs: true, view, time, offset)
        case 10: return paths(.ipv6, hasPathIDs: true, view, time, offset)
        default:
            guard unknown.insert(subtype).inserted else { return [] }
            let text = "records of a table of subtype \(subtype) are not read: neither IPv4 nor IPv6 unicast"
            return [.note(CaptureNote(time: time, place: .octet(offset), text: text))]
        }
    }

    private mutating func peerIndex(_ view: ByteView, _ time: CaptureTime, _ offset: Int) -> [CaptureRecord]? {
        guard let name = view.u16(4), let count = view.u16(6 + name) else { return nil }
        peers = []
        var place = 8 + name
        for _ in 0..<count {
            guard let kind = view.byte(place) else { return nil }
            let family: AddressFamily = kind & 1 == 0 ? .ipv4 : .ipv6
            guard let address = view.address(place + 5, family) else { return nil }
            peers.append(address)
            place += 5 + family.octets + (kind & 2 == 0 ? 2 : 4)
        }
        let text = "a table of \(count) peer\(count == 1 ? "" : "s")"
        return [.note(CaptureNote(time: time, place: .octet(offset), text: text))]
    }

    private func paths(
        _ family: AddressFamily, hasPathIDs: Bool, _ view: ByteView, _ time: CaptureTime, _ offset: Int
    ) -> [CaptureRecord]? {
        guard let length = view.byte(4), Int(length) <= family.bitWidth else { return nil }
        let octets = (Int(length) + 7) / 8
        guard let prefix = view.slice(5, octets), let count = view.u16(5 + octets) else { return nil }
        var records: [CaptureRecord] = []
        var place = 7 + octets
        for _ in 0..<count {
            guard let peer = view.u16(place) else { return nil }
            let head = place + 6 + (hasPathIDs ? 4 : 0)
            guard let size = view.u16(head), let attributes = view.slice(head + 2, size) else { return nil }
            let nlri = Array(hasPathIDs ? view.slice(place + 6, 4) ?? [] : []) + [length] + prefix
            let sender = peers.indices.contains(peer) ? peers[peer] : .v4(.any)
            let bytes = Self.update(family, nlri, attributes)
            place = head + 2 + size
            guard bytes.count <= Self.longestMessage else { continue }
            records.append(
                .message(
                    LoggedMessage(
                        time: time, sender: Endpoint(sender), receiver: Endpoint(.v4(.any)),
                        hint: ContextHint(fourOctetAS: true, isExternal: nil, hasPathIDs: hasPathIDs), bytes: bytes,
                        offset: offset)))
        }
        return records
    }

    /// The UPDATE that announces a path of the table. A table's MP_REACH_NLRI is only the next hop (section 4.3.4).
    private static func update(_ family: AddressFamily, _ nlri: [UInt8], _ attributes: ArraySlice<UInt8>) -> [UInt8] {
        let view = ByteView(attributes)
        var list: [UInt8] = []
        var hasReach = false
        var place = 0
        while let flags = view.byte(place), let code = view.byte(place + 1) {
            let isLong = flags & 0x10 != 0
            guard let size = isLong ? view.u16(place + 2) : view.byte(place + 2).map({ Int($0) }),
                let value = view.slice(place + (isLong ? 4 : 3), size)
            else { break }
            if code == 14, !hasReach {
                hasReach = true
                let whole = reach(family, value, nlri)
                list += [flags | 0x10, code, UInt8(whole.count >> 8 & 0xff), UInt8(whole.count & 0xff)] + whole
            } else {
                list += view.slice(place, (isLong ? 4 : 3) + size) ?? []
            }
            place += (isLong ? 4 : 3) + size
        }
        // What cannot be taken apart stays as it is, to be judged.
        list += view.rest(place)
        let field = hasReach ? [] : nlri
        let length = 23 + list.count + field.count
        return [UInt8](repeating: 0xff, count: 16)
            + [UInt8(length >> 8 & 0xff), UInt8(length & 0xff), 2, 0, 0]
            + [UInt8(list.count >> 8 & 0xff), UInt8(list.count & 0xff)] + list + field
    }

    private static func reach(_ family: AddressFamily, _ value: ArraySlice<UInt8>, _ nlri: [UInt8]) -> [UInt8] {
        let head: [UInt8] = [0, UInt8(family.afi), 1]
        // Some collectors write the whole attribute all the same.
        let isShort = value.first.map { Int($0) == value.count - 1 } ?? false
        let hop = isShort ? value : value.dropFirst(3).prefix(1 + Int(value.dropFirst(3).first ?? 0))
        return head + hop + [0] + nlri
    }
}
