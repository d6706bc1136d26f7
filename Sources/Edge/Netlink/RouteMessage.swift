import CNetlink
import FIB
import NetTypes

/// Routes as netlink messages (`rtmsg` and its attributes), written and read.
enum RouteMessage {
    private static let fixedOctets = 12
    private static let unicast = UInt8(RTN_UNICAST)
    private static let unreachable = UInt8(RTN_UNREACHABLE)
    private static let blackhole = UInt8(RTN_BLACKHOLE)
    private static let cloned: UInt32 = 0x200
    /// RTA_NH_ID
    fileprivate static let nextHopID = 30

    // MARK: Writing

    static func write(_ operation: RouteOperation, sequence: UInt32, into writer: inout NetlinkWriter) {
        let route = operation.route
        switch operation {
        case .add:
            begin(RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_EXCL, sequence, route, into: &writer)
        case .replace:
            begin(RTM_NEWROUTE, flags: NLM_F_REPLACE, sequence, route, into: &writer)
        case .delete:
            begin(RTM_DELROUTE, flags: 0, sequence, route, into: &writer)
        }
        writer.attribute(Int(RTA_DST.rawValue)) { $0.append(route.prefix.address) }
        writer.attribute(Int(RTA_TABLE.rawValue)) { $0.append(route.key.table) }
        if route.key.metric != 0 { writer.attribute(Int(RTA_PRIORITY.rawValue)) { $0.append(route.key.metric) } }
        if !operation.isDelete { writeNextHops(route, into: &writer) }
        writer.endMessage()
    }

    private static func begin(
        _ type: Int, flags: Int32, _ sequence: UInt32, _ route: KernelRoute, into writer: inout NetlinkWriter
    ) {
        writer.beginMessage(UInt16(type), flags: UInt16(flags | NLM_F_REQUEST), sequence: sequence)
        let isDelete = type == RTM_DELROUTE
        writer.append(route.prefix.family.systemValue)
        writer.append(route.prefix.length)
        writer.append(UInt16(0))
        writer.append(route.key.table < 256 ? UInt8(route.key.table) : 0)  // RTA_TABLE has the whole number
        writer.append(route.protocolID)
        writer.append(UInt8(isDelete ? 255 : 0))  // any scope (RT_SCOPE_NOWHERE), or RT_SCOPE_UNIVERSE
        writer.append(typeByte(route.kind))
        writer.append(UInt32(0))
    }

    private static func writeNextHops(_ route: KernelRoute, into writer: inout NetlinkWriter) {
        guard route.kind == .unicast else { return }
        if route.nextHopID != 0 { return writer.attribute(nextHopID) { $0.append(route.nextHopID) } }
        if route.nextHops.count == 1, let hop = route.nextHops.first {
            writeGateway(hop, family: route.prefix.family, into: &writer)
            writer.attribute(Int(RTA_OIF.rawValue)) { $0.append(hop.interfaceIndex) }
            return
        }
        writer.attribute(Int(RTA_MULTIPATH.rawValue)) { writer in
            for hop in route.nextHops {
                writer.measured { writer in
                    writer.append(UInt8(0))
                    writer.append(UInt8(truncatingIfNeeded: min(max(hop.weight, 1), 256) - 1))
                    writer.append(hop.interfaceIndex)
                    writeGateway(hop, family: route.prefix.family, into: &writer)
                }
            }
        }
    }

    private static func writeGateway(_ hop: RouteNextHop, family: AddressFamily, into writer: inout NetlinkWriter) {
        guard let gateway = hop.gateway else { return }
        guard gateway.family != family else {
            return writer.attribute(Int(RTA_GATEWAY.rawValue)) { $0.append(gateway) }
        }
        writer.attribute(Int(RTA_VIA.rawValue)) {
            $0.append(UInt16(gateway.family.systemValue))
            $0.append(gateway)
        }
    }

    // MARK: Reading

