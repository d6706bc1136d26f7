import BGPSession
import BGPSpeaker
import BGPWire
import NetTypes
import RIB

extension Configuration.PeerSettings {
    /// The peer as the speaker sees it.
    func speakerPeer(_ bgp: Configuration.BGPSettings) -> SpeakerPeer {
        let imports: RIBPeer.ImportMode =
            switch importPolicy {
            case .cluster: .safe
            case .all: .all
            case .none: .none
            }
        let exports: ExportPolicy.Mode =
            switch exportPolicy {
            case .own: .localOnly
            case .all: .all
            case .none: .none
            }
        var peer = SpeakerPeer(
            name: name, address: address ?? .v6(.any), asNumber: asn, isExternal: !isInternal(bgp),
            importMode: imports,
            exportMode: exports, isClient: routeReflectorClient, allowOwnAS: allowOwnAS)
        peer.importRules = importRules
        peer.exportRules = exportRules
        peer.honorsGracefulShutdown = honorsGracefulShutdown
        peer.acceptsBlackhole = acceptsBlackhole
        peer.role = role?.wire
        peer.isRouteServerClient = routeServerClient
        if let prefixLimit, prefixLimit.action == .block { peer.mostPaths = prefixLimit.limit }
        peer.localAS = localAS.map { settings in
            var override = LocalAS(settings.asn)
            override.prependsReceived = !settings.noPrepend
            override.hidesOwnAS = settings.replaceAS
            return override
        }
        peer.sendsLongLivedStale = bgp.gracefulRestart.longLivedPartialDeployment
        peer.pathSelection =
            switch addPath.send {
            case .best, nil: .best
            case .all: .all
            case .most(let count): .most(count)
            }
        return peer
    }

    /// The peer as its session machine sees it. Graceful restart is only offered where forwarding outlives us.
    func sessionConfiguration(
        _ bgp: Configuration.BGPSettings, routerID: RouterID, hostName: String, keepsForwarding: Bool
    ) -> PeerConfiguration {
        let restart = bgp.gracefulRestart
        var session = PeerConfiguration(
            name: name, address: address ?? .v6(.any), remoteAS: asn,
            localAS: localAS?.asn ?? bgp.asn, routerID: routerID,
            holdTime: holdTime(bgp), keepaliveTime: bgp.keepaliveTime,
            sendHoldTime: bgp.sendHoldTime,
            families: families.reduce(into: FamilySet()) { $0.insert(FamilySet($1)) }, passive: passive,
            connectRetryTime: bgp.connectRetryTime,
            gracefulRestart: restart.enabled && keepsForwarding
                ? .init(restartTime: UInt16(clamping: restart.restartTime.wholeSeconds)) : nil,
            hostName: hostName)
        session.acceptsAnyExternalAS = isAnyExternal
        session.nodeAS = bgp.asn
        session.role = role?.wire
        session.strictRole = strictRole
        session.longLivedStaleTime = longLivedStaleTime ?? restart.longLivedStaleTime
        session.takesPathIDs = addPath.receive
        session.sendsPathIDs = addPath.send != nil
        return session
    }

    /// How long one round of UPDATEs to the peer keeps the next one waiting.
    func advertisementInterval(_ bgp: Configuration.BGPSettings) -> Duration {
        minimumAdvertisementInterval ?? bgp.minimumAdvertisementInterval
    }

    /// Whether a session with `other` is the same session: what differs can change while it is up.
    func isSameSession(as other: Self) -> Bool {
        var mine = sessionPart
        mine.shutdown = other.shutdown
        mine.minimumAdvertisementInterval = other.minimumAdvertisementInterval
        return mine == other.sessionPart
    }
}

extension Configuration.ImportSettings {
    /// The allowed lengths of a family as the policy wants them.
    func prefixLengths(_ family: AddressFamily) -> ClosedRange<UInt8> {
        let range = lengths(family)
        return UInt8(clamping: range.lowerBound)...UInt8(clamping: range.upperBound)
    }
}

extension Configuration {
    /// Keys that cannot change while the agent runs, and did.
    func fixedParts(changedIn new: Configuration) -> [String] {
        var keys: [String] = []
        if node.name != new.node.name { keys.append("node.name") }
        if node.routerID != new.node.routerID { keys.append("node.routerID") }
        if node.stateDir != new.node.stateDir { keys.append("node.stateDir") }
        if bgp.asn != new.bgp.asn { keys.append("bgp.asn") }
        if bgp.listenPort != new.bgp.listenPort { keys.append("bgp.listenPort") }
        if bgp.listenAddress != new.bgp.listenAddress { keys.append("bgp.listenAddress") }
        if fib != new.fib { keys.append("fib") }
        if control != new.control { keys.append("control") }
        return keys
    }
}
