import BGPWire
import NetTypes
// Every file here is written in its words.
@_exported import TestKit

@testable import RIB

extension AttributeFields {
    /// A path of one sequence.
    static func path(_ numbers: [UInt32], _ change: (inout AttributeFields) -> Void = { _ in }) -> Self {
        var fields = AttributeFields()
        if !numbers.isEmpty { fields.asPath = ASPath([.init(kind: 2, numbers: numbers.map(asn))]) }
        change(&fields)
        return fields
    }
}

extension RIBPeer {
    static func external(_ number: UInt32, _ text: String = "192.0.2.1", id: UInt32 = 1, mode: ImportMode = .safe)
        -> Self
    {
        RIBPeer(
            address: ip(text), asNumber: asn(number), routerID: RouterID(rawValue: id), isExternal: true,
            importMode: mode)
    }

    static func internal_(
        _ text: String = "192.0.2.9", id: UInt32 = 9, mode: ImportMode = .all, isClient: Bool = false
    ) -> Self {
        RIBPeer(
            address: ip(text), asNumber: asn(64601), routerID: RouterID(rawValue: id), isExternal: false,
            importMode: mode, isClient: isClient)
    }
}

extension ImportPolicy {
    /// The node of the tests: AS 64601, podCIDR 10.244.1.0/24, on 192.0.2.0/24.
    static var node: Self {
        var policy = ImportPolicy(localAS: asn(64601), routerID: RouterID(rawValue: 0xc000_020a))
        policy.clusterCIDRs = [cidr("10.244.0.0/16"), cidr("fd00:10:244::/48")]
        policy.ownPodCIDRs = [cidr("10.244.1.0/24"), cidr("fd00:10:244:1::/64")]
        policy.ownAddresses = [
            ip("127.0.0.1"), ip("192.0.2.10"), ip("2001:db8::10"), ip("::1"), ip("10.244.200.1"),
        ]
        policy.linkSubnets = [cidr("192.0.2.0/24"), cidr("2001:db8::/64"), cidr("10.244.201.0/24")]
        return policy
    }
}

extension Update {
    static func announce(_ prefixes: [Prefix], _ fields: AttributeFields, via nextHop: IPAddress) -> Self {
        Update(announced: [
            Announcement(attributes: PathAttributes(fields, nextHop: nextHop), prefixes: prefixes)
        ])
    }
}

/// What a receiver makes of packed messages, in their order.
func decode(_ bytes: [UInt8], isExternal: Bool, pathIDs: Bool = false) throws -> [Update] {
    var context = DecodeContext(isExternal: isExternal)
    if pathIDs { context.pathIDs = .all }
    var framer = Framer()
    framer.append(bytes)
    var updates: [Update] = []
    while let message = try framer.nextMessage(in: context) {
        if case .update(let update) = message { updates.append(update) }
    }
    return updates
}

extension RIBTables {
    /// Everything that waits for a peer, as its owner takes it turn by turn.
    mutating func takeAll(_ family: AddressFamily, for id: PeerID) -> [UInt8] {
        var bytes: [UInt8] = []
        while hasMessages(family, for: id) { bytes += takeMessages(family, for: id, limit: 1000) }
        return bytes
    }
}

extension RIBTables {
    /// Applies one UPDATE.
    mutating func apply(_ update: Update, from id: PeerID, at seconds: UInt32) {
        apply(UpdateBatch([update]), from: id, at: seconds)
    }
}
