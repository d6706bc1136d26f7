import BGPSession
import BGPWire
import NetTypes
import RIB

/// What a helper keeps of a restarting peer, and for how long: family by family, first for the restart time (RFC 4724
/// section 4.2), then for the long-lived stale time (RFC 9494 section 4.2), and once the peer is back until its
/// End-of-RIB.
struct RetainedPaths: Sendable {
    /// One family.
    private struct Kept: Sendable {
        enum Stage: Sendable {
            /// The peer is away, and its restart time runs.
            case restarting
            /// The peer is away, and its long-lived stale time runs.
            case longLived
            /// The peer is back and has not sent all again.
            case returning
            /// The peer is back and has not sent all again, and the long-lived stale time is over: nothing is stale any
            /// more, but a session that is lost before its End-of-RIB keeps nothing either.
            case overdue
        }

        var stage: Stage
        /// When the stage is over; nil: with the session, or its End-of-RIB.
        var until: Instant?
        /// When the long-lived stale time is over that began, or is to begin, with this outage: what happens before the
        /// peer's End-of-RIB does not move it. nil: the peer gave none.
        var limit: Instant?
        /// The long-lived stale time runs.
        var isLongLived = false
        /// The peer has said End-of-RIB, and sends the family once more (RFC 7313).
        var isRefreshing = false
    }

    /// What is due for a family.
    enum Step: Sendable, Hashable {
        case keepLong(AddressFamily)
        case sweep(AddressFamily)
    }

    /// Shortest time that a peer which came back has to send its End-of-RIB.
    private static let endOfRIBPatience = Duration.seconds(180)

    /// Where the peer was: a link-local next hop means nothing without the interface.
    let addresses: SessionAddresses
    private let patience: Duration
    private var kept: [AddressFamily: Kept] = [:]
    /// Families with stale paths from an outage before this one.
    private var continued: FamilySet = []

    /// The session is gone. `earlier` is what was still kept from an outage before this one: the peer has not sent all
    /// again since.
    init?(_ session: Negotiated, _ addresses: SessionAddresses, after earlier: RetainedPaths?, at now: Instant) {
        guard let restart = session.peerGracefulRestart else { return nil }
        self.addresses = addresses
        let restartTime = Duration.seconds(Int64(restart.restartTime))
        patience = max(restartTime, Self.endOfRIBPatience)
        for family in AddressFamily.allCases {
            let before = earlier?.kept[family]
            // Its time was over while the peer was sending again.
            if case .overdue? = before?.stage { continue }
            let stale = Duration.seconds(Int64(session.peerLongLived?.family(family)?.staleTime ?? 0))
            let isListed = restart.family(family) != nil
            guard isListed || stale > .zero else { continue }
            let until = now + (isListed ? restartTime : .zero)
            guard stale > .zero else {
                kept[family] = Kept(stage: .restarting, until: until)
                continue
            }
            // A second outage before End-of-RIB does not prolong the first, nor does it end what that one left.
            let limit = before?.limit ?? until + stale
            guard limit > now else { continue }
            if before?.limit != nil { continued.insert(FamilySet(family)) }
            kept[family] = Kept(
                stage: .restarting, until: min(until, limit), limit: limit, isLongLived: before?.isLongLived ?? false)
        }
        guard !kept.isEmpty else { return nil }
    }

    /// Families of which paths may be stale.
    var families: FamilySet {
        kept.reduce(into: []) { if $1.value.stage != .overdue { $0.insert(FamilySet($1.key)) } }
    }

    /// What an earlier outage left stale stays, until its own time is over (RFC 9494 section 4.2). Without a long-lived
    /// stale time it goes (RFC 4724 section 4.2).
    func continues(_ family: AddressFamily) -> Bool { continued.contains(family) }

    /// When `expire` has something to do.
    var deadline: Instant? { kept.values.compactMap(\.until).min() }

    /// The peer is back. Families for which its OPEN does not say that forwarding went on are kept no longer, and
    /// returned; the others wait for End-of-RIB. A long-lived stale time that runs goes on.
    mutating func resume(_ session: Negotiated, at now: Instant) -> [AddressFamily] {
        var lost: [AddressFamily] = []
        for (family, entry) in kept {
            let isRestarting = entry.stage == .restarting && entry.until.map { $0 > now } == true
            let isLongLived = entry.isLongLived || !isRestarting
            var stays = session.families.contains(family) && (isRestarting || entry.limit != nil)
            if isRestarting {
                stays = stays && session.peerGracefulRestart?.family(family)?.forwardingPreserved == true
            }
            if isLongLived { stays = stays && session.peerLongLived?.family(family)?.forwardingPreserved == true }
            guard stays else {
                kept[family] = nil
                lost.append(family)
                continue
            }
            kept[family] = Kept(
                stage: .returning, until: isLongLived ? entry.limit : now + patience, limit: entry.limit,
                isLongLived: isLongLived)
        }
        return lost
    }

    /// The peer has sent a family again: a long-lived stale time of it ends.
    mutating func endOfRIB(_ family: AddressFamily, at now: Instant) {
        guard let entry = kept[family] else { return }
        guard entry.stage != .overdue else {
            kept[family] = nil
            return
        }
        kept[family] = Kept(stage: .returning, until: entry.isLongLived ? now + patience : entry.until)
    }

    /// The peer has sent all again: the rest goes after `grace`, or at the end of the refresh that is under way, which
    /// has made everything stale once more.
    mutating func complete(after grace: Duration, at now: Instant) {
        for family in families.families where kept[family]?.isRefreshing != true {
            kept[family] = Kept(stage: .returning, until: now + grace)
        }
    }

    /// After its End-of-RIB the peer sends a family once more: it has as much time as for the first.
    mutating func refreshBegan(_ family: AddressFamily, at now: Instant) {
        guard let entry = kept[family], entry.stage == .returning else { return }
        kept[family] = Kept(stage: .returning, until: now + patience, isRefreshing: true)
    }

    /// Nothing is stale any more.
    mutating func refreshEnded(_ family: AddressFamily) { kept[family] = nil }

    /// What is due; `isEmpty` afterwards when nothing is kept any more.
    mutating func expire(at now: Instant) -> [Step] {
        var steps: [Step] = []
        for (family, entry) in kept {
            guard let until = entry.until, until <= now else { continue }
            switch entry.stage {
            case .restarting where entry.limit.map { $0 > now } == true:
                kept[family] = Kept(stage: .longLived, until: entry.limit, limit: entry.limit, isLongLived: true)
                steps.append(.keepLong(family))
            case .returning where entry.isLongLived:
                kept[family] = Kept(stage: .overdue, until: nil)
                steps.append(.sweep(family))
            case .restarting, .longLived, .returning, .overdue:
                kept[family] = nil
                steps.append(.sweep(family))
            }
        }
        return steps
    }

    var isEmpty: Bool { kept.isEmpty }
}

extension GracefulRestart {
    /// What the capability says of a family.
    func family(_ family: AddressFamily) -> Family? { families.first { $0.afi == family.afi && $0.safi == 1 } }
}

extension Speaker {
    /// What is kept of a peer that is away: paths of all families, and when the next of them may go; nil: nothing.
    package func kept(_ id: PeerID) -> (paths: Int, until: Instant?)? {
        guard let record = peers[id], record.session == nil, let retained = record.retained else { return nil }
        let paths = AddressFamily.allCases.reduce(0) { $0 + rib.counts(id, $1).stale }
        return paths == 0 ? nil : (paths, retained.deadline)
    }
}
