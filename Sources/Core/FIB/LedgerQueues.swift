import NetTypes

/// Entries to be looked at, oldest first. Each is in it once: `RouteEntry.isQueued`.
struct WorkQueue: Sendable {
    private var waiting: [RouteID] = []
    private var read = 0

    var isEmpty: Bool { read == waiting.count }

    mutating func append(_ id: RouteID) { waiting.append(id) }

    mutating func popFirst() -> RouteID? {
        guard read < waiting.count else { return nil }
        let id = waiting[read]
        read += 1
        waiting.dropRead(&read)
        return id
    }
}

/// Failed operations and when to try them again: after 1 s, doubling up to 30 s.
struct RetryCalendar: Sendable {
    private struct Failure {
        var text: String
        var attempts: Int
        var due: Instant
    }

    private var failures: [Prefix: Failure] = [:]
    /// Prefixes by the second in which they are due, so that 100,000 failures cost no search.
    private var days: [Int64: [Prefix]] = [:]

    /// The end of the earliest second in which something is due.
    var next: Instant? { days.keys.min().map { Instant(nanoseconds: ($0 + 1) * 1_000_000_000) } }

    func text(_ prefix: Prefix) -> String? { failures[prefix]?.text }

    func isWaiting(_ prefix: Prefix, at now: Instant) -> Bool {
        !failures.isEmpty && failures[prefix].map { $0.due > now } ?? false
    }

    /// Counts a failure; `wait` overrides the back-off.
    mutating func fail(_ prefix: Prefix, _ text: String, after wait: Duration? = nil, at now: Instant) {
        let attempts = (failures[prefix]?.attempts ?? 0) + 1
        let due = now + (wait ?? .seconds(min(1 << min(attempts - 1, 5), 30)))
        failures[prefix] = Failure(text: text, attempts: attempts, due: due)
        days[due.nanoseconds / 1_000_000_000, default: []].append(prefix)
    }

    mutating func forget(_ prefix: Prefix) {
        if failures.isEmpty { return }
        failures[prefix] = nil
    }

    /// Prefixes whose time has come. They stay known as failed until `forget`.
    mutating func popDue(at now: Instant) -> [Prefix] {
        if days.isEmpty { return [] }
        var due: [Prefix] = []
        for day in days.keys.filter({ ($0 + 1) * 1_000_000_000 <= now.nanoseconds }) {
            due += (days.removeValue(forKey: day) ?? []).filter { failures[$0] != nil }
        }
        return due
    }
}

/// Notices when another program and we keep undoing each other's work: more than five rounds in a minute are a fight.
///
/// Who flushes a table goes over it until nothing is left, and `ip` does so ten times: a route that is put back at once
/// each time is lost ten times in a few milliseconds. That is one round, and the route comes back after it.
struct ContestCounter: Sendable {
    /// Losses closer than this belong to one round.
    private static let round = Duration.seconds(1)
    /// How long a round is waited for at least; the calendar makes up to a second more of it.
    private static let breath = Duration.milliseconds(500)
    /// How long a fight is left to the other program.
    private static let truce = Duration.seconds(15)

    private var losses: [Prefix: (rounds: Int, since: Instant, last: Instant)] = [:]

    /// How long to leave a route that was lost now; nil: it is put back at once.
    mutating func pause(_ prefix: Prefix, at now: Instant) -> Duration? {
        // Old ones are forgotten when the list has grown, so that it cannot grow for ever.
        if losses.count > 10_000 { losses = losses.filter { now - $0.value.since < .seconds(60) } }
        guard var loss = losses[prefix], now - loss.since < .seconds(60) else {
            losses[prefix] = (1, now, now)
            return nil
        }
        let isSameRound = now - loss.last < Self.round
        if !isSameRound { loss.rounds += 1 }
        loss.last = now
        losses[prefix] = loss
        if loss.rounds > 5 { return Self.truce }
        return isSameRound ? Self.breath : nil
    }
}
