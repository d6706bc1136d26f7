import BGPSession
import BGPWire
import NetTypes

/// What a helper keeps of a restarting peer, and for how long: family by family, first for the restart time (RFC 4724
/// section 4.2), then for the long-lived stale time (RFC 9494 section 4.2), and once the peer is back until its
/// End-of-RIB.
struct RetainedPaths: Sendable {
    private enum Phase: Sendable {
        /// The peer is away; `longLived` is when the time after this one ends, if there is one.
        case restarting(until: Instant, longLived: Instant?)
        /// The peer is away for long, or came back and has not sent all again.
        case longLived(until: Instant)
        /// The peer is back.
        case returning(until: Instant)

        var until: Instant {
            switch self {
            case .restarting(let until, _), .longLived(let until), .returning(let until): until
            }
        }
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
    private let restartTime: Duration
    private var phases: [AddressFamily: Phase] = [:]
    /// Families with paths that are long-lived stale already.
    private var continued: FamilySet = []

    /// The session is gone. `earlier` is what was still kept from an outage before this one.
    init?(_ session: Negotiated, _ addresses: SessionAddresses, after earlier: RetainedPaths?, at now: Instant) {
        guard let restart = session.peerGracefulRestart else { return nil }
        self.addresses = addresses
        restartTime = .seconds(Int64(restart.restartTime))
        for family in AddressFamily.allCases {
            let stale = Duration.seconds(Int64(session.peerLongLived?.family(family)?.staleTime ?? 0))
            let isListed = restart.family(family) != nil
            guard isListed || stale > .zero else { continue }
            let until = now + (isListed ? restartTime : .zero)
            guard stale > .zero else {
                phases[family] = .restarting(until: until, longLived: nil)
                continue
            }
            var longLived = until + stale
            if case .longLived(let running)? = earlier?.phases[family] {
                // A second outage before End-of-RIB does not prolong the first.
                longLived = running
                continued.insert(FamilySet(family))
            }
            phases[family] = .restarting(until: min(until, longLived), longLived: longLived)
        }
        guard !phases.isEmpty else { return nil }
    }

    /// Families whose paths are kept.
    var families: FamilySet { phases.keys.reduce(into: []) { $0.insert(FamilySet($1)) } }

    /// What an earlier outage left stale stays: it is long-lived.
    func continues(_ family: AddressFamily) -> Bool { continued.contains(family) }

    /// When `expire` has something to do.
    var deadline: Instant? { phases.values.map(\.until).min() }

    /// The peer is back. Families for which its OPEN does not say that forwarding went on are kept no longer, and
    /// returned; the others wait for End-of-RIB. A long-lived stale time that runs goes on.
    mutating func resume(_ session: Negotiated, at now: Instant) -> [AddressFamily] {
        var lost: [AddressFamily] = []
        for (family, phase) in phases {
            let preserved: Bool?
            var next = Phase.returning(until: now + max(restartTime, Self.endOfRIBPatience))
            if case .longLived = phase {
                preserved = session.peerLongLived?.family(family)?.forwardingPreserved
                next = phase
            } else {
                preserved = session.peerGracefulRestart?.family(family)?.forwardingPreserved
            }
            let stays = preserved == true && session.families.contains(family)
            phases[family] = stays ? next : nil
            if !stays { lost.append(family) }
        }
        return lost
    }

    /// The peer has sent all again: the rest goes after `grace`.
    mutating func complete(after grace: Duration, at now: Instant) {
        for family in phases.keys { phases[family] = .returning(until: now + grace) }
    }

    /// What is due; `isEmpty` afterwards when nothing is kept any more.
    mutating func expire(at now: Instant) -> [Step] {
        var steps: [Step] = []
        for (family, phase) in phases where phase.until <= now {
            if case .restarting(_, let longLived?) = phase, longLived > now {
                phases[family] = .longLived(until: longLived)
                steps.append(.keepLong(family))
            } else {
                phases[family] = nil
                steps.append(.sweep(family))
            }
        }
        return steps
    }

    var isEmpty: Bool { phases.isEmpty }
}
