import BGPWire
import NetTypes

/// What became of a prefix in the Loc-RIB, and why.
package struct LocRIBChange: Sendable, Hashable {
    package let prefix: Prefix
    /// nil: no usable path is left.
    package let best: Best?

    package struct Best: Sendable, Hashable {
        package let peer: PeerID
        /// The step of the decision process that chose it.
        package let reason: DecisionStep
        /// Next hops of all equally good paths, without repetition, in ascending order (a stable order keeps flows on
        /// their path); empty for what the node originates itself.
        package let nextHops: [NextHop]
    }

    /// A next hop with the peer that told it, which is what ties a link-local address to an interface.
    package struct NextHop: Sendable, Hashable {
        package let address: IPAddress
        package let peer: PeerID
    }
}

extension FamilyRIB {
    func change(_ id: UInt32, _ context: borrowing Context) -> LocRIBChange {
        let entry = entries[Int(id)]
        let prefix = prefixes.keys[Int(id)].prefix
        guard entry.best != 0 else { return LocRIBChange(prefix: prefix, best: nil) }
        var nextHops: [LocRIBChange.NextHop] = []
        var cursor = entry.head
        while cursor != 0 {
            let path = paths[Int(cursor - 1)]
            cursor = path.next
            guard path.isEqual, path.peer != .local else { continue }
            let attributes = context.attributes[handle: path.attributes]
            let address = attributes.linkLocalNextHop.map(IPAddress.v6) ?? attributes.nextHop
            // The same link-local address of two peers is two neighbours, on two links.
            if !nextHops.contains(where: { $0.address == address && ($0.peer == path.peer || !address.isLinkLocal) }) {
                nextHops.append(.init(address: address, peer: path.peer))
            }
        }
        nextHops.sort { ($0.address, $0.peer.rawValue) < ($1.address, $1.peer.rawValue) }
        let best = paths[Int(entry.best - 1)]
        return LocRIBChange(
            prefix: prefix,
            best: .init(peer: best.peer, reason: entry.reason, nextHops: best.peer == .local ? [] : nextHops))
    }
}
