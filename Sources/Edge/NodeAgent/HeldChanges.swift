import FIB
import NetTypes

/// Keeps changes back from the kernel while the node is drained: its sessions are down because we said so, and what was
/// learned on them is still good.
struct HeldChanges {
    enum Mode {
        case nothing
        /// The sessions are being shut down, or are: nothing of it reaches the kernel.
        case everything
        /// The sessions come back: what they announce is installed, what they have not announced yet stays.
        case removals
    }

    private(set) var mode = Mode.nothing
    /// The last change of each prefix.
    private var changes: [Prefix: FIBChange] = [:]

    /// Those of `new` that the kernel may be told now.
    mutating func pass(_ new: [FIBChange]) -> [FIBChange] {
        guard mode != .nothing else { return new }
        return new.filter { change in
            let isHeld = mode == .everything || change.isRemoval
            changes[change.prefix] = isHeld ? change : nil
            return !isHeld
        }
    }

    /// Changes the mode, and lets go of what it does not hold any more, by ascending prefix.
    mutating func set(_ new: Mode) -> [FIBChange] {
        mode = new
        let freed: [FIBChange]
        switch new {
        case .everything: return []
        case .removals: freed = changes.values.filter { !$0.isRemoval }
        case .nothing: freed = Array(changes.values)
        }
        for change in freed { changes[change.prefix] = nil }
        return freed.sorted { $0.prefix < $1.prefix }
    }
}
