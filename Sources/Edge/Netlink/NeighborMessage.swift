import CNetlink
import FIB
import NetTypes

/// Neighbours (`ndmsg`) as netlink messages, read.
enum NeighborMessage {
    private static let octets = 12
    /// RTNLGRP_NEIGH.
    static let group: UInt32 = 3

    /// Reads `RTM_NEWNEIGH` and `RTM_DELNEIGH`; nil for other families: a bridge tells about its table with the same
    /// messages.
    static func read(_ bytes: borrowing RawSpan, _ body: Range<Int>, isGone: Bool) -> NeighborObservation? {
        let start = body.lowerBound
        guard body.count >= octets,
            let family = bytes.native(start, UInt8.self).flatMap(AddressFamily.init(systemValue:)),
            let index = bytes.native(start + 4, UInt32.self), let state = bytes.native(start + 8, UInt16.self)
        else { return nil }
        var address: IPAddress?
        var offset = start + octets
        while let (attribute, next) = bytes.attribute(at: offset, end: body.upperBound) {
            if attribute.type == Int(NDA_DST) { address = bytes.address(attribute.value, family: family) }
            offset = next
        }
        guard let address else { return nil }
        return NeighborObservation(
            key: NeighborKey(address: address, interfaceIndex: index),
            state: isGone ? nil : NeighborState(rawValue: state))
    }

    static func writeDump(sequence: UInt32, into writer: inout NetlinkWriter) {
        writer.beginMessage(UInt16(RTM_GETNEIGH), flags: UInt16(NLM_F_REQUEST | NLM_F_DUMP), sequence: sequence)
        for _ in 0..<octets / 4 { writer.append(UInt32(0)) }
        writer.endMessage()
    }
}
