import NetTypes

/// One session: the machine of RFC 5880 section 6.8 in asynchronous mode, without echo, and without demand mode of our
/// own; a peer's demand mode is honoured. Pure: time and chance are passed in, and what is to be sent is told.
package struct BFDSession: Sendable {
    /// What the owner must do after a call.
    package struct Reaction: Sendable, Hashable {
        /// A packet is to be sent now; `nextPacket` makes it.
        package var sends = false
        /// It answers a poll.
        package var isFinal = false
        package var change: BFDChange?

        package init() {}
    }

    /// Why a packet was not taken over.
    package enum Refusal: Error, Hashable, Sendable {
        /// It is signed and we are not, or the other way round, or with another key or kind.
        case authentication
        /// Its sequence number was seen before, or is too far away.
        case sequence
        case digest
        case hopLimit
    }

    package private(set) var settings: BFDSettings
    package private(set) var key: PacketKey?
    /// bfd.LocalDiscr
    package let discriminator: UInt32
    package private(set) var state = BFDState.down
    package private(set) var diagnostic = Diagnostic.none
    /// What the peer said last; nil: nothing since it was heard last.
    package private(set) var peer: ControlPacket?
    package private(set) var counters = BFDCounters()
    package private(set) var since: Instant
    /// How it left Up last, and when.
    package private(set) var lastDown: (change: BFDChange, at: Instant)?

    /// Microseconds that are in effect, which lag behind the settings while a poll asks the peer (section 6.8.3).
    private var effectiveTx: UInt32
    private var effectiveRx: UInt32
    private var isPolling = false
    /// What is polled for has changed since the poll began.
    private var pollsAgain = false
    private var numbers: SequenceNumbers
    private var lastSent: Instant?
    private var lastReceived: Instant?
    /// When the next periodic packet is due; nil: none is.
    private var transmission: Instant?
    /// What was sent last, but for poll and final: a difference is told at once.
    private var lastContent: ControlPacket?
    private var random: SplitMix

    /// `seed` drives jitter and the first sequence number.
    package init(_ settings: BFDSettings, key: PacketKey?, discriminator: UInt32, seed: UInt64, at now: Instant) {
        self.settings = settings
        self.key = key
        self.discriminator = discriminator
        since = now
        random = SplitMix(seed: seed)
        numbers = SequenceNumbers(received: nil, sent: 0)
        effectiveTx = BFDSettings.slowInterval.microseconds
        effectiveRx = settings.requiredMinRx.microseconds
        numbers.sent = UInt32(truncatingIfNeeded: random.next())
        schedule(at: now)
    }

    // MARK: What happens

    /// A packet for this session has come. `bytes` are its octets, which a digest covers.
    package mutating func receive(
        _ packet: ControlPacket, _ bytes: RawSpan, hopLimit: UInt8, at now: Instant
    ) throws(Refusal) -> Reaction {
        guard hopLimit >= settings.minimumHopLimit else { throw refuse(.hopLimit) }
        try authenticate(packet, bytes)
        counters.received += 1
        let firstWord = peer == nil
        peer = packet
        lastReceived = now
        if packet.final, isPolling { endPoll() }
        var reaction = Reaction()
        guard state != .adminDown else { return reaction }
        reaction.change = step(BFDEvent(receiving: packet.state), at: now)
        // Without respect to the timer (section 6.8.7), a peer's question, and what is new here.
        reaction.isFinal = packet.poll
        reaction.sends = packet.poll || reaction.change != nil || firstWord && settings.isPassive
        schedule(at: now)
        return reaction
    }

    /// Does what is due.
    package mutating func tick(at now: Instant) -> Reaction {
        var reaction = Reaction()
        if let detection = detectionDeadline, detection <= now {
            reaction.change = step(.detectionTimeExpired, at: now)
            reaction.sends = reaction.change != nil
            forgetPeer()
            schedule(at: now)
        }
        if let forgetting = sequenceDeadline, forgetting <= now { numbers.received = nil }
        if let transmission, transmission <= now { reaction.sends = true }
        return reaction
    }

    /// When `tick` must be called next.
    package var nextDeadline: Instant? {
        earlier(transmission, earlier(detectionDeadline, sequenceDeadline))
    }

    private func earlier(_ one: Instant?, _ other: Instant?) -> Instant? {
        guard let one, let other else { return one ?? other }
        return min(one, other)
    }

    /// Switches the session off, which the peer is told and does not take for a failure, or on again.
    package mutating func setEnabled(_ isEnabled: Bool, at now: Instant) -> Reaction {
        var reaction = Reaction()
        reaction.change = step(isEnabled ? .enable : .disable, at: now)
        reaction.sends = reaction.change != nil
        schedule(at: now)
        return reaction
    }

    /// Takes over other settings while the session goes on: by a poll, where it is Up (section 6.8.3).
    package mutating func change(_ new: BFDSettings, key: PacketKey?, at now: Instant) {
        let isNewKey = key?.kind != self.key?.kind || key?.keyID != self.key?.keyID
        if isNewKey { numbers.received = nil }
        self.key = key
        guard new != settings else { return }
        settings = new
        let (tx, rx) = (wantedTx, settings.requiredMinRx.microseconds)
        if state == .up {
            // Slower packets, and a shorter patience, wait until the peer has agreed.
            if tx < effectiveTx { effectiveTx = tx }
            if rx > effectiveRx { effectiveRx = rx }
            beginPoll()
        } else {
            (effectiveTx, effectiveRx) = (tx, rx)
        }
        schedule(at: now)
    }

    // MARK: What is sent

    /// The packet that is to be sent now, signed; the next periodic one is due an interval later.
    package mutating func nextPacket(isFinal: Bool, into writer: inout ByteWriter, at now: Instant) -> [UInt8] {
        var packet = content
        let isNew = packet != lastContent
        lastContent = packet
        packet.final = isFinal
        packet.poll = isPolling && !isFinal
        if let key {
            if key.kind == .meticulousSHA1 || isNew { numbers.sent &+= 1 }
            packet.authentication = .init(type: key.kind.rawValue, keyID: key.keyID, sequence: numbers.sent)
        }
        writer.removeAll()
        packet.encode(into: &writer)
        counters.sent += 1
        lastSent = now
        schedule(at: now, isSent: true)
        guard let key else { return writer.bytes }
        var bytes = writer.bytes
        let digest = key.digest(bytes)
        guard digest.count == ControlPacket.digestRange.count else { return bytes }
        bytes.replaceSubrange(ControlPacket.digestRange, with: digest)
        return bytes
    }

    /// What the packet says, but for poll, final and authentication.
    private var content: ControlPacket {
        var packet = ControlPacket(
            state: state, multiplier: settings.multiplier, discriminator: discriminator,
            peerDiscriminator: peer?.discriminator ?? 0, desiredMinTx: wantedTx,
            requiredMinRx: settings.requiredMinRx.microseconds)
        packet.diagnostic = diagnostic
        return packet
    }

    // MARK: Times

    /// bfd.DesiredMinTxInterval
    private var wantedTx: UInt32 {
        let wanted = settings.desiredMinTx.microseconds
        return state == .up ? wanted : max(wanted, BFDSettings.slowInterval.microseconds)
    }

    /// Between our packets, without jitter.
    package var transmitInterval: Duration { .microseconds(of: max(effectiveTx, peer?.requiredMinRx ?? 1)) }

    /// How long nothing may be heard (section 6.8.4); nil: the peer has not been heard.
    package var detectionTime: Duration? {
        peer.map { .microseconds(of: max(effectiveRx, $0.desiredMinTx)) * Int($0.multiplier) }
    }

    private var detectionDeadline: Instant? {
        guard let lastReceived, let detectionTime, peer != nil else { return nil }
        return lastReceived + detectionTime
    }

    /// When a peer's sequence numbers may begin anew: twice the detection time after the last packet.
    private var sequenceDeadline: Instant? {
        guard key != nil, numbers.received != nil, let lastReceived else { return nil }
        return lastReceived + (detectionTime ?? forgottenDetectionTime) * 2
    }

    private var forgottenDetectionTime = Duration.seconds(3)

    /// Whether packets are sent by the clock (section 6.8.7).
    private var isPeriodic: Bool {
        if settings.isPassive, peer == nil { return false }
        guard let peer else { return true }
        if peer.requiredMinRx == 0 { return false }
        return !(peer.demand && state == .up && peer.state == .up && !isPolling)
    }

    /// Sets the time of the next periodic packet anew: the peer may want them more often than it did.
    private mutating func schedule(at now: Instant, isSent: Bool = false) {
        guard isPeriodic else { return transmission = nil }
        let interval = transmitInterval
        guard isSent || interval != scheduledInterval || transmission == nil else { return }
        scheduledInterval = interval
        transmission = max(now, (lastSent ?? now) + jittered(interval))
        if lastSent == nil { transmission = now }
    }

    private var scheduledInterval = Duration.zero

    /// 75 to 100 % of an interval; to 90 % where one lost packet is the end (section 6.8.7).
    private mutating func jittered(_ interval: Duration) -> Duration {
        let span = settings.multiplier == 1 ? 150 : 250
        let most: Int64 = settings.multiplier == 1 ? 900 : 1000
        let thousandths = most - Int64(random.next() % UInt64(span + 1))
        return .nanoseconds(interval.nanoseconds / 1000 * thousandths)
    }

    // MARK: Steps

    private mutating func step(_ event: BFDEvent, at now: Instant) -> BFDChange? {
        guard let (next, why) = state.next(event) else { return nil }
        let change = BFDChange(
            from: state, to: next, event: event, peerDiagnostic: peer?.diagnostic ?? .none,
            peerIsIndependent: peer?.isIndependent ?? false)
        (state, diagnostic, since) = (next, why, now)
        if next == .up { counters.ups += 1 }
        if change.from == .up {
            counters.downs += 1
            lastDown = (change, now)
        }
        // Slow while not Up; the way to the configured interval is a poll (section 6.8.3).
        (effectiveTx, effectiveRx) = (wantedTx, settings.requiredMinRx.microseconds)
        (isPolling, pollsAgain) = (false, false)
        if next == .up { beginPoll() }
        return change
    }

    private mutating func beginPoll() {
        if isPolling { pollsAgain = true }
        isPolling = true
    }

    private mutating func endPoll() {
        isPolling = pollsAgain
        pollsAgain = false
        guard !isPolling else { return }
        (effectiveTx, effectiveRx) = (wantedTx, settings.requiredMinRx.microseconds)
    }

    /// The peer has been silent for the detection time: it may be another one when it speaks again (section 6.8.1).
    private mutating func forgetPeer() {
        forgottenDetectionTime = detectionTime ?? forgottenDetectionTime
        peer = nil
        (isPolling, pollsAgain) = (false, false)
    }

    // MARK: Authentication

    /// The rules of section 6.7.4, and those of 6.8.6 about packets with or without a section.
    private mutating func authenticate(_ packet: ControlPacket, _ bytes: RawSpan) throws(Refusal) {
        guard let key else {
            if packet.authentication != nil { throw refuse(.authentication) }
            return
        }
        guard let section = packet.authentication, section.type == key.kind.rawValue, section.keyID == key.keyID else {
            throw refuse(.authentication)
        }
        guard numbers.admits(section.sequence, kind: key.kind, multiplier: packet.multiplier) else {
            throw refuse(.sequence)
        }
        let digests = ControlPacket.digestRange
        let octets = bytes.copy(0..<digests.upperBound)
        let (found, wanted) = (octets.dropFirst(digests.lowerBound), key.digest(octets))
        // Every octet is looked at, so that time tells nothing about them.
        let difference = zip(found, wanted).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) }
        guard octets.count == digests.upperBound, wanted.count == digests.count, difference == 0 else {
            throw refuse(.digest)
        }
        numbers.received = section.sequence
    }

    private mutating func refuse(_ refusal: Refusal) -> Refusal {
        counters.discarded += 1
        return refusal
    }
}
