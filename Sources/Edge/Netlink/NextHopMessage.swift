import CNetlink
import FIB
import NetTypes

/// Nexthop objects as netlink messages (`nhmsg` and its attributes), written and read. The numbers are our own: the
/// headers of older systems lack some.
enum NextHopMessage {
    private static let fixedOctets = 8
    private static let (new, delete, get): (UInt16, UInt16, UInt16) = (104, 105, 106)
    private static let (create, excl, replace): (UInt16, UInt16, UInt16) = (0x400, 0x200, 0x100)

    private enum Attribute {
        static let (id, group, groupType, blackhole, interface, gateway) = (1, 2, 3, 4, 5, 6)
        static let (encapType, fdb, resilience) = (7, 11, 12)
        static let (buckets, idle, unbalanced) = (1, 2, 3)
    }

    static func isNews(_ type: UInt16) -> Bool { type == new }
    static func isRemoval(_ type: UInt16) -> Bool { type == delete }

    // MARK: Writing

    static func write(_ operation: NextHopOperation, sequence: UInt32, into writer: inout NetlinkWriter) {
        let object = operation.object
        let request = UInt16(NLM_F_REQUEST)
        switch operation {
        case .add: writer.beginMessage(new, flags: request | create | excl, sequence: sequence)
        case .replace: writer.beginMessage(new, flags: request | replace, sequence: sequence)
        case .delete:
            writer.beginMessage(delete, flags: request, sequence: sequence)
            writeHead(family: 0, protocolID: 0, into: &writer)
            writer.attribute(Attribute.id) { $0.append(object.id) }
            return writer.endMessage()
        }
        switch object.body {
        case .single(let hop):
            let family = hop.gateway?.family ?? .ipv4
            writeHead(family: family.systemValue, protocolID: object.protocolID, into: &writer)
            writer.attribute(Attribute.id) { $0.append(object.id) }
            writer.attribute(Attribute.interface) { $0.append(hop.interfaceIndex) }
            if let gateway = hop.gateway { writer.attribute(Attribute.gateway) { $0.append(gateway) } }
        case .group(let members, let isResilient):
            writeHead(family: 0, protocolID: object.protocolID, into: &writer)
            writer.attribute(Attribute.id) { $0.append(object.id) }
            writeGroup(members, isResilient: isResilient, into: &writer)
        case .other:
            writeHead(family: AddressFamily.ipv4.systemValue, protocolID: object.protocolID, into: &writer)
            writer.attribute(Attribute.id) { $0.append(object.id) }
            writer.attribute(Attribute.blackhole) { _ in }
        }
        writer.endMessage()
    }

    private static func writeHead(family: UInt8, protocolID: UInt8, into writer: inout NetlinkWriter) {
        for byte in [family, 0, protocolID, 0] { writer.append(byte) }
        writer.append(UInt32(0))
    }

    private static func writeGroup(
        _ members: [NextHopMember], isResilient: Bool, into writer: inout NetlinkWriter
    ) {
        writer.attribute(Attribute.group) { writer in
            for member in members {
                writer.append(member.id)
                writer.append(UInt8(truncatingIfNeeded: min(max(member.weight, 1), 255) - 1))
                for _ in 0..<3 { writer.append(UInt8(0)) }
            }
        }
        writer.attribute(Attribute.groupType) { $0.append(UInt16(isResilient ? 1 : 0)) }
        guard isResilient else { return }
        writer.attribute(Attribute.resilience | 0x8000) { writer in
            writer.attribute(Attribute.buckets) { $0.append(KernelNextHop.buckets) }
            // In hundredths of a second (USER_HZ).
            writer.attribute(Attribute.idle) { $0.append(KernelNextHop.idleSeconds * 100) }
            writer.attribute(Attribute.unbalanced) { $0.append(KernelNextHop.unbalancedSeconds * 100) }
        }
    }

    static func writeDump(sequence: UInt32, into writer: inout NetlinkWriter) {
        writer.beginMessage(get, flags: UInt16(NLM_F_REQUEST | NLM_F_DUMP), sequence: sequence)
        writeHead(family: 0, protocolID: 0, into: &writer)
        writer.endMessage()
    }

    // MARK: Reading

    /// Reads the body of `RTM_NEWNEXTHOP` or `RTM_DELNEXTHOP`.
    static func read(_ bytes: borrowing RawSpan, _ body: Range<Int>) -> KernelNextHop? {
        let start = body.lowerBound
        guard body.count >= fixedOctets, let family = bytes.native(start, UInt8.self),
            let protocolID = bytes.native(start + 2, UInt8.self)
        else { return nil }
        var parts = Parts()
        var offset = start + fixedOctets
        while let (attribute, next) = bytes.attribute(at: offset, end: body.upperBound) {
            parts.take(attribute, bytes, AddressFamily(systemValue: family))
            offset = next
        }
        guard parts.id != 0 else { return nil }
        return KernelNextHop(id: parts.id, protocolID: protocolID, body: parts.body)
    }

    private struct Parts {
        var id: UInt32 = 0
        private var gateway: IPAddress?
        private var interfaceIndex: UInt32 = 0
        private var members: [NextHopMember]?
        private var isResilient = false
        private var isOther = false

        mutating func take(_ attribute: NetlinkAttribute, _ bytes: borrowing RawSpan, _ family: AddressFamily?) {
            let value = attribute.value
            switch attribute.type {
            case Attribute.id: id = bytes.number(value) ?? 0
            case Attribute.interface: interfaceIndex = bytes.number(value) ?? 0
            case Attribute.gateway: gateway = family.flatMap { bytes.address(value, family: $0) }
            case Attribute.group: members = Self.members(bytes, value)
            case Attribute.groupType: isResilient = bytes.native(value.lowerBound, UInt16.self) == 1
            case Attribute.blackhole, Attribute.fdb, Attribute.encapType: isOther = true
            default: break
            }
        }

        private static func members(_ bytes: borrowing RawSpan, _ range: Range<Int>) -> [NextHopMember] {
            var members: [NextHopMember] = []
            var offset = range.lowerBound
            while offset + 8 <= range.upperBound, let id = bytes.native(offset, UInt32.self),
                let weight = bytes.native(offset + 4, UInt8.self)
            {
                members.append(NextHopMember(id: id, weight: UInt16(weight) + 1))
                offset += 8
            }
            return members
        }

        var body: KernelNextHop.Body {
            if isOther { return .other }
            if let members { return .group(members, isResilient: isResilient) }
            return .single(RouteNextHop(gateway: gateway, interfaceIndex: interfaceIndex))
        }
    }
}
