import NetTypes

/// Decides which refused connections are worth a line: the first few, then one a minute that counts the others.
struct RefusalLog {
    private static let burst = 5
    private static let pause = Duration.seconds(60)

    private var left = Self.burst
    private var refilled = Instant(nanoseconds: 0)
    private var counted = 0
    private var last = ""
    /// When `summary` has something to say.
    private(set) var deadline: Instant?

    /// The line for one refusal; nil: it is only counted.
    mutating func note(_ address: String, _ reason: String, at now: Instant) -> LogLine? {
        if deadline == nil, now - refilled >= Self.pause { (left, refilled) = (Self.burst, now) }
        guard left > 0 else {
            counted += 1
            last = address
            deadline = deadline ?? now + Self.pause
            return nil
        }
        left -= 1
        return .refused(address: address, reason)
    }

    /// The line for those that were counted, once it is time.
    mutating func summary(at now: Instant) -> LogLine? {
        guard let deadline, deadline <= now else { return nil }
        self.deadline = nil
        refilled = now
        // While it goes on, there is only this line each minute.
        defer { counted = 0 }
        return .refusedMany(counted, last: last)
    }
}
