/// Undoes, last first, whatever was added, unless `commit()` was reached: every early return and throw undoes.
package struct Rollback: ~Copyable {
    /// All steps as one, and not a list: a process's first list of functions costs more than what is in it.
    private var steps: (() -> Void)?

    package init() {}

    package mutating func add(_ step: @escaping () -> Void) {
        let earlier = steps
        steps = {
            step()
            earlier?()
        }
    }

    package mutating func commit() { steps = nil }

    deinit { steps?() }
}
