import NetTypes

/// Decides when what seems to be leaked may be taken back: it must have been seen so at least twice, with nothing to
/// the contrary in between, over a time of grace. An ADD that is at work looks like a leak for a moment.
package struct LeakWatch: Sendable {
    /// From the first observation to the last.
    package var grace: Duration
    /// Suspects, with the time of their first observation. A record's text says when it was made: another pod's record
    /// is another suspect, also under the same name.
    private var suspects: [StoredSuspect: Instant] = [:]

    package init(grace: Duration) { self.grace = grace }

    /// How many are watched.
    package var count: Int { suspects.count }

    /// Takes note of everything that seems leaked now, and returns what is surely so.
    package mutating func observe(_ leaked: [StoredSuspect], now: Instant) -> [StoredSuspect] {
        var next: [StoredSuspect: Instant] = [:]
        var certain: [StoredSuspect] = []
        for suspect in leaked {
            let first = suspects[suspect]
            next[suspect] = first ?? now
            if let first, now - first >= grace { certain.append(suspect) }
        }
        suspects = next
        return certain
    }
}

/// A file of a store that may be of a pod that is gone.
package struct StoredSuspect: Hashable, Sendable {
    package let network: String
    /// Name of the file.
    package let name: String
    package let text: String

    package init(network: String, name: String, text: String) {
        self.network = network
        self.name = name
        self.text = text
    }
}
