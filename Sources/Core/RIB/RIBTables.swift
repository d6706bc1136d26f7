import BGPWire
import NetTypes

/// The routing information base: every Adj-RIB-In, the Loc-RIB and every Adj-RIB-Out of RFC 4271 section 3.2.
///
/// One value with one owner. It knows nothing of sessions or of the kernel: updates come in, changes of the Loc-RIB and
/// packed UPDATEs go out, in portions that the caller bounds.
package struct RIBTables: ~Copyable {
    var context: Context
    var ipv4: FamilyRIB<IPv4Key>
    var ipv6: FamilyRIB<IPv6Key>
    var outs: [PeerID: PeerOut] = [:]

    /// The two Adj-RIBs-Out of a peer, boxed because they are moved in and out of a table.
    final class PeerOut {
        var policy: ExportPolicy
        var ipv4 = AdjRIBOut<IPv4Key>()
        var ipv6 = AdjRIBOut<IPv6Key>()

        init(policy: ExportPolicy) { self.policy = policy }
    }

    /// `seed` should differ from process to process: it keys the hash tables.
    package init(policy: ImportPolicy, maximumPaths: Int = 16, seed: UInt64) {
        context = Context(
            attributes: AttributeStore(seed: seed), policy: policy, peers: [], maximumPaths: max(1, maximumPaths))
        ipv4 = FamilyRIB(seed: seed)
        ipv6 = FamilyRIB(seed: seed)
        let local = RIBPeer(
            address: .v4(.any), asNumber: policy.localAS, routerID: policy.routerID, isExternal: false, importMode: .all
        )
        setPeer(.local, local)
    }

    // MARK: peers

    /// Adds a source of paths, or changes what is known of it.
    package mutating func setPeer(_ id: PeerID, _ peer: RIBPeer) {
        while context.peers.count <= Int(id.rawValue) { context.peers.append(nil) }
        context.peers[Int(id.rawValue)] = peer
        ipv4.addPeer(id)
        ipv6.addPeer(id)
    }

    /// Removes all paths of a peer: its session is down.
    package mutating func removePaths(of id: PeerID) {
        for family in AddressFamily.allCases { removePaths(of: id, family) }
    }

    /// Removes a peer's paths of one family.
    package mutating func removePaths(of id: PeerID, _ family: AddressFamily) {
        switch family {
        case .ipv4: ipv4.removeAll(of: id, in: &context)
        case .ipv6: ipv6.removeAll(of: id, in: &context)
        }
    }

    /// Forgets a peer that is no longer configured.
    package mutating func removePeer(_ id: PeerID) {
        stopExport(to: id)
        removePaths(of: id)
        guard Int(id.rawValue) < context.peers.count else { return }
        context.peers[Int(id.rawValue)] = nil
    }

    // MARK: Adj-RIB-In

    /// Applies a peer's UPDATE. `seconds` is the time since the speaker's start, for the age of paths.
    package mutating func apply(_ update: borrowing Update, from id: PeerID, at seconds: UInt32) {
        guard let peer = context.peer(id) else { return }
        for prefix in update.withdrawn { withdraw(prefix, from: id) }
        for announcement in update.announced {
            let attributes = peer.received(announcement.attributes)
            let verdict = context.policy.verdict(on: attributes, from: peer)
            let handle = context.attributes.intern(attributes)
            for prefix in announcement.prefixes {
                let reject = verdict != .none ? verdict : context.policy.verdict(on: prefix, from: peer)
                context.attributes.retain(handle)
                put(prefix, from: id, handle, reject, at: seconds)
            }
            context.attributes.release(handle)
        }
    }

    /// The peer begins to send a family again: its paths are stale until it repeats them.
    package mutating func markStale(_ family: AddressFamily, of id: PeerID) {
        switch family {
        case .ipv4: ipv4.markStale(of: id)
        case .ipv6: ipv6.markStale(of: id)
        }
    }

    /// The restart time of a peer is over: its stale paths become paths of last resort (RFC 9494 section 4.2).
    package mutating func keepLong(_ family: AddressFamily, of id: PeerID) {
        switch family {
        case .ipv4: ipv4.keepLong(id, in: &context)
        case .ipv6: ipv6.keepLong(id, in: &context)
        }
    }

    /// The peer has sent all: paths that are still stale are gone.
    package mutating func sweepStale(_ family: AddressFamily, of id: PeerID) {
        switch family {
        case .ipv4: ipv4.sweep(id, in: &context)
        case .ipv6: ipv6.sweep(id, in: &context)
        }
    }

    /// Announces a prefix of our own, or changes its attributes.
    package mutating func originate(_ prefix: Prefix, _ attributes: PathAttributes, at seconds: UInt32) {
        put(prefix, from: .local, context.attributes.intern(attributes), .none, at: seconds)
    }

    /// Stops announcing a prefix of our own.
    package mutating func withdrawOwn(_ prefix: Prefix) { withdraw(prefix, from: .local) }

    private mutating func put(
        _ prefix: Prefix, from id: PeerID, _ handle: UInt32, _ reject: RejectReason, at seconds: UInt32
    ) {
        switch prefix.family {
        case .ipv4: ipv4.put(IPv4Key(prefix), peer: id, attributes: handle, reject: reject, at: seconds, in: &context)
        case .ipv6: ipv6.put(IPv6Key(prefix), peer: id, attributes: handle, reject: reject, at: seconds, in: &context)
        }
    }

    private mutating func withdraw(_ prefix: Prefix, from id: PeerID) {
        switch prefix.family {
        case .ipv4: ipv4.remove(IPv4Key(prefix), peer: id, in: &context)
        case .ipv6: ipv6.remove(IPv6Key(prefix), peer: id, in: &context)
        }
    }

    /// The import policy; setting it judges every stored path anew, so no session needs a refresh.
    package var policy: ImportPolicy {
        get { context.policy }
        set {
            guard newValue != context.policy else { return }
            context.policy = newValue
            ipv4.reevaluate(in: &context)
            ipv6.reevaluate(in: &context)
        }
    }

    // MARK: Loc-RIB changes

    /// Whether `takeChanges` has more.
    package var hasChanges: Bool { ipv4.hasChanges || ipv6.hasChanges }

    /// Takes at most `limit` changes of the Loc-RIB and queues them for every peer that is exported to.
    ///
    /// With `describing` false no values are built (nobody installs routes), only the queues are filled.
    package mutating func takeChanges(limit: Int, describing: Bool) -> [LocRIBChange] {
        var changes: [LocRIBChange] = []
        // A family that a peer did not negotiate is never flushed: its queue would keep every identifier for ever.
        let ipv4Peers = outs.values.filter { $0.policy.families.contains(.ipv4) }
        let ipv6Peers = outs.values.filter { $0.policy.families.contains(.ipv6) }
        let told = ipv4.drain(limit) { rib, id in
            for peer in ipv4Peers { peer.ipv4.mark(id, in: &rib) }
            if describing { changes.append(rib.change(id, context)) }
        }
        _ = ipv6.drain(limit - told) { rib, id in
            for peer in ipv6Peers { peer.ipv6.mark(id, in: &rib) }
            if describing { changes.append(rib.change(id, context)) }
        }
        return changes
    }

    // MARK: Adj-RIB-Out

    /// Begins (or changes) what a peer is told; everything that it may know is queued.
    package mutating func startExport(to id: PeerID, _ policy: ExportPolicy) {
        let out = outs[id] ?? PeerOut(policy: policy)
        out.policy = policy
        outs[id] = out
        for family in policy.families.families { resend(family, to: id) }
    }

    /// Queues a whole family again (ROUTE-REFRESH, RFC 2918).
    package mutating func resend(_ family: AddressFamily, to id: PeerID) {
        guard let out = outs[id] else { return }
        switch family {
        case .ipv4: out.ipv4.markAll(in: &ipv4)
        case .ipv6: out.ipv6.markAll(in: &ipv6)
        }
    }

    /// The session is down: what the peer was told is void.
    package mutating func stopExport(to id: PeerID) {
        guard let out = outs.removeValue(forKey: id) else { return }
        out.ipv4.removeAll(in: &ipv4, &context)
        out.ipv6.removeAll(in: &ipv6, &context)
    }

    /// Prefixes queued for a peer and a family.
    package func pendingCount(_ family: AddressFamily, for id: PeerID) -> Int {
        guard let out = outs[id] else { return 0 }
        return family == .ipv4 ? out.ipv4.pendingCount : out.ipv6.pendingCount
    }

    /// Packs messages for at most `limit` queued prefixes of a family.
    package mutating func flush(_ family: AddressFamily, to id: PeerID, limit: Int, into packer: inout UpdatePacker) {
        guard let out = outs[id] else { return }
        switch family {
        case .ipv4:
            out.ipv4.flush(limit: limit, to: id, with: out.policy, rib: &ipv4, &context, into: &packer)
        case .ipv6:
            out.ipv6.flush(limit: limit, to: id, with: out.policy, rib: &ipv6, &context, into: &packer)
        }
    }
}
