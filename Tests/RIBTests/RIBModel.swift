import BGPWire
import NetTypes

@testable import RIB

/// What the RIB should hold, computed anew from nothing but the paths at every question.
struct RIBModel {
    /// Where a path comes from: a peer, and with add-path the peer's identifier of it.
    struct Source: Hashable {
        var peer: PeerID
        var pathID: UInt32 = 0
    }

    struct Path: Equatable {
        var attributes: PathAttributes
        var source: Source
        var peer: PeerID { source.peer }
    }

    struct Outcome: Equatable {
        var best: Path?
        /// In order of sources.
        var equal: [Path] = []
    }

    var policy: ImportPolicy
    var maximumPaths: Int
    var peers: [PeerID: RIBPeer] = [:]
    var paths: [Prefix: [Source: PathAttributes]] = [:]

    func reason(_ prefix: Prefix, _ path: Path) -> RejectReason {
        guard let peer = peers[path.peer] else { return .none }
        let first = policy.verdict(on: path.attributes, from: peer)
        return first == .none ? policy.verdict(on: prefix, from: peer) : first
    }

    func counts(_ peer: PeerID, _ family: AddressFamily) -> PathCounts {
        var counts = PathCounts()
        for (prefix, held) in paths where prefix.family == family {
            for (source, attributes) in held where source.peer == peer {
                counts.received += 1
                if reason(prefix, Path(attributes: attributes, source: source)) != .none { counts.rejected += 1 }
            }
            if outcome(prefix).best?.peer == peer { counts.best += 1 }
        }
        return counts
    }

    /// RFC 4271 9.1.2.2 as a naive reader would write it.
    func outcome(_ prefix: Prefix) -> Outcome { outcome(of: usable(prefix)) }

    func usable(_ prefix: Prefix) -> [Path] {
        (paths[prefix] ?? [:]).map { Path(attributes: $1, source: $0) }.filter { reason(prefix, $0) == .none }
    }

    private func outcome(of paths: [Path]) -> Outcome {
        var left = paths
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
            best: left.first, equal: left.prefix(maximumPaths).sorted { order($0) < order($1) })
    }

    private func order(_ path: Path) -> (UInt16, UInt32) { (path.peer.rawValue, path.source.pathID) }

    /// What a peer with add-path may be told of, before its export policy is asked.
    func selected(_ prefix: Prefix, _ selection: PathSelection?) -> [Path] {
        let usable = usable(prefix)
        switch selection {
        case nil: return outcome(of: usable).best.map { [$0] } ?? []
        case .best: return outcome(of: usable).equal
        case .all: return usable
        case .most(let count):
            var (chosen, left): ([Path], [Path]) = ([], usable)
            while chosen.count < count, !left.isEmpty {
                let equal = outcome(of: left).equal.sorted { rank($0) < rank($1) }
                chosen += equal.prefix(count - chosen.count)
                left.removeAll { equal.contains($0) }
            }
            return chosen
        }
    }

    private func rank(_ path: Path) -> (UInt32, UInt16, UInt128, UInt32) {
        let (summary, peer) = (path.attributes.summary, peers[path.peer])
        return (
            summary.originatorID?.rawValue ?? peer?.routerID.rawValue ?? 0, summary.clusterListLength,
            peer?.address.leftAligned ?? 0, path.source.pathID
        )
    }

    /// What a peer should have been told of a prefix, as it reads it.
    func told(
        _ prefix: Prefix, to id: PeerID, _ export: ExportPolicy, _ selection: PathSelection?
    ) -> [PathAttributes] {
        selected(prefix, selection).compactMap { told($0, prefix, to: id, export) }
    }

    private func told(_ best: Path, _ prefix: Prefix, to id: PeerID, _ export: ExportPolicy) -> PathAttributes? {
        guard best.peer != id, export.families.contains(prefix.family) else { return nil }
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
