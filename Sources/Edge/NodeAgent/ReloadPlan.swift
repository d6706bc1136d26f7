import BGPSession
import NetTypes

/// What becomes of a running agent when it takes over another configuration; pure, so that `martletd check
/// --against-running` says beforehand what a reload does.
package struct ReloadPlan: Sendable, Equatable {
    /// A session that begins anew.
    package struct Reset: Sendable, Equatable {
        package var peer: String
        /// Keys that cannot change otherwise.
        package var keys: [String]
    }

    /// Keys that only a restart of the agent changes: with one of them nothing is taken over.
    package var fixed: [String] = []
    /// Peers whose sessions begin anew, in the order of the new file.
    package var resets: [Reset] = []
    /// Names of new peers and ranges.
    package var added: [String] = []
    /// Names of peers and ranges whose sessions end.
    package var removed: [String] = []
    /// Peers whose stored paths are judged anew, and that are told anew; their sessions stay.
    package var rules: [String] = []
    /// Prefixes of the node, or aggregates, that peers are told of from then on, and that are taken back.
    package var announced: [Prefix] = []
    package var withdrawn: [Prefix] = []
    /// Whether anything differs at all.
    package var isEmpty = true

    package init(from old: Configuration, to new: Configuration) {
        isEmpty = old == new
        guard !isEmpty else { return }
        fixed = old.fixedParts(changedIn: new)
        for peer in new.bgp.peers {
            guard let before = old.bgp.peers.first(where: { $0.name == peer.name }) else {
                added.append(peer.name)
                continue
            }
            if !before.keepsSession(old.bgp, becoming: peer, new.bgp) {
                let keys = before.changedKeys(old.bgp, becoming: peer, new.bgp)
                resets.append(Reset(peer: peer.name, keys: keys))
            } else if before.judgement(old) != peer.judgement(new) {
                rules.append(peer.name)
            }
        }
        removed = old.bgp.peers.map(\.name).filter { name in !new.bgp.peers.contains { $0.name == name } }
        let (had, has) = (old.ownPrefixes, new.ownPrefixes)
        announced = has.subtracting(had).sorted()
        withdrawn = had.subtracting(has).sorted()
    }

    /// Whether traffic or a session may notice.
    package var disturbs: Bool { !fixed.isEmpty || !resets.isEmpty || !removed.isEmpty || !withdrawn.isEmpty }

    /// One line for each thing that happens, for people.
    package var lines: [String] {
        guard !isEmpty else { return ["nothing changes"] }
        guard fixed.isEmpty else {
            return fixed.map { "\($0) changed: this needs a restart of martletd, and a reload takes nothing over" }
        }
        var lines = resets.map { "\($0.peer): the session resets, for \($0.keys.joined(separator: ", ")) changed" }
        lines += removed.map { "\($0): the session ends, the peer is not configured any more" }
        lines += added.map { "\($0): a session is opened" }
        lines += rules.map { "\($0): its rules change and its paths are judged anew; the session stays" }
        lines += withdrawn.map { "\($0): withdrawn from all peers" }
        lines += announced.map { "\($0): announced" }
        return lines.isEmpty ? ["no session and no prefix is touched"] : lines
    }
}

extension Configuration {
    /// What the node says by itself.
    fileprivate var ownPrefixes: Set<Prefix> {
        Set(node.podCIDRs).union(bgp.aggregates.map(\.prefix))
    }
}

extension Configuration.PeerSettings {
    /// What the peer's paths are judged by, and what it is told by: beside its own part that of the whole node.
    fileprivate struct Judgement: Equatable {
        var peer: Configuration.PeerSettings
        var clusterCIDRs: [Prefix]
        var imports: Configuration.ImportSettings
        var bestPath: Configuration.BestPathSettings
        var clusterID: RouterID?
    }

