import NetTypes

extension SplitMix {
    /// Three quarters of `time`, up to all of it (RFC 4271 section 10).
    mutating func jittered(_ time: Duration) -> Duration {
        let whole = max(0, time.nanoseconds)
        let quarter = UInt64(whole / 4)
        return .nanoseconds(whole - Int64(next() % (quarter + 1)))
    }
}
