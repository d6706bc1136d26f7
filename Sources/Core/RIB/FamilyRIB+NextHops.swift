import BGPWire
import NetTypes

extension FamilyRIB {
    /// The next hops of a peer's paths, and those of everybody else's. Every path counts, also rejected ones and those
    /// of sessions that ended.
    func nextHops(of peer: PeerID, _ context: borrowing Context) -> (own: Set<IPAddress>, others: Set<IPAddress>) {
        var own: Set<UInt32> = []
        var others: Set<UInt32> = []
        for entry in entries {
            var cursor = entry.head
            while cursor != 0 {
                let path = paths[Int(cursor - 1)]
                cursor = path.next
                if path.peer == peer { own.insert(path.attributes) } else { others.insert(path.attributes) }
            }
        }
        var found: (own: Set<IPAddress>, others: Set<IPAddress>) = ([], [])
        for handle in own { found.own.insert(Self.nextHop(context.attributes[handle: handle])) }
        for handle in others { found.others.insert(Self.nextHop(context.attributes[handle: handle])) }
        return found
    }

    private static func nextHop(_ attributes: PathAttributes) -> IPAddress {
        attributes.linkLocalNextHop.map(IPAddress.v6) ?? attributes.nextHop
    }
}

extension RIBTables {
    /// Above so many paths it takes longer to look than it saves.
    private static let mostPathsToSearch = 300_000

    /// The next hops that go when this peer's paths do, because no other peer's path names them: third-party next hops
    /// and those that a route reflector passed on are told apart so. Link-local ones are on the peer's link. Empty for
    /// huge tables.
    package func soleNextHops(of peer: PeerID) -> Set<IPAddress> {
        guard ipv4.paths.count + ipv6.paths.count <= Self.mostPathsToSearch else { return [] }
        let (four, six) = (ipv4.nextHops(of: peer, context), ipv6.nextHops(of: peer, context))
        return four.own.union(six.own).subtracting(four.others).subtracting(six.others)
    }
}
