import BGPWire
import NetTypes

/// The two Adj-RIBs-Out that peers with the same settings share.
final class ExportGroup {
    let settings: ExportSettings
    var ipv4: AdjRIBOut<IPv4Key>
    var ipv6: AdjRIBOut<IPv6Key>

    init(
        _ settings: ExportSettings, mostChunks: Int, _ ipv4: borrowing FamilyRIB<IPv4Key>,
        _ ipv6: borrowing FamilyRIB<IPv6Key>
    ) {
        self.settings = settings
        self.ipv4 = AdjRIBOut(settings, mostChunks: mostChunks, rib: ipv4)
        self.ipv6 = AdjRIBOut(settings, mostChunks: mostChunks, rib: ipv6)
    }
}

extension RIBTables {
    // MARK: Adj-RIB-Out

    /// Begins (or changes) what a peer is told; everything that it may know is queued. Peers with equal policy and
    /// encoding are a group, whose messages are packed once.
    package mutating func startExport(
        to id: PeerID, _ policy: ExportPolicy, _ encoding: ExportEncoding = ExportEncoding()
    ) {
        let settings = ExportSettings(policy: policy, encoding: encoding)
        let old = memberships[id]
        if let old, old.settings == settings { return repeatAll(to: id, old) }
        let ipv4Member = old?.ipv4.leave(id, in: &ipv4)
        let ipv6Member = old?.ipv6.leave(id, in: &ipv6)
        let group = groups[settings] ?? ExportGroup(settings, mostChunks: mostChunks, ipv4, ipv6)
        groups[settings] = group
        memberships[id] = group
        group.ipv4.join(id, ipv4Member, in: &ipv4)
        group.ipv6.join(id, ipv6Member, in: &ipv6)
        if let old { dropIfEmpty(old) }
        noteSelections()
    }

    private mutating func repeatAll(to id: PeerID, _ group: ExportGroup) {
        group.ipv4.repeatAll(id, in: &ipv4)
        group.ipv6.repeatAll(id, in: &ipv6)
    }

    /// Queues a whole family again (ROUTE-REFRESH, RFC 2918).
    package mutating func resend(_ family: AddressFamily, to id: PeerID) {
        guard let group = memberships[id] else { return }
        switch family {
        case .ipv4: group.ipv4.repeatAll(id, in: &ipv4)
        case .ipv6: group.ipv6.repeatAll(id, in: &ipv6)
        }
    }

    /// The session is down: what the peer was told is void.
    package mutating func stopExport(to id: PeerID) {
        guard let group = memberships.removeValue(forKey: id) else { return }
        group.ipv4.remove(id, in: &ipv4)
        group.ipv6.remove(id, in: &ipv6)
        dropIfEmpty(group)
        noteSelections()
    }

    private mutating func dropIfEmpty(_ group: ExportGroup) {
        guard group.ipv4.members.isEmpty else { return }
        groups[group.settings] = nil
        dissolving.append(group)
        dissolve(limit: 16384)
    }

    /// Takes down tables of groups that are gone, at most `limit` prefixes of each family.
    mutating func dissolve(limit: Int) {
        guard let group = dissolving.last else { return }
        let isLeft = group.ipv4.dissolve(limit: limit, rib: &ipv4, &context)
        if group.ipv6.dissolve(limit: limit, rib: &ipv6, &context) || isLeft { return }
        dissolving.removeLast()
    }

    /// Changes beside the best paths matter only where somebody is told of them.
    private mutating func noteSelections() {
        ipv4.tellsAllPaths = groups.values.contains { $0.ipv4.told.hasMany }
        ipv6.tellsAllPaths = groups.values.contains { $0.ipv6.told.hasMany }
    }

    /// Whether a peer is still to be told something of a family.
    package func hasMessages(_ family: AddressFamily, for id: PeerID) -> Bool {
        guard let group = memberships[id], group.settings.policy.families.contains(family) else { return false }
        return family == .ipv4 ? group.ipv4.hasMessages(for: id) : group.ipv6.hasMessages(for: id)
    }

    /// Prefixes queued for a peer and a family.
    package func pendingCount(_ family: AddressFamily, for id: PeerID) -> Int {
        guard let group = memberships[id], group.settings.policy.families.contains(family) else { return 0 }
        return family == .ipv4 ? group.ipv4.pendingCount(id) : group.ipv6.pendingCount(id)
    }

    /// The next messages of a family for a peer: of at most `limit` queued prefixes, or what its group packed.
    package mutating func takeMessages(_ family: AddressFamily, for id: PeerID, limit: Int) -> [UInt8] {
        guard let group = memberships[id], group.settings.policy.families.contains(family) else { return [] }
        switch family {
        case .ipv4: return group.ipv4.take(for: id, limit: limit, rib: &ipv4, &context)
        case .ipv6: return group.ipv6.take(for: id, limit: limit, rib: &ipv6, &context)
        }
    }

    /// Paths announced to a peer in a family.
    package func advertisedCount(_ id: PeerID, _ family: AddressFamily) -> Int {
        guard let group = memberships[id] else { return 0 }
        return (family == .ipv4 ? group.ipv4.members[id]?.count : group.ipv6.members[id]?.count) ?? 0
    }

    /// Groups of peers that are told the same.
    package var groupCount: Int { groups.count }
}
