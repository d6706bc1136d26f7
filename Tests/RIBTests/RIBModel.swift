import BGPWire
import NetTypes

@testable import RIB

/// What the RIB should hold, computed anew from nothing but the paths at every question.
struct RIBModel {
    struct Path: Equatable {
        var attributes: PathAttributes
        var peer: PeerID
    }

    struct Outcome: Equatable {
        var best: Path?
        /// In order of peers.
        var equal: [Path] = []
    }

    var policy: ImportPolicy
    var maximumPaths: Int
    var peers: [PeerID: RIBPeer] = [:]
    var paths: [Prefix: [PeerID: PathAttributes]] = [:]

    func reason(_ prefix: Prefix, _ path: Path) -> RejectReason {
        guard let peer = peers[path.peer] else { return .none }
        let first = policy.verdict(on: path.attributes, from: peer)
        return first == .none ? policy.verdict(on: prefix, from: peer) : first
    }

    func counts(_ peer: PeerID, _ family: AddressFamily) -> PathCounts {
        var counts = PathCounts()
        for (prefix, held) in paths where prefix.family == family {
            guard let attributes = held[peer] else { continue }
            counts.received += 1
            if reason(prefix, Path(attributes: attributes, peer: peer)) != .none { counts.rejected += 1 }
            if outcome(prefix).best?.peer == peer { counts.best += 1 }
        }
        return counts
    }

    /// RFC 4271 9.1.2.2 as a naive reader would write it.
    func outcome(_ prefix: Prefix) -> Outcome {
        var left = (paths[prefix] ?? [:]).map { Path(attributes: $1, peer: $0) }.filter { reason(prefix, $0) == .none }
        if left.contains(where: { $0.peer == .local }) { left = left.filter { $0.peer == .local } }
        func external(_ path: Path) -> Bool { peers[path.peer]?.isExternal ?? false }
        func localPref(_ path: Path) -> UInt32 { external(path) ? 100 : path.attributes.summary.localPref ?? 100 }
        if let highest = left.map(localPref).max() { left = left.filter { localPref($0) == highest } }
        if let shortest = left.map(\.attributes.summary.asPathLength).min() {
            left = left.filter { $0.attributes.summary.asPathLength == shortest }
        }
        if let lowest = left.map(\.attributes.summary.origin).min() {
            left = left.filter { $0.attributes.summary.origin == lowest }
        }
        let groups = Dictionary(grouping: left) { $0.attributes.summary.neighborAS }
        left = groups.values.flatMap { group in
            let lowest = group.map { $0.attributes.summary.med ?? 0 }.min()
            return group.filter { ($0.attributes.summary.med ?? 0) == lowest }
        }
        if left.contains(where: external) { left = left.filter(external) }
        left.sort { rank($0) < rank($1) }
        return Outcome(
            best: left.first, equal: left.prefix(maximumPaths).sorted { $0.peer.rawValue < $1.peer.rawValue })
    }

    private func rank(_ path: Path) -> (UInt32, UInt16, UInt128) {
        let (summary, peer) = (path.attributes.summary, peers[path.peer])
        return (
            summary.originatorID?.rawValue ?? peer?.routerID.rawValue ?? 0, summary.clusterListLength,
            peer?.address.leftAligned ?? 0
        )
    }

    /// What a peer should have been told of a prefix, as it reads it.
    func told(_ prefix: Prefix, to id: PeerID, _ export: ExportPolicy) -> PathAttributes? {
        guard let best = outcome(prefix).best, best.peer != id, export.families.contains(prefix.family) else {
            return nil
        }
        var fields = AttributeFields(best.attributes)
        var hop = best.attributes.nextHop
        let ownHop = prefix.family == .ipv4 ? export.ipv4NextHop : export.ipv6NextHop
        switch export.mode {
        case .none: return nil
        case .localOnly where best.peer != .local: return nil
        case .localOnly, .all: break
        }
        let source = peers[best.peer]
        if best.peer != .local {
            if fields.communities.contains(Community.noAdvertise.rawValue) { return nil }
            if export.isExternal, fields.communities.contains(Community.noExport.rawValue) { return nil }
        }
        if export.isExternal || best.peer == .local {
            guard let ownHop else { return nil }
            hop = ownHop
        } else if hop.family == .ipv6, hop.isLinkLocal || prefix.family == .ipv4 {
            // Nothing that this peer could use: a link-local address of another link, IPv6 for IPv4.
            guard let ownHop else { return nil }
            hop = ownHop
        }
        if export.isExternal {
            let rest = fields.asPath.segments.first?.numbers ?? []
            fields.asPath = ASPath([.init(kind: 2, numbers: [export.localAS] + rest)])
            (fields.med, fields.localPref, fields.originatorID, fields.clusterList) = (nil, nil, nil, [])
        } else {
            fields.localPref = fields.localPref ?? 100
            if best.peer != .local, let source, !source.isExternal {
                guard source.isClient || export.isClient else { return nil }
                fields.originatorID = fields.originatorID ?? source.routerID
                fields.clusterList.insert(export.clusterID.rawValue, at: 0)
            }
        }
        return PathAttributes(fields, nextHop: hop)
    }
}
