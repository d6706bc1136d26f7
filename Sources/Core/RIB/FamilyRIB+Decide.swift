import BGPWire
import NetTypes

extension FamilyRIB {
    /// The best path of a prefix.
    func best(_ id: UInt32) -> PathEntry? {
        let best = entries[Int(id)].best
        return best == 0 ? nil : paths[Int(best - 1)]
    }

    /// Decides for a prefix, and marks it dirty when the outcome is not what it was. `touched` is a path whose content
    /// changed.
    mutating func decide(_ id: UInt32, touched: UInt32?, in context: inout Context) {
        let entry = entries[Int(id)]
        var changed = false
        var isNewBest = false
        if let touched {
            changed = paths[Int(touched)].isEqual
            isNewBest = entry.best == touched + 1
        }
        let best: UInt32
        let reason: DecisionStep
        if entry.head == 0 {
            (best, reason) = (0, .onlyPath)
        } else if paths[Int(entry.head - 1)].next == 0 {
            // One path only, by far the most common case: nothing to compare.
            let usable = paths[Int(entry.head - 1)].reject == .none
            best = usable ? entry.head : 0
            reason = .onlyPath
            if paths[Int(entry.head - 1)].isEqual != usable {
                paths[Int(entry.head - 1)].isEqual = usable
                changed = true
            }
        } else {
            (best, reason) = compare(entry.head, in: context, changed: &changed)
        }
        if best != entry.best {
            if entry.best != 0 { counts[Int(paths[Int(entry.best - 1)].peer.rawValue)].best -= 1 }
            if best != 0 { counts[Int(paths[Int(best - 1)].peer.rawValue)].best += 1 }
            isNewBest = true
        }
        entries[Int(id)].best = best
        entries[Int(id)].reason = reason
        if isNewBest || changed || tellsAllPaths { markDirty(id, isNewBest ? .best : changed ? .set : .paths) }
    }

    /// Decides for every prefix anew, after a change of the rules that paths are compared by.
    mutating func decideAll(in context: inout Context) {
        for id in entries.indices where entries[id].head != 0 { decide(UInt32(id), touched: nil, in: &context) }
    }

    private mutating func compare(_ head: UInt32, in context: borrowing Context, changed: inout Bool) -> (
        UInt32, DecisionStep
    ) {
        addCandidates(head, context) { _ in true }
        decision.run()
        let equal = multipath(decision, context)
        var cursor = head
        while cursor != 0 {
            let index = cursor - 1
            let isEqual = equal.contains { $0.path == index }
            if paths[Int(index)].isEqual != isEqual {
                paths[Int(index)].isEqual = isEqual
                changed = true
            }
            cursor = paths[Int(index)].next
        }
        return (decision.candidates.first.map { $0.path + 1 } ?? 0, decision.reason)
    }

    /// Fills `decision` with the usable paths of a chain that pass `filter`.
    private mutating func addCandidates(_ head: UInt32, _ context: borrowing Context, _ filter: (UInt32) -> Bool) {
        decision.removeAll()
        var cursor = head
        while cursor != 0 {
            let path = paths[Int(cursor - 1)]
            if path.reject == .none, filter(cursor - 1) { decision.add(candidate(cursor - 1, path, context)) }
            cursor = path.next
        }
    }

    /// A path as the decision sees it.
    func candidate(_ index: UInt32, _ path: PathEntry, _ context: borrowing Context) -> Candidate {
        var candidate = context.candidate(index, path)
        candidate.pathID = pathID(index)
        return candidate
    }

    /// Appends at most `most` usable paths of a prefix: the ECMP set, the best one first, then what the decision
    /// process would choose if those before were not there.
    mutating func rank(_ id: UInt32, most: Int, _ context: borrowing Context, into ranked: inout [UInt32]) {
        let head = entries[Int(id)].head
        guard head != 0 else { return }
        let start = ranked.count
        while ranked.count - start < most {
            addCandidates(head, context) { index in !ranked[start...].contains(index) }
            guard !decision.candidates.isEmpty else { return }
            decision.run()
            // In one round only as many as share traffic: the next ones are behind the whole ECMP set.
            let equal = min(decision.equalCount, context.maximumPaths, most - (ranked.count - start))
            for candidate in decision.candidates.prefix(max(1, equal)) { ranked.append(candidate.path) }
        }
    }

    /// Appends the usable paths of a prefix, in no order.
    func usable(_ id: UInt32, into list: inout [UInt32], where filter: (PathEntry) -> Bool = { _ in true }) {
        var cursor = entries[Int(id)].head
        while cursor != 0 {
            let path = paths[Int(cursor - 1)]
            if path.reject == .none, filter(path) { list.append(cursor - 1) }
            cursor = path.next
        }
    }
}
