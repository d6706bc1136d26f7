/// A point on a monotonic clock. Core never reads a clock: instants are passed in as `now`.
package struct Instant: Hashable, Comparable, Sendable, BitwiseCopyable {
    /// Nanoseconds since an origin that all instants of a process share.
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }

    package static func + (a: Self, b: Duration) -> Self { Self(nanoseconds: a.nanoseconds &+ b.nanoseconds) }

    package static func - (a: Self, b: Self) -> Duration { .nanoseconds(a.nanoseconds &- b.nanoseconds) }
}

extension Duration {
    /// Whole nanoseconds; lengths beyond 292 years are cut.
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, overflowed) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflowed ? .max : sum
    }

    /// Whole seconds, cut towards zero.
    package var wholeSeconds: Int64 { components.seconds }
}
