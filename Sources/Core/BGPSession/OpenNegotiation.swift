import BGPWire
import NetTypes

/// Why the peer's OPEN cannot be accepted (RFC 4271 section 6.2).
struct OpenRefusal: Error, Sendable, Hashable {
    let notification: NotificationMessage
    /// What was found, then what was wanted.
    let text: String
}

extension PeerConfiguration {
    /// Our OPEN. Four-octet AS and route refresh are always offered; a peer that does not know them ignores them.
    func open(_ restart: RestartState) -> Open {
        var capabilities = families.families.map { Capability.multiprotocol($0) }
        capabilities += [.routeRefresh, .enhancedRouteRefresh, .extendedMessage]
        if extendedNextHop, families.contains(.ipv4) { capabilities.append(.extendedNextHop([.ipv4OverIPv6])) }
        if let gracefulRestart {
            capabilities.append(.gracefulRestart(capability(gracefulRestart, restart)))
            if let longLivedStaleTime {
                capabilities.append(.longLivedGracefulRestart(longLived(longLivedStaleTime, restart)))
            }
        }
        if let role, isExternal { capabilities.append(.role(role.rawValue)) }
        capabilities.append(.fourOctetAS(localAS))
        if takesPathIDs || sendsPathIDs { capabilities.append(.addPath(addPath)) }
        if let hostName { capabilities.append(.hostName(HostName(hostName))) }
        let short = UInt16(exactly: localAS.rawValue) ?? UInt16(truncatingIfNeeded: ASNumber.trans.rawValue)
        return Open(
            autonomousSystem: short, holdTime: offeredHoldTime, routerID: routerID, capabilities: capabilities)
    }

    /// Our OPEN for a peer that takes none with capabilities (RFC 5492 section 3); nil where the session cannot be
    /// without: its families and our AS number must be what RFC 4271 has.
    func plainOpen() -> Open? {
        guard families.contains(.ipv4), let number = UInt16(exactly: localAS.rawValue) else { return nil }
        return Open(autonomousSystem: number, holdTime: offeredHoldTime, routerID: routerID, capabilities: [])
    }

    private func capability(_ options: GracefulRestartOptions, _ restart: RestartState) -> GracefulRestart {
        GracefulRestart(
            restarted: restart.restarted, notification: true, restartTime: min(options.restartTime, 4095),
            families: families.families.map {
                .init(afi: $0.afi, safi: 1, forwardingPreserved: restart.forwardingPreserved.contains($0))
            })
    }

    private func longLived(_ time: Duration, _ restart: RestartState) -> LongLivedGracefulRestart {
        let seconds = UInt32(clamping: min(time.wholeSeconds, Int64(LongLivedGracefulRestart.longestStaleTime)))
        return LongLivedGracefulRestart(
            families: families.families.map {
                .init(
                    afi: $0.afi, safi: 1, forwardingPreserved: restart.forwardingPreserved.contains($0),
                    staleTime: seconds)
            })
    }

    private var addPath: [AddPathFamily] {
        families.families.map { AddPathFamily(afi: $0.afi, receives: takesPathIDs, sends: sendsPathIDs) }
    }

    /// What RFC 9687 section 3.1 makes of a negotiated hold time; nil: no limit.
    fileprivate func sendHoldTime(_ hold: Duration) -> Duration? {
        guard hold > .zero else { return nil }
        guard let sendHoldTime else { return max(Connection.shortestSendHold, hold * 2) }
        return sendHoldTime > .zero ? max(sendHoldTime, hold + .seconds(1)) : nil
    }

    /// Seconds that fit the field and the rule "zero, or at least three".
    var offeredHoldTime: UInt16 {
        holdTime <= .zero ? 0 : UInt16(min(max(holdTime.wholeSeconds, 3), 65535))
    }
}

