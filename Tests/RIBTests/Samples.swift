import BGPWire
import NetTypes

@testable import RIB

/// A generator whose numbers depend on the seed alone (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}

func cidr(_ text: String) -> Prefix {
    guard let prefix = Prefix(strict: text) else { preconditionFailure("\(text) is no prefix") }
    return prefix
}

func ip(_ text: String) -> IPAddress {
    guard let address = IPAddress(text) else { preconditionFailure("\(text) is no address") }
    return address
}

func asn(_ number: UInt32) -> ASNumber { ASNumber(rawValue: number) }

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
