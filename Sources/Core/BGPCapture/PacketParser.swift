import NetTypes

/// A TCP segment of a captured packet.
struct TCPSegment: Sendable {
    var source: Endpoint
    var destination: Endpoint
    var sequence: UInt32
    var acknowledgement: UInt32?
    var isSYN: Bool
    var isFIN: Bool
    var isRST: Bool
    var payload: ArraySlice<UInt8>
    /// Octets of the payload that were on the wire but not captured.
    var missing: Int
}

/// Takes packets apart: link, IP, TCP.
enum PacketParser {
    enum Result {
        case segment(TCPSegment)
        /// Not TCP: nothing to say.
        case other
        /// It may have been TCP, but cannot be read.
        case unreadable(String)
    }

    private static let tcp = 6

    static func parse(_ packet: LinkPacket) -> Result {
        let bytes = packet.bytes[...]
        let view = ByteView(bytes)
        let cut = packet.length - packet.bytes.count
        switch packet.linkType {
        case 1: return protocolNumber(view.u16(12), bytes.dropFirst(14), cut)
        case 101, 12, 14, 228, 229: return ip(bytes, cut)
        case 0, 108: return ip(bytes.dropFirst(4), cut)
        case 113: return protocolNumber(view.u16(14), bytes.dropFirst(16), cut)
        case 276: return protocolNumber(view.u16(0), bytes.dropFirst(20), cut)
        default: return .unreadable("packets of link type \(packet.linkType) are not read")
        }
    }

    /// What a packet is after the header of its link says its type: VLAN tags may stand before IP, and behind a cooked
    /// header as well.
    private static func protocolNumber(_ type: Int?, _ bytes: ArraySlice<UInt8>, _ cut: Int) -> Result {
        var (type, bytes) = (type, bytes)
        while type == 0x8100 || type == 0x88a8 || type == 0x9100 {
            type = ByteView(bytes).u16(2)
            bytes = bytes.dropFirst(4)
        }
        guard let type else { return .unreadable("a packet ends within the header of its link") }
        return type == 0x0800 || type == 0x86dd ? ip(bytes, cut) : .other
    }

    private static func ip(_ bytes: ArraySlice<UInt8>, _ cut: Int) -> Result {
        switch bytes.first.map({ $0 >> 4 }) {
        case 4: ipv4(ByteView(bytes), cut)
        case 6: ipv6(ByteView(bytes), cut)
        case nil: .unreadable("a packet ends before its IP header")
        default: .other
        }
    }

    private static func ipv4(_ view: ByteView, _ cut: Int) -> Result {
        guard let first = view.byte(0), let total = view.u16(2), let fragment = view.u16(6), let next = view.byte(9),
            let source = view.address(12, .ipv4), let destination = view.address(16, .ipv4)
        else { return .unreadable("a packet ends within its IPv4 header") }
        guard Int(next) == tcp else { return .other }
        guard fragment & 0x3fff == 0 else { return .unreadable("a fragment of an IPv4 packet is not put together") }
        let header = Int(first & 15) * 4
        guard header >= 20, header <= view.count else { return .unreadable("a packet has a wrong IPv4 header length") }
        // Packets that the network card is to split say 0.
        let length = total == 0 ? view.count + cut - header : total - header
        return segment(view.rest(header), length, source, destination)
    }

    private static func ipv6(_ view: ByteView, _ cut: Int) -> Result {
        guard let payload = view.u16(4), var next = view.byte(6).map({ Int($0) }),
            let source = view.address(8, .ipv6), let destination = view.address(24, .ipv6)
        else { return .unreadable("a packet ends within its IPv6 header") }
        let end = payload == 0 ? view.count + cut : 40 + payload
        var place = 40
        // Hop-by-hop options, routing, fragment, authentication, destination options (RFC 8200 section 4).
        while [0, 43, 44, 51, 60].contains(next) {
            guard let following = view.byte(place), let size = view.byte(place + 1) else {
                return .unreadable("a packet ends within an extension header")
            }
            switch next {
            case 44:
                guard let field = view.u16(place + 2) else {
                    return .unreadable("a packet ends within an extension header")
                }
                guard field & 0xfff9 == 0 else {
                    return Int(following) == tcp
                        ? .unreadable("a fragment of an IPv6 packet is not put together") : .other
                }
                place += 8
            case 51: place += (Int(size) + 2) * 4
            default: place += (Int(size) + 1) * 8
            }
            next = Int(following)
        }
        guard next == tcp else { return .other }
        return segment(view.rest(place), end - place, source, destination)
    }

    /// `length`: octets of TCP that IP promises; fewer may have been captured, and more may be padding.
    private static func segment(
        _ bytes: ArraySlice<UInt8>, _ length: Int, _ source: IPAddress, _ destination: IPAddress
    ) -> Result {
        let view = ByteView(bytes.prefix(max(0, length)))
        guard let from = view.u16(0), let to = view.u16(2), let sequence = view.u32(4),
            let acknowledgement = view.u32(8), let offset = view.byte(12), let flags = view.byte(13)
        else { return .unreadable("a packet ends within its TCP header") }
        let header = Int(offset >> 4) * 4
        guard header >= 20, header <= length else { return .unreadable("a packet has a wrong TCP header length") }
        let payload = view.rest(header)
        return .segment(
            TCPSegment(
                source: Endpoint(source, port: UInt16(from)), destination: Endpoint(destination, port: UInt16(to)),
                sequence: sequence, acknowledgement: flags & 0x10 != 0 ? acknowledgement : nil,
                isSYN: flags & 0x02 != 0, isFIN: flags & 0x01 != 0, isRST: flags & 0x04 != 0, payload: payload,
                missing: length - header - payload.count))
    }
}