extension Negotiated {
    /// Compares the peer's OPEN with ours and with what is configured (RFC 4271 sections 4.2 and 6.2, RFC 4760, 6286,
    /// 6793).
    init(_ theirs: Open, sent: [Capability], _ configuration: PeerConfiguration) throws(OpenRefusal) {
        try Self.check(theirs, configuration)
        // Without capabilities of ours the peer knows of IPv4 only.
        let ours = sent.isEmpty ? configuration.families.intersection(.ipv4) : configuration.families
        let families = ours.intersection(theirs.families)
        guard !families.isEmpty else { throw .noCommonFamily(wanted: configuration.families) }
        let hold = Duration.seconds(Int64(min(configuration.offeredHoldTime, theirs.holdTime)))
        self.init(
            peerAS: theirs.asNumber, peerRouterID: theirs.routerID,
            fourOctetAS: theirs.capabilities.haveFourOctetAS && sent.haveFourOctetAS,
            families: families, holdTime: hold, keepaliveTime: Self.keepaliveTime(configuration.keepaliveTime, hold),
            isExternal: configuration.isExternal, routeRefresh: theirs.capabilities.contains(.routeRefresh),
            peerGracefulRestart: theirs.gracefulRestart, sentCapabilities: sent,
            peerCapabilities: theirs.capabilities,
            extendedMessages: sent.contains(.extendedMessage) && theirs.capabilities.contains(.extendedMessage),
            sendHoldTime: configuration.sendHoldTime(hold),
            enhancedRouteRefresh: sent.contains(.enhancedRouteRefresh)
                && theirs.capabilities.contains(.enhancedRouteRefresh))
        if families.contains(.ipv4), sent.offersIPv4OverIPv6, theirs.capabilities.offersIPv4OverIPv6 {
            extendedNextHop = .ipv4
        }
        if gracefulRestart, sent.contains(where: { if case .longLivedGracefulRestart = $0 { true } else { false } }) {
            for case .longLivedGracefulRestart(let capability) in theirs.capabilities { peerLongLived = capability }
        }
        pathIDsReceived = Self.pathIDs(from: theirs.capabilities, to: sent, families)
        pathIDsSent = Self.pathIDs(from: sent, to: theirs.capabilities, families)
    }

    /// Families of which one side writes path identifiers: it offers to send, and the other to receive (RFC 7911
    /// section 4).
    private static func pathIDs(
        from sender: [Capability], to receiver: [Capability], _ families: FamilySet
    ) -> FamilySet {
        var common: FamilySet = []
        for family in families.families
        where sender.addPath(family)?.sends == true && receiver.addPath(family)?.receives == true {
            common.insert(FamilySet(family))
        }
        return common
    }

    /// A third of the hold time, or less when so configured; one second at least, zero without a hold time.
    private static func keepaliveTime(_ configured: Duration?, _ hold: Duration) -> Duration {
        guard hold > .zero else { return .zero }
        let third = hold / 3
        return max(.seconds(1), min(configured ?? third, third))
    }

    private static func check(_ open: Open, _ configuration: PeerConfiguration) throws(OpenRefusal) {
        guard open.version == 4 else { throw .version(open.version) }
        if configuration.acceptsAnyExternalAS {
            guard ![configuration.localAS, configuration.nodeAS].contains(open.asNumber) else {
                throw .ownAS(open.asNumber)
            }
        } else if open.asNumber != configuration.remoteAS {
            throw .peerAS(open.asNumber, configuration.remoteAS)
        }
        if let other = open.contradictingAS { throw .contradiction(other, open.asNumber) }
        guard open.routerID.rawValue != 0 else { throw .identifier("BGP identifier is 0.0.0.0") }
        guard configuration.isExternal || open.routerID != configuration.routerID else {
            throw .identifier("BGP identifier \(open.routerID) is our own")
        }
        guard open.holdTime == 0 || open.holdTime >= 3 else { throw .holdTime(open.holdTime) }
        if configuration.isExternal { try checkRole(open, configuration) }
    }

    /// RFC 9234 section 4.2: several capabilities must agree, and both sides' roles must fit.
    private static func checkRole(_ open: Open, _ configuration: PeerConfiguration) throws(OpenRefusal) {
        var theirs: UInt8?
        for case .role(let role) in open.capabilities {
            guard theirs == nil || theirs == role else { throw .role("peer says two roles in one OPEN") }
            theirs = role
        }
        guard let role = configuration.role else { return }
        guard let theirs else {
            if configuration.strictRole { throw .role("peer says no role, we need \(role.counterpart)") }
            return
        }
        guard theirs == role.counterpart.rawValue else {
            let name = BGPRole(rawValue: theirs).map { "\($0)" } ?? "number \(theirs)"
            throw .role("peer says its role is \(name), we are \(role) and need \(role.counterpart)")
        }
    }
}

