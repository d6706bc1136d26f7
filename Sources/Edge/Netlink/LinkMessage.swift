import CNetlink
import FIB
import NetTypes

/// Links (`ifinfomsg`) and addresses (`ifaddrmsg`) as netlink messages, read.
enum LinkMessage {
    private static let linkOctets = 16
    private static let addressOctets = 8
    private static let (up, loopback, lowerUp): (UInt32, UInt32, UInt32) = (0x1, 0x8, 0x10000)

    /// Reads `RTM_NEWLINK` and `RTM_DELLINK`; nil for other families: a bridge tells about its ports with the same
    /// messages.
    static func readLink(_ bytes: borrowing RawSpan, _ body: Range<Int>) -> Interface? {
        let start = body.lowerBound
        guard body.count >= linkOctets, bytes.native(start, UInt8.self) == 0,
            let index = bytes.native(start + 4, UInt32.self), let flags = bytes.native(start + 8, UInt32.self)
        else { return nil }
        var link = Interface(
            index: index, name: "", isUp: flags & up != 0, isRunning: flags & lowerUp != 0,
            isLoopback: flags & loopback != 0,
            mtu: 0)
        var offset = start + linkOctets
        while let (attribute, next) = bytes.attribute(at: offset, end: body.upperBound) {
            switch attribute.type {
            case Int(IFLA_IFNAME): link.name = bytes.text(attribute.value)
            case Int(IFLA_MTU): link.mtu = bytes.number(attribute.value) ?? 0
            case Int(IFLA_ADDRESS) where attribute.value.count == 6:
                link.macAddress = MACAddress(rawValue: bytes.copy(attribute.value).reduce(0) { $0 << 8 | UInt64($1) })
            default: break
            }
            offset = next
        }
        return link
    }

    /// Reads `RTM_NEWADDR` and `RTM_DELADDR`, with the index of the interface.
    static func readAddress(_ bytes: borrowing RawSpan, _ body: Range<Int>) -> (index: UInt32, InterfaceAddress)? {
        let start = body.lowerBound
        guard body.count >= addressOctets,
            let family = bytes.native(start, UInt8.self).flatMap(AddressFamily.init(systemValue:)),
            let length = bytes.native(start + 1, UInt8.self), let shortFlags = bytes.native(start + 2, UInt8.self),
            let scope = bytes.native(start + 3, UInt8.self), let index = bytes.native(start + 4, UInt32.self)
        else { return nil }
        var (far, local): (IPAddress?, IPAddress?)
        var flags = UInt32(shortFlags)
        var offset = start + addressOctets
        while let (attribute, next) = bytes.attribute(at: offset, end: body.upperBound) {
            switch attribute.type {
            case Int(IFA_ADDRESS): far = bytes.address(attribute.value, family: family)
            case Int(IFA_LOCAL): local = bytes.address(attribute.value, family: family)
            case Int(IFA_FLAGS): flags = bytes.number(attribute.value) ?? flags
            default: break
            }
            offset = next
        }
        // IFA_ADDRESS is the far end of a point-to-point link where there is an IFA_LOCAL, and the address itself
        // otherwise.
        guard let own = local ?? far,
            let address = InterfaceAddress(
                address: own, prefixLength: length, peer: far, isGlobal: scope == 0, flags: flags)
        else { return nil }
        return (index, address)
    }

    static func writeLinkDump(sequence: UInt32, into writer: inout NetlinkWriter) {
        writer.beginMessage(UInt16(RTM_GETLINK), flags: UInt16(NLM_F_REQUEST | NLM_F_DUMP), sequence: sequence)
        for _ in 0..<linkOctets / 4 { writer.append(UInt32(0)) }
        writer.attribute(Int(IFLA_EXT_MASK)) { $0.append(UInt32(8)) }  // RTEXT_FILTER_SKIP_STATS
        writer.endMessage()
    }

    static func writeAddressDump(sequence: UInt32, into writer: inout NetlinkWriter) {
        writer.beginMessage(UInt16(RTM_GETADDR), flags: UInt16(NLM_F_REQUEST | NLM_F_DUMP), sequence: sequence)
        for _ in 0..<addressOctets / 4 { writer.append(UInt32(0)) }
        writer.endMessage()
    }
}
