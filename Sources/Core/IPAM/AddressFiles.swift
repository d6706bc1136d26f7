import NetTypes

/// A file operation of the store that failed.
package struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    package let operation: String
    /// errno.
    package let code: Int32
    /// The system's words for it.
    package let reason: String

    package init(operation: String, code: Int32, reason: String) {
        self.operation = operation
        self.code = code
        self.reason = reason
    }

    package var description: String { "\(operation): \(reason)" }
}

/// The small files of one network's directory. Each call is one step of the system's that is either done or not done
/// when we are killed, but for `write`, which may leave any beginning of its text.
package protocol AddressFiles {
    func exists(_ name: String) -> Bool
    /// The text of a file; nil when there is none.
    func read(_ name: String) throws(StoreError) -> String?
    /// Makes a file under a name that no reader looks at; what had the name before loses it, and is not written into.
    func write(_ name: String, _ text: String) throws(StoreError)
    /// Gives a file another name, if that name is free.
    func link(_ from: String, _ to: String) throws(StoreError)
    /// Changes a name; what had the new name before is gone.
    func rename(_ from: String, _ to: String) throws(StoreError)
    /// Takes a name away; one that is not there is gone already.
    func remove(_ name: String) throws(StoreError)
    func names() throws(StoreError) -> [String]
    /// Notes that an address has no owner any more since a time. The note may be lost when others are made.
    func setRest(_ address: IPAddress, since: Instant) throws(StoreError)
    /// When an address was released, as far as it is noted.
    func restsSince(_ address: IPAddress) -> Instant?
    /// All such notes.
    func rests() -> [(address: IPAddress, since: Instant)]
    /// The run of the machine that the files are of; empty in a new directory.
    var boot: String { get }
    /// Says which run of the machine the files are of from now on.
    func setBoot(_ id: String) throws(StoreError)
}

/// The names of the files that are neither an attachment's nor an address's.
package enum StoreName {
    /// flock of whoever writes; in it the machine's boot id, and when addresses were released.
    package static let lock = "lock"
    /// A record that is being made.
    static let new = ".new"
    /// What is to become `last.N`.
    static let newLast = ".last"

    /// What range set `index` gave out last.
    static func last(_ index: Int) -> String { "last.\(index)" }

    /// Whether a name is an attachment's or an address's.
    package static func isRecord(_ name: String) -> Bool {
        name != lock && !name.hasPrefix("last.") && !name.hasPrefix(".")
    }
}