extension [Capability] {
    fileprivate var haveFourOctetAS: Bool {
        contains { if case .fourOctetAS = $0 { true } else { false } }
    }

    /// Whether IPv4 prefixes with IPv6 next hops are understood (RFC 8950 section 4).
    var offersIPv4OverIPv6: Bool {
        contains { if case .extendedNextHop(let families) = $0 { families.contains(.ipv4OverIPv6) } else { false } }
    }

    /// What the capability says of a family; the last one counts, as the RFC does not say which.
    fileprivate func addPath(_ family: AddressFamily) -> AddPathFamily? {
        var found: AddPathFamily?
        for case .addPath(let families) in self {
            for one in families where one.afi == family.afi && one.safi == 1 { found = one }
        }
        return found
    }
}

extension Open {
    /// Unicast families announced; IPv4 alone when there is no multiprotocol capability at all (RFC 4760 section 8).
    fileprivate var families: FamilySet {
        var found: FamilySet = []
        var isMultiprotocol = false
        for case .multiprotocol(let afi, let safi) in capabilities {
            isMultiprotocol = true
            guard safi == 1, let family = AddressFamily(afi: afi) else { continue }
            found.insert(FamilySet(family))
        }
        return isMultiprotocol ? found : .ipv4
    }

    /// An AS number of this OPEN that is not `asNumber`: one capability twice, or the two-octet field, which has the
    /// same number unless it has AS_TRANS (RFC 6793 section 4.1).
    fileprivate var contradictingAS: ASNumber? {
        for case .fourOctetAS(let number) in capabilities where number != asNumber { return number }
        let field = ASNumber(rawValue: UInt32(autonomousSystem))
        return field == asNumber || field == .trans ? nil : field
    }

    /// The last one counts when there are several (RFC 4724 section 3).
    fileprivate var gracefulRestart: GracefulRestart? {
        var found: GracefulRestart?
        for case .gracefulRestart(let capability) in capabilities { found = capability }
        return found
    }
}

extension OpenRefusal {
    /// The data is the largest version we speak.
    fileprivate static func version(_ found: UInt8) -> Self {
        Self(notification: NotificationMessage(2, 1, [0, 4]), text: "peer says BGP version \(found), we speak 4")
    }

    fileprivate static func peerAS(_ found: ASNumber, _ wanted: ASNumber) -> Self {
        badAS(found, "peer says AS \(found), configured \(wanted)")
    }

    fileprivate static func ownAS(_ found: ASNumber) -> Self {
        badAS(found, "peer says AS \(found), which is ours; an external AS is wanted")
    }

    fileprivate static func role(_ text: String) -> Self {
        Self(notification: NotificationMessage(2, 11), text: text)
    }

    fileprivate static func contradiction(_ one: ASNumber, _ other: ASNumber) -> Self {
        badAS(one, "peer says AS \(other) and AS \(one) in one OPEN")
    }

    private static func badAS(_ found: ASNumber, _ text: String) -> Self {
        let data = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: found.rawValue >> UInt32($0)) }
        return Self(notification: NotificationMessage(2, 2, data), text: text)
    }

    fileprivate static func identifier(_ text: String) -> Self {
        Self(notification: NotificationMessage(2, 3), text: text)
    }

    fileprivate static func holdTime(_ found: UInt16) -> Self {
        let data = [UInt8(truncatingIfNeeded: found >> 8), UInt8(truncatingIfNeeded: found)]
        let text = "peer says hold time \(found) s, needs 0 or at least 3 s"
        return Self(notification: NotificationMessage(2, 6, data), text: text)
    }

    /// The data lists the capabilities we wanted (RFC 5492 section 5).
    fileprivate static func noCommonFamily(wanted: FamilySet) -> Self {
        let data = wanted.families.flatMap { [1, 4, 0, UInt8(truncatingIfNeeded: $0.afi), 0, 1] as [UInt8] }
        let names = wanted.families.map { "\($0)-unicast" }.joined(separator: ", ")
        return Self(notification: NotificationMessage(2, 7, data), text: "peer announces none of \(names)")
    }
}
