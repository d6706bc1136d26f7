/// Named timers of one owner, with the time passed in; the owner's loop arms one operating-system timer to `next`.
package struct TimerSet<Name: Hashable & Sendable>: Sendable {
    private var due: [Name: Instant] = [:]

    package init() {}

    /// The earliest deadline, or nil when no timer runs.
    package var next: Instant? { due.values.min() }

    /// When `name` is due, or nil when it does not run.
    package func deadline(_ name: Name) -> Instant? { due[name] }

    /// Starts or restarts a timer.
    package mutating func start(_ name: Name, after wait: Duration, at now: Instant) { due[name] = now + wait }

    package mutating func stop(_ name: Name) { due[name] = nil }

    package mutating func stopAll() { due = [:] }

    /// The expired timer that was due first. One at a time: its handler may stop the next one.
    package mutating func popExpired(at now: Instant) -> Name? {
        guard let (name, when) = due.min(by: { $0.value < $1.value }), when <= now else { return nil }
        due[name] = nil
        return name
    }
}
