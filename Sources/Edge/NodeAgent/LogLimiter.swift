import NetTypes

/// Keeps one cause, which somebody else can repeat as fast as he likes, from filling the log: it is said once a minute,
/// and then how often it was left out.
struct LogLimiter<Cause: Hashable & Sendable>: Sendable {
    /// How long a cause is silent after it was said.
    static var silence: Duration { .seconds(60) }
    /// Causes that are remembered at once; of more than these none is said until one of these may be said again.
    static var mostCauses: Int { 64 }

    private struct Record {
        var since: Instant
        var leftOut = 0
    }

    private var records: [Cause: Record] = [:]
    /// Of causes that were too many to be remembered.
    private var others = 0

    init() {}

    /// How many lines were left out since the last one of this cause, when it is to be said now; nil when it is not.
    mutating func admit(_ cause: Cause, at now: Instant) -> Int? {
        if let record = records[cause] {
            guard now - record.since >= Self.silence else {
                records[cause]?.leftOut += 1
                return nil
            }
            records[cause] = Record(since: now)
            return record.leftOut + takeOthers()
        }
        if records.count >= Self.mostCauses { forget(before: now) }
        guard records.count < Self.mostCauses else {
            others += 1
            return nil
        }
        records[cause] = Record(since: now)
        return takeOthers()
    }

    /// Forgets causes that may be said again; what was left out of them is told with the next line.
    private mutating func forget(before now: Instant) {
        for (cause, record) in records where now - record.since >= Self.silence {
            others += record.leftOut
            records[cause] = nil
        }
    }

    private mutating func takeOthers() -> Int {
        defer { others = 0 }
        return others
    }
}

/// Leave to write: some lines at once, and then one a second.
struct LogAllowance: Sendable {
    private static let most = 10

    private var left = most
    private var granted = Instant(nanoseconds: 0)

    /// When a line that was not granted will be.
    var next: Instant { granted + .seconds(1) }

    /// Whether a line may be written now.
    mutating func take(at now: Instant) -> Bool {
        left = Int(min(Int64(Self.most), Int64(left) + max(0, (now - granted).wholeSeconds)))
        guard left > 0 else { return false }
        left -= 1
        granted = now
        return true
    }
}
