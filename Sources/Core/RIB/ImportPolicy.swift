import BGPWire
import NetTypes

/// What may be imported: the safe defaults of a node. One value for all peers; what differs by peer is in `RIBPeer`.
package struct ImportPolicy: Sendable, Hashable {
    package var localAS: ASNumber
    package var routerID: RouterID
    package var clusterID: RouterID
    package var clusterCIDRs: [Prefix] = []
    package var ownPodCIDRs: [Prefix] = []
    /// The node's own addresses, all interfaces.
    package var ownAddresses: Set<IPAddress> = []
    /// Subnets of the node's up interfaces.
    package var linkSubnets: [Prefix] = []
    /// Prefixes beyond them that routes of others lead to: next hops in them are as good (RFC 4271 section 9.1.2.1).
    package var routedPrefixes: [Prefix] = []
    /// Next hops beyond all of these that a route of ours leads to, with the length of its prefix.
    package var resolvedNextHops: [IPAddress: UInt8] = [:]
    /// Prefix lengths that a podCIDR of another node may have.
    package var ipv4Lengths: ClosedRange<UInt8> = 8...28
    package var ipv6Lengths: ClosedRange<UInt8> = 32...122
    package var allowDefault = false
    /// A next hop outside `linkSubnets`, `routedPrefixes` and `resolvedNextHops` makes a path unusable; off when
    /// nothing is installed (route server).
    package var requiresConnectedNextHop = true

    package init(localAS: ASNumber, routerID: RouterID) {
        self.localAS = localAS
        self.routerID = routerID
        clusterID = routerID
    }

    /// The verdict on attributes, the same for every prefix that shares them.
    package func verdict(on attributes: PathAttributes, from peer: RIBPeer) -> RejectReason {
        let origin = originVerdict(on: attributes, from: peer)
        return origin != .none ? origin : nextHopVerdict(on: attributes)
    }

    /// The part of it that is about where a path comes from, which no rule of a policy can change.
    func originVerdict(on attributes: PathAttributes, from peer: RIBPeer) -> RejectReason {
        if peer.importMode == .none { return .importNone }
        let path = attributes.findInPath(localAS)
        if path.count > Int(peer.allowOwnAS) { return .asLoop }
        if path.hasSet { return .asSet }
        if peer.isExternal {
            let verdict = peer.verdict(on: attributes)
            guard verdict == .none else { return verdict }
        } else {
            if attributes.summary.originatorID == routerID { return .originatorLoop }
            if attributes.summary.clusterListLength > 0,
                AttributeFields(attributes).clusterList.contains(clusterID.rawValue)
            {
                return .clusterLoop
            }
        }
        return .none
    }

    /// The part of it that is about the next hop, which a rule may set.
    func nextHopVerdict(on attributes: PathAttributes) -> RejectReason {
        // A link-local address of ours may be another's on another link; on its own link the kernel's route knows.
        if !attributes.nextHop.isLinkLocal, ownAddresses.contains(attributes.nextHop) { return .nextHopOwn }
        if requiresConnectedNextHop, !isConnected(attributes), resolvedNextHops[attributes.nextHop] == nil {
            return .nextHopUnreachable
        }
        return .none
    }

    /// The verdict on a prefix. `importMode` all keeps only the rules that hold for every router.
    package func verdict(on prefix: Prefix, from peer: RIBPeer) -> RejectReason {
        if Self.isMartian(prefix) { return .martian }
        if peer.importMode == .all { return .none }
        if prefix.isDefault { return allowDefault ? .none : .defaultRoute }
        for own in ownPodCIDRs where own.overlaps(prefix) {
            return own == prefix ? .ownPodCIDR : own.contains(prefix) ? .insideOwnPodCIDR : .coversOwnPodCIDR
        }
        if ownAddresses.contains(where: prefix.contains) { return .ownAddress }
        if linkSubnets.contains(where: prefix.overlaps) { return .linkSubnet }
        guard clusterCIDRs.contains(where: { $0.contains(prefix) }) else { return .outsideClusterCIDRs }
        let lengths = prefix.family == .ipv4 ? ipv4Lengths : ipv6Lengths
        if prefix.length > lengths.upperBound { return .tooLong }
        return prefix.length < lengths.lowerBound ? .tooShort : .none
    }

    /// RFC 6890 blocks that must never be routed, whatever a policy says; the default route is not one of them.
    static func isMartian(_ prefix: Prefix) -> Bool {
        // Nearly all prefixes are none of them by their first octets.
        let head = UInt16(truncatingIfNeeded: prefix.bits >> 112)
        if prefix.family == .ipv4 ? Self.areFree(ipv4: head >> 8) : head != 0 && head < 0xfe80 { return false }
        if prefix.isDefault { return false }
        return (prefix.family == .ipv4 ? ipv4Martians : ipv6Martians).contains { $0.contains(prefix) }
    }

    private static func areFree(ipv4 octet: UInt16) -> Bool {
        octet != 0 && octet != 127 && octet != 169 && octet < 224
    }

    private static let ipv4Martians = prefixes(["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"])
    private static let ipv6Martians = prefixes(["::/127", "::ffff:0:0/96", "fe80::/10", "ff00::/8"])

    private static func prefixes(_ texts: [String]) -> [Prefix] { texts.compactMap { Prefix(strict: $0) } }
}
