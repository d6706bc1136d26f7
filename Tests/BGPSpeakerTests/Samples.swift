import BGPWire
import NetTypes
import RIB
// Every file here is written in its words.
@_exported import TestKit

@testable import BGPSession
@testable import BGPSpeaker

extension Instant {
    static func seconds(_ seconds: Int64) -> Self { Instant(nanoseconds: seconds * 1_000_000_000) }
}

extension Negotiated {
    static func test(
        peerAS: UInt32, routerID: UInt32 = 1, families: FamilySet = .all, isExternal: Bool = true
    ) -> Self {
        Negotiated(
            peerAS: asn(peerAS), peerRouterID: RouterID(rawValue: routerID), fourOctetAS: true, families: families,
            holdTime: .seconds(90), keepaliveTime: .seconds(30), isExternal: isExternal, routeRefresh: true,
            peerGracefulRestart: nil, sentCapabilities: [], peerCapabilities: [])
    }
}

extension ImportPolicy {
    /// A policy of a speaker that installs nothing: what is routed is checked, not over which link.
    static func test(_ number: UInt32, routerID: UInt32, own: [Prefix]) -> Self {
        var policy = ImportPolicy(localAS: asn(number), routerID: RouterID(rawValue: routerID))
        policy.clusterCIDRs = [cidr("10.244.0.0/16"), cidr("fd00:10:244::/48")]
        policy.ownPodCIDRs = own
        policy.requiresConnectedNextHop = false
        return policy
    }
}

/// The UPDATEs in packed bytes.
func decode(_ bytes: [UInt8], isExternal: Bool = true) throws -> [Update] {
    var framer = Framer()
    framer.append(bytes)
    var context = DecodeContext(isExternal: isExternal)
    context.extendedNextHop = .ipv4
    var updates: [Update] = []
    while let message = try framer.nextMessage(in: context) {
        if case .update(let update) = message { updates.append(update) }
    }
    return updates
}

extension PathAttributes {
    static func path(_ numbers: [UInt32], via nextHop: String) -> Self {
        var fields = AttributeFields()
        fields.asPath = ASPath([.init(kind: 2, numbers: numbers.map(asn))])
        return PathAttributes(fields, nextHop: ip(nextHop))
    }
}
