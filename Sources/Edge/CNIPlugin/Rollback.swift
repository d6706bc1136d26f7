/// Undoes, last first, whatever was added, unless `commit()` was reached: every early return and throw undoes.
package struct Rollback: ~Copyable {
    private var steps: [() -> Void] = []

    package init() {}

    package mutating func add(_ step: @escaping () -> Void) { steps.append(step) }

    package mutating func commit() { steps = [] }

    deinit {
        for step in steps.reversed() { step() }
    }
}
