import BGPWire
import NetTypes
import Testing

@testable import RIB

/// RFC 9234 section 5, word by word, and the AS that we have for one peer.
@Suite struct RoleTests {
    private static let leaker = asn(65001)

    /// What is stored of a path from AS 65001 with this OTC, and the verdict.
    private func ingress(_ role: BGPRole?, _ onlyToCustomer: UInt32?) -> (stored: UInt32?, verdict: RejectReason) {
        var peer = RIBPeer.external(65001)
        peer.role = role
        let fields = AttributeFields.path([65001]) { $0.onlyToCustomer = onlyToCustomer.map(asn) }
        let stored = peer.received(PathAttributes(fields, nextHop: ip("192.0.2.1")))
        return (stored.summary.onlyToCustomer?.rawValue, ImportPolicy.node.verdict(on: stored, from: peer))
    }

    @Test(
        arguments: [
            // Our role, what came, what is stored, whether it is a leak.
            (.provider, nil, nil, false), (.provider, 65001, 65001, true), (.provider, 7, 7, true),
            (.routeServer, nil, nil, false), (.routeServer, 7, 7, true),
            (.peer, nil, 65001, false), (.peer, 65001, 65001, false), (.peer, 7, 7, true),
            (.customer, nil, 65001, false), (.customer, 7, 7, false),
            (.routeServerClient, nil, 65001, false), (.routeServerClient, 7, 7, false),
            (nil, nil, nil, false), (nil, 7, 7, false),
        ] as [(BGPRole?, UInt32?, UInt32?, Bool)])
    func `ingress`(role: BGPRole?, came: UInt32?, stored: UInt32?, isLeak: Bool) {
        let found = ingress(role, came)
        #expect(found.stored == stored)
        #expect(found.verdict == (isLeak ? .routeLeak : .none))
    }

    /// What AS 64601 sends of a path with this OTC; nil: nothing.
    private func egress(_ role: BGPRole?, _ onlyToCustomer: UInt32?, isExternal: Bool = true) -> String? {
        var policy = ExportPolicy(
            mode: .all, localAS: asn(64601), isExternal: isExternal, families: .all, clusterID: RouterID(rawValue: 1))
        policy.role = role
        policy.ipv4NextHop = ip("192.0.2.10")
        let fields = AttributeFields.path([65009]) { $0.onlyToCustomer = onlyToCustomer.map(asn) }
        let attributes = PathAttributes(fields, nextHop: ip("192.0.2.1"))
        let rewrite = policy.rewrite(attributes.summary, source: .external(65009), family: .ipv4)
        return rewrite.map { attributes.rewritten($0).summary.onlyToCustomer.map { "\($0)" } ?? "none" }
    }

    @Test(
        arguments: [
            (.provider, nil, "64601"), (.provider, 7, "7"), (.routeServer, nil, "64601"), (.routeServer, 7, "7"),
            (.peer, nil, "64601"), (.peer, 7, nil), (.customer, nil, "none"), (.customer, 7, nil),
            (.routeServerClient, nil, "none"), (.routeServerClient, 7, nil), (nil, nil, "none"), (nil, 7, "7"),
        ] as [(BGPRole?, UInt32?, String?)])
    func `egress`(role: BGPRole?, held: UInt32?, sent: String?) {
        #expect(egress(role, held) == sent)
        #expect(egress(role, held, isExternal: false) == (held.map { "\($0)" } ?? "none"), "inside an AS it stays")
    }

    @Test func `our own prefixes are marked for customers and peers too`() {
        var policy = ExportPolicy(
            mode: .localOnly, localAS: asn(64601), isExternal: true, families: .all, clusterID: RouterID(rawValue: 1))
        policy.ipv4NextHop = ip("192.0.2.10")
        for (role, sent) in [(BGPRole.provider, 64601), (.peer, 64601), (.customer, nil)] as [(BGPRole, UInt32?)] {
            policy.role = role
            let rewrite = policy.rewrite(PathAttributes.Summary(), source: nil, family: .ipv4)
            #expect(rewrite?.onlyToCustomer?.rawValue == sent)
        }
    }

    @Test func `a route server need not stand in the path`() {
        var peer = RIBPeer.external(65001)
        let attributes = PathAttributes(.path([65002]), nextHop: ip("192.0.2.1"))
        #expect(ImportPolicy.node.verdict(on: attributes, from: peer) == .firstASMismatch)
        peer.role = .routeServerClient
        #expect(ImportPolicy.node.verdict(on: attributes, from: peer) == .none)
    }

    // MARK: another AS for one peer

    private func peer(_ change: (inout LocalAS) -> Void = { _ in }) -> RIBPeer {
        var peer = RIBPeer.external(65001)
        var local = LocalAS(asn(65010))
        change(&local)
        peer.localAS = local
        return peer
    }

    private func stored(_ path: [UInt32], _ peer: RIBPeer) -> (path: String, verdict: RejectReason) {
        let stored = peer.received(PathAttributes(.path(path), nextHop: ip("192.0.2.1")))
        return ("\(AttributeFields(stored).asPath)", ImportPolicy.node.verdict(on: stored, from: peer))
    }

    @Test func `the peer's paths come in behind it, unless that is not wanted`() {
        #expect(stored([65001, 7], peer()) == ("65010 65001 7", .none))
        #expect(stored([65001, 7], peer { $0.prependsReceived = false }) == ("65001 7", .none))
    }

    @Test func `a loop through it, and a wrong first AS, are seen behind it`() {
        for settings in [peer(), peer { $0.prependsReceived = false }] {
            #expect(stored([65001, 65010], settings).verdict == .asLoop)
            #expect(stored([65001, 64601], settings).verdict == .asLoop)
            #expect(stored([65002, 65001], settings).verdict == .firstASMismatch)
            #expect(stored([], settings).verdict == .firstASMismatch)
        }
    }

    @Test func `it stands before our own AS in what the peer is told, or instead of it`() {
        var policy = ExportPolicy(
            mode: .all, localAS: asn(64601), isExternal: true, families: .all, clusterID: RouterID(rawValue: 1))
        policy.ipv4NextHop = ip("192.0.2.10")
        policy.role = .provider
        var local = LocalAS(asn(65010))
        policy.alternative = local
        var rewrite = policy.rewrite(PathAttributes.Summary(), source: nil, family: .ipv4)
        #expect(rewrite?.prepend.map(\.rawValue) == [65010, 64601])
        #expect(rewrite?.onlyToCustomer?.rawValue == 65010, "the AS that the customer knows")
        local.hidesOwnAS = true
        policy.alternative = local
        rewrite = policy.rewrite(PathAttributes.Summary(), source: nil, family: .ipv4)
        #expect(rewrite?.prepend.map(\.rawValue) == [65010])
    }
}
