import BGPSession
import BGPSpeaker
import BGPWire
import ControlAPI
import FIB
import NetTypes
import RIB

extension SessionDocument {
    init(
        _ settings: Configuration.PeerSettings, _ bgp: Configuration.BGPSettings, _ status: PeerStatus,
        _ summaries: [FamilySummary], localAddress: String?, at now: Instant
    ) {
        let negotiated = status.negotiated
        let holdTime = negotiated?.holdTime ?? settings.holdTime(bgp)
        let keepaliveTime = negotiated?.keepaliveTime ?? bgp.keepaliveTime ?? holdTime / 3
        self.init(
            peer: settings.name, address: settings.location.description,
            asn: (negotiated?.peerAS ?? settings.asn).rawValue,
            localASN: (settings.localAS?.asn ?? bgp.asn).rawValue, external: !settings.isInternal(bgp),
            state: .init(status),
            sinceSeconds: Int((now - (status.since ?? now)).wholeSeconds),
            uptimeSeconds: status.uptime.map { Int($0.wholeSeconds) },
            lastError: status.lastError.map { SessionErrorDocument($0, at: now) }, localAddress: localAddress,
            peerRouterID: negotiated?.peerRouterID.description, passive: settings.passive,
            holdTime: Int(holdTime.wholeSeconds), keepaliveTime: Int(keepaliveTime.wholeSeconds),
            capabilitiesSent: negotiated?.sentCapabilities.map(\.rowName) ?? [],
            capabilitiesReceived: negotiated?.peerCapabilities.map(\.rowName) ?? [],
            timers: status.timerDocuments,
            families: settings.families.map { family in
                let summary = summaries.first { $0.family == family }
                var document = SessionFamilyDocument(
                    family: "\(family)-unicast", negotiated: summary != nil, received: summary?.paths.received ?? 0,
                    accepted: summary?.paths.accepted ?? 0, rejected: summary?.paths.rejected ?? 0,
                    best: summary?.paths.best ?? 0, advertised: summary?.advertised ?? 0,
                    endOfRIBReceived: summary?.endOfRIBReceived ?? false, endOfRIBSent: summary?.endOfRIBSent ?? false,
                    stale: summary?.paths.stale ?? 0)
                document.addPath = summary.flatMap(\.addPath)
                document.blocked = summary.flatMap { $0.paths.blocked > 0 ? $0.paths.blocked : nil }
                return document
            },
            messagesReceived: .init(status.received), messagesSent: .init(status.sent),
            establishedCount: Int(clamping: status.establishedCount), dropCount: Int(clamping: status.flaps))
        lastNotification = status.lastNotification.map { SessionErrorDocument($0, at: now) }
        role = settings.role?.rawValue
        clientOf =
            settings.routeReflectorClient ? "route reflector" : settings.routeServerClient ? "route server" : nil
    }
}

extension FamilySummary {
    /// In which direction path identifiers were negotiated (RFC 7911); nil: in none.
    fileprivate var addPath: SessionFamilyDocument.AddPath? {
        switch (receivesPathIDs, sendsPathIDs) {
        case (true, true): .both
        case (true, false): .receive
        case (false, true): .send
        case (false, false): nil
        }
    }
}

extension Capability {
    /// The same for both sides where both mean the same: the AS numbers stand elsewhere.
    fileprivate var rowName: String {
        if case .fourOctetAS = self { "four-octet-as" } else { description }
    }
}

extension SessionStateDocument {
    init(_ status: PeerStatus) {
        switch status.state {
        case .idle: self = status.isStopped ? .shutDown : .idle
        case .connect: self = .connect
        case .active: self = .active
        case .openSent: self = .openSent
        case .openConfirm: self = .openConfirm
        case .established: self = .established
        }
    }
}

extension KeptPathsDocument {
    init(_ kept: (paths: Int, until: Instant?), at now: Instant) {
        self.init(paths: kept.paths, endsInSeconds: kept.until.map { max(0, Int(($0 - now).wholeSeconds)) })
    }
}

extension SessionErrorDocument {
    init(_ error: SessionError, at now: Instant) {
        let direction: Direction =
            switch error.direction {
            case .sent: .sent
            case .received: .received
            case .local: .local
            }
        self.init(
            direction: direction, code: error.notification.map { Int($0.code) },
            subcode: error.notification.map { Int($0.subcode) }, text: error.text,
            secondsAgo: Int((now - error.at).wholeSeconds))
    }
}

extension PeerStatus {
    var timerDocuments: [TimerDocument] {
        [("hold", holdRemaining), ("keepalive", keepaliveRemaining), ("connectRetry", retryRemaining)].compactMap {
            name, left in
            left.map { TimerDocument(name: name, remainingSeconds: Int($0.wholeSeconds)) }
        }
    }
}

extension MessageCountsDocument {
    init(_ counters: MessageCounters) {
        self.init(
            open: Int(clamping: counters.open), update: Int(clamping: counters.update),
            notification: Int(clamping: counters.notification), keepalive: Int(clamping: counters.keepalive),
            routeRefresh: Int(clamping: counters.routeRefresh))
    }
}