    /// Reads the body of `RTM_NEWROUTE` or `RTM_DELROUTE`. Nil for what we do not deal with: other families, cached
    /// routes, routes for a type of service or a source.
    static func read(_ bytes: borrowing RawSpan, _ body: Range<Int>) -> KernelRoute? {
        let start = body.lowerBound
        guard body.count >= fixedOctets,
            let family = bytes.native(start, UInt8.self).flatMap(AddressFamily.init(systemValue:)),
            let length = bytes.native(start + 1, UInt8.self), Int(length) <= family.bitWidth,
            bytes.native(start + 2, UInt8.self) == 0, bytes.native(start + 3, UInt8.self) == 0,
            let shortTable = bytes.native(start + 4, UInt8.self), let protocolID = bytes.native(start + 5, UInt8.self),
            let type = bytes.native(start + 7, UInt8.self), let flags = bytes.native(start + 8, UInt32.self),
            flags & cloned == 0
        else { return nil }
        var parts = Parts(table: UInt32(shortTable), destination: IPAddress(leftAligned: 0, family: family))
        var offset = start + fixedOctets
        while let (attribute, next) = bytes.attribute(at: offset, end: body.upperBound) {
            parts.take(attribute, bytes, family: family)
            offset = next
        }
        guard let prefix = Prefix(parts.destination, length: Int(length)) else { return nil }
        if parts.gateway != nil || parts.interfaceIndex != 0, parts.nextHops.isEmpty {
            parts.nextHops = [RouteNextHop(gateway: parts.gateway, interfaceIndex: parts.interfaceIndex)]
        }
        var route = KernelRoute(
            key: RouteKey(prefix: prefix, table: parts.table, metric: parts.metric), kind: kind(type),
            protocolID: protocolID,
            nextHops: parts.nextHops)
        route.nextHopID = parts.nextHopID
        return route
    }

    private struct Parts {
        var table: UInt32
        var destination: IPAddress
        var metric: UInt32 = 0
        var gateway: IPAddress?
        var interfaceIndex: UInt32 = 0
        var nextHops: [RouteNextHop] = []
        var nextHopID: UInt32 = 0

        mutating func take(_ attribute: NetlinkAttribute, _ bytes: borrowing RawSpan, family: AddressFamily) {
            let value = attribute.value
            switch attribute.type {
            case Int(RTA_DST.rawValue): destination = bytes.address(value, family: family) ?? destination
            case Int(RTA_TABLE.rawValue): table = bytes.number(value) ?? table
            case Int(RTA_PRIORITY.rawValue): metric = bytes.number(value) ?? metric
            case Int(RTA_OIF.rawValue): interfaceIndex = bytes.number(value) ?? interfaceIndex
            case Int(RTA_GATEWAY.rawValue): gateway = bytes.address(value, family: family) ?? gateway
            case RouteMessage.nextHopID: nextHopID = bytes.number(value) ?? 0
            case Int(RTA_VIA.rawValue): gateway = RouteMessage.via(bytes, value) ?? gateway
            case Int(RTA_MULTIPATH.rawValue): nextHops = RouteMessage.readMultipath(bytes, value, family: family)
            default: break
            }
        }
    }

    fileprivate static func readMultipath(
        _ bytes: borrowing RawSpan, _ range: Range<Int>, family: AddressFamily
    ) -> [RouteNextHop] {
        var hops: [RouteNextHop] = []
        var offset = range.lowerBound
        while let length = bytes.native(offset, UInt16.self).map(Int.init), length >= 8,
            length <= range.upperBound - offset,
            let weight = bytes.native(offset + 3, UInt8.self), let index = bytes.native(offset + 4, UInt32.self)
        {
            var gateway: IPAddress?
            var inner = offset + 8
            while let (attribute, next) = bytes.attribute(at: inner, end: offset + length) {
                if attribute.type == Int(RTA_GATEWAY.rawValue) {
                    gateway = bytes.address(attribute.value, family: family)
                } else if attribute.type == Int(RTA_VIA.rawValue) {
                    gateway = via(bytes, attribute.value)
                }
                inner = next
            }
            hops.append(RouteNextHop(gateway: gateway, interfaceIndex: index, weight: UInt16(weight) + 1))
            offset += (length + 3) & ~3
        }
        return hops
    }

    fileprivate static func via(_ bytes: borrowing RawSpan, _ range: Range<Int>) -> IPAddress? {
        guard range.count >= 2, let family = bytes.native(range.lowerBound, UInt16.self),
            let family = UInt8(exactly: family).flatMap(AddressFamily.init(systemValue:))
        else { return nil }
        return bytes.address(range.lowerBound + 2..<range.upperBound, family: family)
    }

    // MARK: Kinds

    private static func typeByte(_ kind: RouteKind) -> UInt8 {
        switch kind {
        case .unicast: unicast
        case .unreachable: unreachable
        case .blackhole: blackhole
        case .other(let type): type
        }
    }

    private static func kind(_ type: UInt8) -> RouteKind {
        switch type {
        case unicast: .unicast
        case unreachable: .unreachable
        case blackhole: .blackhole
        default: .other(type)
        }
    }
}
