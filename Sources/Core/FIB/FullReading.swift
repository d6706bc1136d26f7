/// What is known of the kernel's routes, and beside it what a full reading of them has found so far.
struct FullReading<Contents: Equatable & Sendable>: Sendable {
    var known: Contents
    private let empty: Contents
    private var found: Contents?

    init(_ empty: Contents) { (known, self.empty) = (empty, empty) }

    mutating func begin() { found = empty }

    /// Takes something over; without a reading it is nothing.
    mutating func read(_ add: (inout Contents) -> Void) {
        guard var contents = found else { return }
        found = nil
        add(&contents)
        found = contents
    }

    /// What was not found is not there. True: something is different now.
    mutating func end() -> Bool {
        guard let found else { return false }
        self.found = nil
        defer { known = found }
        return known != found
    }

    /// A reading that broke off tells nothing.
    mutating func abandon() { found = nil }
}
