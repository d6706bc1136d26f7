import BGPSession
import DispatchIO
import NetTypes

/// Why a peer may be silent. A wrong password or hop limit leaves no trace but the kernel's counters.
struct SilenceWatch {
    /// Readings further back say nothing of today's trouble.
    private static let memory = Duration.seconds(30)
    /// Who asks often does not get shorter memories.
    private static let pace = Duration.seconds(1)

    private var readings: [(at: Instant, counters: TCPCounters)] = []

    /// Forgets what was before, and begins with these counters.
    mutating func restart(_ counters: TCPCounters?, at now: Instant) {
        readings = counters.map { [(now, $0)] } ?? []
    }

    /// What happened since the oldest reading in memory, the given one being the newest.
    mutating func rise(to counters: TCPCounters, at now: Instant) -> TCPCounters {
        while readings.count > 1, now - readings[1].at >= Self.memory { readings.removeFirst() }
        defer { if readings.last.map({ now - $0.at >= Self.pace }) ?? true { readings.append((now, counters)) } }
        return readings.first.map { counters.since($0.counters) } ?? TCPCounters()
    }

    /// What to look at, in words; nil: nothing points anywhere.
    static func advice(_ rise: TCPCounters, hasPassword: Bool, options: TCPOptions, isOnLink: Bool) -> String? {
        if hasPassword, rise.wrongSignature > 0 {
            return "this node dropped \(count(rise.wrongSignature)) with a wrong TCP MD5 signature:"
                + " the peer may have another password"
        }
        if hasPassword, rise.missingSignature > 0 {
            return "this node dropped \(count(rise.missingSignature)) without a TCP MD5 signature:"
                + " the peer may have no password"
        }
        if !hasPassword, rise.unexpectedSignature > 0 {
            return "this node dropped \(count(rise.unexpectedSignature)) with a TCP MD5 signature:"
                + " the peer may want a password, set passwordFile"
        }
        if options.minimumHopLimit > 0, rise.lowHopLimit > 0 {
            return "this node dropped \(count(rise.lowHopLimit)) with a hop limit below \(options.minimumHopLimit):"
                + " the peer may be further away than ttlSecurity says, or have no TTL security itself"
        }
        if options.hopLimit == 1, !isOnLink {
            return "the peer is on no link of this node, and an external peer must be unless multihop is set"
        }
        return nil
    }

    private static func count(_ number: UInt64) -> String { number == 1 ? "1 segment" : "\(number) segments" }
}

extension PeerLoop {
    /// The machine's status; while the session is down with what may be the cause.
    func status() -> PeerStatus {
        let now = Instant.now
        var status = machine.status(at: now)
        // Not shut down by anybody: it only does not know where to call.
        if waiting != nil { status.isStopped = false }
        guard let advice = advice(at: now) else { return status }
        let error = status.lastError
        status.lastError = SessionError(
            direction: error?.direction ?? .local, notification: error?.notification,
            text: error.map { "\($0.text); \(advice)" } ?? advice, at: error?.at ?? now)
        return status
    }

    /// Says once in the log why nothing comes back.
    func logAdvice() {
        let advice = advice(at: .now)
        guard advice != lastAdvice else { return }
        lastAdvice = advice
        if let advice { LogLine.peerAdvice(peer: name, advice).log(to: logger) }
    }

    private func advice(at now: Instant) -> String? {
        guard session == nil, let address = target?.address, let counters = TCPCounters.read() else { return nil }
        return SilenceWatch.advice(
            silence.rise(to: counters, at: now), hasPassword: settings.secret.map { $0.algorithm == nil } ?? false,
            options: settings.options,
            isOnLink: address.needsScope || LocalLinks.reach(address))
    }
}