extension RouteDocument {
    init(_ view: PathView, names: [PeerID: String], at now: UInt32) {
        let fields = AttributeFields(view.attributes)
        let (state, reason): (State, String) =
            switch view.standing {
            case .best(let step): (.best, step.description)
            case .multipath(let step): (.multipath, "shares traffic with the best path, which has: \(step.description)")
            case .candidate(let step): (.candidate, "the best path has: \(step.description)")
            case .outranked: (.candidate, "a path from the same AS has: lower MED")
            case .rejected(.policy): (.rejected, "rejected by \(view.rule ?? "a policy")")
            case .rejected(let reason): (.rejected, reason.sentence)
            }
        let isLocal = view.peer == .local
        self.init(
            prefix: view.prefix.description, peer: isLocal ? "local" : names[view.peer] ?? "removed",
            nextHop: isLocal && view.attributes.nextHop.isUnspecified ? "self" : view.attributes.nextHop.description,
            asPath: fields.asPath.description, origin: ["IGP", "EGP", "incomplete"][min(Int(fields.origin), 2)],
            localPref: fields.localPref, med: fields.med,
            communities: fields.communities.map { Community(rawValue: $0).description },
            largeCommunities: fields.largeCommunities.map(\.description),
            ageSeconds: Int(now - min(now, view.received)),
            state: state, reason: reason, stale: view.isStale)
        onlyToCustomer = fields.onlyToCustomer?.rawValue
        pathID = view.pathID == 0 ? nil : view.pathID
    }
}

extension FIBRouteDocument {
    init(_ row: FIBRow, _ topology: Topology) {
        let (status, detail): (Status, String?) =
            switch row.status {
            case .installed: (.installed, nil)
            case .pending: (.pending, nil)
            case .failed(let reason): (.failed, reason)
            case .conflict(let id): (.failed, "a route of protocol \(id) holds this place and is never touched")
            case .stale: (.stale, "of an earlier run, and no peer announces it; it goes once the peers have converged")
            case .unresolved(let reason): (.unresolved, reason)
            }
        self.init(
            prefix: row.prefix.description,
            kind: row.isAggregate ? "unreachable" : row.desired?.isBlackhole == true ? "blackhole" : "unicast",
            desired: row.isAggregate ? ["unreachable"] : row.desired.map(Self.text) ?? [],
            installed: row.installed.map { Self.text($0, topology) } ?? [], status: status, detail: detail)
        group = row.installed.flatMap { $0.nextHopID == 0 ? nil : $0.nextHopID }
    }

    private static func text(_ route: DesiredRoute) -> [String] {
        guard !route.isBlackhole else { return ["blackhole"] }
        return route.nextHops.map { hop in
            "via \(hop.gateway)" + (hop.interface.map { " dev \($0)" } ?? "") + weight(hop.weight)
        }
    }

    /// What makes the kernel do otherwise than an installed route says.
    mutating func describe(_ row: FIBRow, _ snapshot: FIBSnapshot, _ topology: Topology) {
        var remarks = [detail].compactMap { $0 }
        if let other = snapshot.better[row.prefix] {
            better = "protocol \(KernelLookupDocument.protocolName(other.protocolID)) metric \(other.key.metric)"
            remarks.append("a route of \(better ?? "") goes before it")
        }
        for hop in row.installed?.nextHops ?? [] {
            let isFailed = snapshot.neighbors.contains {
                $0.hop.gateway == hop.gateway && $0.hop.interfaceIndex == hop.interfaceIndex && $0.state == .failed
            }
            if isFailed { remarks.append("\(Self.text(hop, topology)) does not answer on its link") }
        }
        detail = remarks.isEmpty ? nil : remarks.joined(separator: "; ")
    }

    private static func weight(_ weight: UInt16) -> String { weight > 1 ? " weight \(weight)" : "" }

    private static func text(_ route: KernelRoute, _ topology: Topology) -> [String] {
        guard route.kind == .unicast else { return [route.kind == .blackhole ? "blackhole" : "unreachable"] }
        return route.nextHops.map { text($0, topology) }
    }

    fileprivate static func text(_ hop: RouteNextHop, _ topology: Topology) -> String {
        let name = topology.interface(index: hop.interfaceIndex)?.name ?? "if\(hop.interfaceIndex)"
        return (hop.gateway.map { "via \($0) " } ?? "") + "dev \(name)" + weight(hop.weight)
    }
}

extension NextHopsDocument {
    init(_ snapshot: FIBSnapshot, _ topology: Topology) {
        self.init(
            style: snapshot.style.rawValue, reason: snapshot.fallback,
            groups: snapshot.groups.map { group in
                NextHopGroupDocument(
                    id: group.id, nextHops: group.nextHops.map { FIBRouteDocument.text($0, topology) },
                    routes: group.routes)
            })
        neighbors = snapshot.neighbors.map { hop, state in
            NeighborDocument(nextHop: FIBRouteDocument.text(hop, topology), state: state?.text ?? "none")
        }
    }
}
