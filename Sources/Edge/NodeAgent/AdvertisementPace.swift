import NetTypes

/// MinRouteAdvertisementInterval for one peer (RFC 4271 section 9.2.1.1): a round of UPDATEs goes out whole, and the
/// next one waits. What changes meanwhile is told once, as it is then.
struct AdvertisementPace {
    /// Zero: nothing waits.
    var interval: Duration {
        didSet { if interval < oldValue { next = nil } }
    }
    /// Before then no round begins.
    private var next: Instant?
    private var isRound = false

    init(interval: Duration = .zero) { self.interval = interval }

    /// Whether something may go out. A round that has begun goes on.
    mutating func mayBegin(at now: Instant) -> Bool {
        guard interval > .zero, !isRound else { return true }
        guard let next, next > now else { return true }
        return false
    }

    /// Octets went out.
    mutating func began() { isRound = true }

    /// Nothing is left to be told. `jitter` is the part of the interval, in 256ths, that is left out of it, up to a
    /// quarter (RFC 4271 section 10).
    mutating func ended(at now: Instant, jitter: UInt8) {
        guard isRound else { return }
        isRound = false
        let shortened: Duration = interval - (interval / 1024) * Int(jitter)
        next = interval > .zero ? now + shortened : nil
    }

    /// When a waiting round may begin.
    var deadline: Instant? { isRound ? nil : next }

    /// A new session: its first table waits for nothing.
    mutating func restart() {
        next = nil
        isRound = false
    }
}
