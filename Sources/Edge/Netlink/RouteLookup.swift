import CNetlink
import FIB
import Glibc
import NetTypes

/// What the kernel would do now with a packet to an address (`ip route get`), and the route that makes it do so.
package struct RouteLookup: Sendable, Hashable {
    /// Where the packet goes.
    package enum Outcome: Sendable, Hashable {
        /// Out of an interface; `gateway` nil: the destination is on the link.
        case forwarded(gateway: IPAddress?, interfaceIndex: UInt32, source: IPAddress?)
        /// To this node itself.
        case local
        /// Nowhere: errno, as EHOSTUNREACH for an `unreachable` route and ENETUNREACH for none.
        case refused(code: Int32)
    }

    package let outcome: Outcome
    /// The entry of the table that decided; nil when the kernel names none.
    package let entry: KernelRoute?

    package init(outcome: Outcome, entry: KernelRoute?) { (self.outcome, self.entry) = (outcome, entry) }

    /// Asks the kernel, in the calling thread's network namespace or in the one at the path `namespace`.
    package static func ask(_ address: IPAddress, namespace: String? = nil) throws(NetlinkError) -> RouteLookup {
        let socket = try NetlinkSocket.open(namespace: namespace)
        defer { socket.close() }
        let outcome = try exchange(socket, address, flags: 0, sequence: 1) { bytes, body in Self.outcome(bytes, body) }
        let entry = try exchange(socket, address, flags: fibMatch, sequence: 2) { bytes, body in
            RouteMessage.read(bytes, body)
        }
        return RouteLookup(outcome: outcome.value ?? .refused(code: outcome.code), entry: entry.value)
    }

    /// RTM_F_FIB_MATCH: answer with the entry of the table, not with the decision.
    private static let fibMatch: UInt32 = 0x2000

    private static func exchange<Value>(
        _ socket: NetlinkSocket, _ address: IPAddress, flags: UInt32, sequence: UInt32,
        _ read: (borrowing RawSpan, Range<Int>) -> Value?
    ) throws(NetlinkError) -> (value: Value?, code: Int32) {
        var writer = NetlinkWriter()
        writer.beginMessage(UInt16(RTM_GETROUTE), flags: UInt16(NLM_F_REQUEST), sequence: sequence)
        for byte in [address.family.systemValue, UInt8(address.family.bitWidth), 0, 0, 0, 0, 0, 0] {
            writer.append(byte)
        }
        writer.append(flags)
        writer.attribute(Int(RTA_DST.rawValue)) { $0.append(address) }
        writer.endMessage()
        try socket.send(writer.bytes)
        var buffer = [UInt8](repeating: 0, count: 16384)
        while true {
            guard let count = try socket.receive(into: &buffer) else {
                throw NetlinkError(operation: "look up \(address)", code: EAGAIN)
            }
            let bytes = buffer.span.bytes
            var position = 0
            while let (header, next) = bytes.message(at: position, end: count) {
                position = next
                guard header.sequence == sequence else { continue }
                if let answer = NetlinkAnswer(bytes, header) { return (nil, answer.code) }
                guard header.type == UInt16(RTM_NEWROUTE) else { continue }
                return (read(bytes, header.body), 0)
            }
        }
    }

    private static func outcome(_ bytes: borrowing RawSpan, _ body: Range<Int>) -> Outcome? {
        let start = body.lowerBound
        guard body.count >= 12,
            let family = bytes.native(start, UInt8.self).flatMap(AddressFamily.init(systemValue:)),
            let type = bytes.native(start + 7, UInt8.self)
        else { return nil }
        switch Int32(type) {
        case Int32(RTN_LOCAL): return .local
        case Int32(RTN_UNREACHABLE): return .refused(code: EHOSTUNREACH)
        case Int32(RTN_BLACKHOLE): return .refused(code: EINVAL)
        case Int32(RTN_PROHIBIT): return .refused(code: EACCES)
        default: break
        }
        var gateway: IPAddress?
        var source: IPAddress?
        var interface: UInt32 = 0
        var offset = start + 12
        while let (attribute, next) = bytes.attribute(at: offset, end: body.upperBound) {
            let value = attribute.value
            switch attribute.type {
            case Int(RTA_GATEWAY.rawValue): gateway = bytes.address(value, family: family)
            case Int(RTA_VIA.rawValue) where value.count == 18:
                gateway = bytes.address(value.dropFirst(2), family: .ipv6)
            case Int(RTA_OIF.rawValue): interface = bytes.number(value) ?? 0
            case Int(RTA_PREFSRC.rawValue): source = bytes.address(value, family: family)
            default: break
            }
            offset = next
        }
        return .forwarded(gateway: gateway, interfaceIndex: interface, source: source)
    }
}