    fileprivate func judgement(_ configuration: Configuration) -> Judgement {
        var peer = self
        let neutral = sessionPart
        // Only what `sessionPart` leaves out counts here.
        peer.name = neutral.name
        peer.holdTime = nil
        peer.longLivedStaleTime = nil
        peer.shutdown = nil
        peer.minimumAdvertisementInterval = nil
        peer.maxPeers = 0
        peer.bfd = nil
        return Judgement(
            peer: peer, clusterCIDRs: configuration.clusterCIDRs, imports: configuration.imports,
            bestPath: configuration.bgp.bestPath, clusterID: configuration.bgp.clusterID)
    }

    /// Whether the session stays up when this becomes `new`: nothing differs that OPEN or TCP say only once.
    func keepsSession(
        _ bgp: Configuration.BGPSettings, becoming new: Self, _ newBGP: Configuration.BGPSettings
    ) -> Bool {
        var (mine, other) = (self, new)
        // The same by its own key as by the node's is the same.
        mine.holdTime = holdTime(bgp)
        other.holdTime = new.holdTime(newBGP)
        mine.longLivedStaleTime = longLivedStaleTime ?? bgp.gracefulRestart.longLivedStaleTime
        other.longLivedStaleTime = new.longLivedStaleTime ?? newBGP.gracefulRestart.longLivedStaleTime
        mine.maxPeers = other.maxPeers
        return mine.isSameSession(as: other) && bgp.gracefulRestart.offer == newBGP.gracefulRestart.offer
    }

    /// The keys, as they stand in the file, for which `keepsSession` is false.
    func changedKeys(
        _ bgp: Configuration.BGPSettings, becoming new: Self, _ newBGP: Configuration.BGPSettings
    ) -> [String] {
        func differs<Value: Equatable>(_ key: KeyPath<Self, Value>) -> Bool { self[keyPath: key] != new[keyPath: key] }
        let changes: [(String, Bool)] = [
            (
                location.key == new.location.key ? location.key : "\(location.key), \(new.location.key)",
                differs(\.location)
            ),
            ("interface", differs(\.interface)), ("asn", differs(\.asn) || differs(\.isAnyExternal)),
            ("localAS", differs(\.localAS)), ("role", differs(\.role)), ("strictRole", differs(\.strictRole)),
            ("families", differs(\.families)), ("passive", differs(\.passive)), ("port", differs(\.port)),
            ("holdTime", holdTime(bgp) != new.holdTime(newBGP)), ("localAddress", differs(\.localAddress)),
            ("passwordFile", differs(\.passwordFile)), ("tcpAO", differs(\.tcpAO)),
            ("multihop or ttlSecurity", differs(\.reach)), ("extendedNextHop", differs(\.extendedNextHop)),
            ("addPath", differs(\.addPath)), ("routeReflectorClient", differs(\.routeReflectorClient)),
            ("routeServerClient", differs(\.routeServerClient)),
            (
                "gracefulRestart",
                bgp.gracefulRestart.offer != newBGP.gracefulRestart.offer
                    || (longLivedStaleTime ?? bgp.gracefulRestart.longLivedStaleTime)
                        != (new.longLivedStaleTime ?? newBGP.gracefulRestart.longLivedStaleTime)
            ),
        ]
        let keys = changes.filter(\.1).map(\.0)
        return keys.isEmpty ? ["a setting of the session"] : keys
    }
}

extension Configuration.GracefulRestartSettings {
    /// What OPEN says of it; the deferral is our own affair.
    struct Offer: Equatable {
        let enabled: Bool
        let restartTime: Duration
        let longLivedPartialDeployment: Bool
    }

    var offer: Offer {
        Offer(
            enabled: enabled, restartTime: enabled ? restartTime : .zero,
            longLivedPartialDeployment: longLivedPartialDeployment)
    }
}

extension Configuration.PeerLocation {
    /// The key that says it.
    fileprivate var key: String {
        if range != nil { return "range" }
        if interface != nil { return "interface" }
        return address != nil ? "address" : "defaultGateway"
    }
}
