import NetTypes

/// Finds the one router at the other end of a link, and lets itself be found: both sides send router advertisements and
/// take each other's source address. Pure: events and `now` in, what to do out.
package struct LinkDiscovery: Sendable {
    /// What the owner must do.
    package enum Action: Sendable, Hashable {
        /// Send a message out of the link's interface.
        case send(RouterMessage, to: IPv6Address)
        /// The neighbour is there, or has another address now.
        case found(IPv6Address)
        /// The link is down: there is no neighbour.
        case lost
    }

    /// The longest time between two advertisements; each wait is shortened by up to a quarter (RFC 4861 section
    /// 6.2.4).
    package static let advertisementTime = Duration.seconds(10)
    /// A neighbour that was silent for this long may be another one by now.
    package static let silenceTime = Duration.seconds(25)
    /// Between solicitations, and how many there are (RFC 4861 section 10).
    private static let solicitationTime = Duration.seconds(4)
    private static let solicitations = 3
    /// Between answers: who solicits faster does not get more.
    private static let answerTime = Duration.seconds(1)

    private enum Timer: Sendable, Hashable { case advertise, solicit, answer }

    /// The neighbour's link-local address; nil: not found yet.
    package private(set) var neighbor: IPv6Address?
    private var neighborLinkAddress: MACAddress?
    private var lastHeard = Instant(nanoseconds: 0)
    private var linkAddress: MACAddress?
    private var isUp = false
    private var solicitationsLeft = 0
    private var lastAnswer: Instant?
    private var timers = TimerSet<Timer>()
    private var jitter: UInt64

    /// `seed` drives the jitter.
    package init(seed: UInt64) { jitter = seed }

    /// When `tick` must be called next.
    package var nextDeadline: Instant? { timers.next }

    // MARK: events

    /// The link can be used, and `linkAddress` is our end's. Nothing when that was known.
    package mutating func up(_ linkAddress: MACAddress?, at now: Instant) -> [Action] {
        guard !isUp || linkAddress != self.linkAddress else { return [] }
        self.linkAddress = linkAddress
        isUp = true
        solicitationsLeft = Self.solicitations
        return solicit(at: now) + [advertise(at: now)]
    }

    /// The link cannot be used: what was known of it is void.
    package mutating func down() -> [Action] {
        guard isUp else { return [] }
        isUp = false
        timers.stopAll()
        lastAnswer = nil
        neighborLinkAddress = nil
        defer { neighbor = nil }
        return neighbor == nil ? [] : [.lost]
    }

    /// A message came that `RouterMessage.decode` believes.
    package mutating func received(_ message: RouterMessage, from source: IPv6Address, at now: Instant) -> [Action] {
        guard isUp else { return [] }
        switch message {
        case .solicitation: return answer(at: now)
        case .advertisement(let advertisement): return heard(advertisement, from: source, at: now)
        }
    }

    /// The neighbour has called us from this address before it was heard of: as good as an advertisement.
    package mutating func learned(_ address: IPv6Address, at now: Instant) -> [Action] {
        guard isUp, address != neighbor else { return [] }
        return take(address, nil, at: now)
    }

    /// Runs the timers that are due.
    package mutating func tick(at now: Instant) -> [Action] {
        var actions: [Action] = []
        while let timer = timers.popExpired(at: now) {
            switch timer {
            case .advertise, .answer: actions.append(advertise(at: now))
            case .solicit: actions += solicit(at: now)
            }
        }
        return actions
    }

    // MARK: inside

    private mutating func heard(
        _ advertisement: RouterAdvertisement, from source: IPv6Address, at now: Instant
    ) -> [Action] {
        if source == neighbor {
            lastHeard = now
            neighborLinkAddress = advertisement.linkAddress ?? neighborLinkAddress
            return []
        }
        // A second router does not take the place of the first, but the same one with a new address does, at once.
        let isSame = advertisement.linkAddress != nil && advertisement.linkAddress == neighborLinkAddress
        guard neighbor == nil || isSame || now - lastHeard >= Self.silenceTime else { return [] }
        return take(source, advertisement.linkAddress, at: now)
    }

    private mutating func take(_ address: IPv6Address, _ linkAddress: MACAddress?, at now: Instant) -> [Action] {
        neighbor = address
        neighborLinkAddress = linkAddress
        lastHeard = now
        solicitationsLeft = 0
        timers.stop(.solicit)
        // It may not have heard of us yet.
        return [.found(address)] + answer(at: now)
    }

    /// Advertises at once, unless that was done just now.
    private mutating func answer(at now: Instant) -> [Action] {
        if let lastAnswer, now - lastAnswer < Self.answerTime {
            if timers.deadline(.answer) == nil {
                timers.start(.answer, after: Self.answerTime - (now - lastAnswer), at: now)
            }
            return []
        }
        return [advertise(at: now)]
    }

    private mutating func advertise(at now: Instant) -> Action {
        lastAnswer = now
        timers.stop(.answer)
        timers.start(.advertise, after: jittered(Self.advertisementTime), at: now)
        return .send(
            .advertisement(RouterAdvertisement(lifetime: 0, linkAddress: linkAddress)), to: RouterMessage.allNodes)
    }

    private mutating func solicit(at now: Instant) -> [Action] {
        guard solicitationsLeft > 0, neighbor == nil else { return [] }
        solicitationsLeft -= 1
        timers.start(.solicit, after: Self.solicitationTime, at: now)
        return [.send(.solicitation(linkAddress), to: RouterMessage.allRouters)]
    }

    /// Less up to a quarter, so that the nodes of a rack do not speak in chorus.
    private mutating func jittered(_ time: Duration) -> Duration {
        jitter = jitter &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return time - time / 4 * Int(jitter >> 56) / 256
    }
}
