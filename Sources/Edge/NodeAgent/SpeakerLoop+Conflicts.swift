import BGPWire
import NetTypes
import RIB

/// A prefix of this node that somebody else announces as his: both nodes give its addresses to pods.
struct PrefixConflict: Sendable, Hashable, CustomStringConvertible {
    /// What is announced.
    var prefix: Prefix
    /// The podCIDR of ours that it is, or lies inside of.
    var own: Prefix
    /// The peer that tells it.
    var peer: String
    var asPath: String

    var description: String {
        let what = prefix == own ? "\(prefix)" : "\(prefix) inside \(own)"
        return "\(what) is announced by \(peer), AS path \(asPath.isEmpty ? "empty" : asPath)"
    }
}

/// Which prefixes of the peers were seen that lie in our own.
struct ConflictWatch {
    /// Who announces thousands of them makes one trouble, not thousands.
    private static let limit = 64

    /// Prefixes that are looked at after every turn, until nobody announces them.
    private(set) var suspects: Set<Prefix> = []
    /// Our prefixes have changed: stored paths may be in conflict by now.
    var needsScan = false
    /// What is known, in order.
    var known: [PrefixConflict] = []

    var isIdle: Bool { suspects.isEmpty && !needsScan && known.isEmpty }

    mutating func suspect(_ prefix: Prefix) {
        if suspects.count < Self.limit { suspects.insert(prefix) }
    }

    mutating func keep(only prefixes: Set<Prefix>) { suspects = prefixes }
}

extension SpeakerLoop {
    /// Hears whenever who else announces our prefixes has changed.
    func observeConflicts(_ body: @Sendable @escaping ([PrefixConflict]) -> Void) { onConflicts = body }

    /// Looks for our prefixes among new ones; most are none, and cost two comparisons.
    func noteConflicts(_ batch: UpdateBatch) {
        guard !originated.isEmpty else { return }
        for entry in batch.entries where entry.action == .announce {
            for prefix in batch.prefixes(entry) where originated.contains(where: { $0.contains(prefix) }) {
                conflicts.suspect(prefix)
            }
        }
    }

    /// After a turn: what of the suspects is still announced, by whom.
    func checkConflicts() {
        guard !conflicts.isIdle else { return }
        if conflicts.needsScan, !speaker.hasWork {
            conflicts.needsScan = false
            for view in speaker.paths(PathQuery(.rejected(nil))) where Self.isOfOurs(view) {
                conflicts.suspect(view.prefix)
            }
        }
        var found: [PrefixConflict] = []
        var remaining: Set<Prefix> = []
        for prefix in conflicts.suspects {
            let views = speaker.paths(PathQuery(.rejected(nil), prefix: prefix)).filter(Self.isOfOurs)
            if !views.isEmpty { remaining.insert(prefix) }
            guard let own = originated.first(where: { $0.contains(prefix) }) else { continue }
            for view in views where !isReflected(view) {
                let path = AttributeFields(view.attributes).asPath.description
                let peer = speaker.peer(view.peer)?.name ?? "a peer"
                found.append(PrefixConflict(prefix: prefix, own: own, peer: peer, asPath: path))
            }
        }
        if !speaker.hasWork { conflicts.keep(only: remaining) }
        found.sort { ($0.prefix, $0.peer) < ($1.prefix, $1.peer) }
        guard found != conflicts.known else { return }
        conflicts.known = found
        onConflicts?(found)
    }

    private static func isOfOurs(_ view: PathView) -> Bool {
        guard case .rejected(let reason) = view.standing else { return false }
        return reason == .ownPodCIDR || reason == .insideOwnPodCIDR
    }

    /// Our own announcement that comes back: where nodes share an AS number (`allowOwnAS`) a path that began there may
    /// be our own, and cannot be told from another node's.
    private func isReflected(_ view: PathView) -> Bool {
        let number = speaker.importPolicy.localAS.description
        let path = AttributeFields(view.attributes).asPath.description
        return path.split(separator: " ").last.map(String.init) == number
    }
}

extension Agent {
    /// Two nodes with one podCIDR: everybody who can do something about it hears of it.
    func conflictsChanged(_ conflicts: [PrefixConflict]) {
        for conflict in conflicts where !self.conflicts.contains(conflict) {
            LogLine.podCIDRConflict(conflict.description).log(to: logger)
            history.note(conflict.peer, .fault, "podCIDR conflict: \(conflict)")
        }
        for conflict in self.conflicts where !conflicts.contains(conflict) {
            LogLine.podCIDRConflictOver(conflict.description).log(to: logger)
            history.note(conflict.peer, .agent, "podCIDR conflict is over: \(conflict.prefix)")
        }
        self.conflicts = conflicts
        writeSessions()
    }
}
