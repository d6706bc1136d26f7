import NetTypes

/// Peers that may have so many paths and no more.
extension RIBTables {
    /// Announcements of a peer that were not taken, because it had as many paths as it may, and whether there is room
    /// for some of them now.
    package func blocked(_ id: PeerID) -> (count: Int, hasRoom: Bool) {
        guard let most = context.peer(id)?.mostPaths else { return (0, false) }
        let families = AddressFamily.allCases.map { counts(id, $0) }
        return (
            families.reduce(0) { $0 + $1.blocked }, families.contains { $0.blocked > 0 && $0.counted < Int(most) }
        )
    }

    /// The peer is asked for all its paths again.
    package mutating func forgetBlocked(_ id: PeerID) {
        ipv4.forgetBlocked(id)
        ipv6.forgetBlocked(id)
    }
}
