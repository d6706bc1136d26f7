import NetTypes

/// Why a pod gets no address.
package enum AllocationProblem: Error, Hashable, Sendable {
    /// Every address of a set is taken.
    case exhausted(RangeSet)
    /// A wished address lies in no range, or is a gateway.
    case notOurs(IPAddress)
    /// A wished address is taken.
    case taken(IPAddress)
    /// A wished address is one of those that nobody gets.
    case reserved(IPAddress)
    /// Every address of a set is taken or rests after its last owner.
    case resting(RangeSet)
}

/// Chooses the addresses of a pod: one of each range set.
///
/// The search starts after the address given out last and goes round, so that a released address rests as long as
/// possible (neighbour caches and connections of its last owner run out first), and the next free one is nearly
/// always the first tried.
package struct Allocator: Sendable {
    package let sets: [RangeSet]
    /// Addresses that nobody gets, asked for or not.
    package var reserved: [ClosedRange<IPAddress>] = []

    /// Range sets must not overlap: each has a memory of its own of what came last.
    package init(_ sets: [RangeSet]) throws(RangeProblem) {
        for (index, set) in sets.enumerated() where sets[..<index].contains(where: set.overlaps) {
            throw RangeProblem(reason: "range sets overlap")
        }
        guard !sets.isEmpty else { throw RangeProblem(reason: "there is no range to allocate from") }
        self.sets = sets
    }

    /// Whether nobody gets an address.
    package func isReserved(_ address: IPAddress) -> Bool { reserved.contains { $0.contains(address) } }

    /// One address of every set.
    /// - Parameters:
    ///   - wished: addresses that must be given, rested or not; at most one per set.
    ///   - last: what each set gave out last.
    ///   - isTaken: whether an address has an owner. Asked for as few addresses as possible.
    ///   - isResting: whether an address that has no owner had one until a moment ago.
    ///   - resting: addresses that may be given although they rest, when there are no others; the best one first.
    package func allocate(
        wished: [IPAddress], last: (Int) -> IPAddress?, isTaken: (IPAddress) -> Bool,
        isResting: (IPAddress) -> Bool = { _ in false }, resting: () -> [IPAddress] = { [] }
    ) throws(AllocationProblem) -> [Allocation] {
        let wishes = try wishes(wished, isTaken)
        var result: [Allocation] = []
        for (index, set) in sets.enumerated() {
            func rested() -> IPAddress? {
                set.firstFree(after: last(index), reserved: reserved) { isTaken($0) || isResting($0) }
            }
            func soonest() -> IPAddress? {
                resting().first { set.range(of: $0) != nil && !isReserved($0) && !isTaken($0) }
            }
            guard let address = wishes[index] ?? rested() ?? soonest(), let range = set.range(of: address) else {
                throw .exhausted(set)
            }
            result.append(Allocation(set: index, address: address, range: range, isWished: wishes[index] != nil))
        }
        return result
    }

    /// Wished addresses by the index of their set.
    private func wishes(
        _ wished: [IPAddress], _ isTaken: (IPAddress) -> Bool
    ) throws(AllocationProblem) -> [Int: IPAddress] {
        var wishes: [Int: IPAddress] = [:]
        for wish in wished {
            guard let index = sets.firstIndex(where: { $0.range(of: wish) != nil }), wishes[index] == nil else {
                throw .notOurs(wish)
            }
            guard !isReserved(wish) else { throw .reserved(wish) }
            guard !isTaken(wish) else { throw .taken(wish) }
            wishes[index] = wish
        }
        return wishes
    }
}

/// An address with where it comes from.
package struct Allocation: Hashable, Sendable {
    /// Index of the range set.
    package let set: Int
    package let address: IPAddress
    package let range: AddressRange
    package let isWished: Bool
}

extension RangeSet {
    /// The next address after `last` that nobody has and none of `reserved`, once around all ranges. A range of 2^64
    /// addresses is no danger: every step beyond the first needs an address that exists as taken, and reserved ones are
    /// passed in one step.
    package func firstFree(
        after last: IPAddress?, reserved: [ClosedRange<IPAddress>] = [], isTaken: (IPAddress) -> Bool
    ) -> IPAddress? {
        let home = last.flatMap { last in ranges.firstIndex { $0.first <= last && last <= $0.last } } ?? 0
        guard let start = ranges[home...].first else { return nil }
        let resume = last.flatMap { $0.next }.flatMap { start.first <= $0 && $0 <= start.last ? $0 : nil }
        // From `last` to its range's end, then the other ranges in order, then its range from the beginning.
        if last != nil, let resume, let found = start.firstFree(from: resume, reserved, isTaken) { return found }
        let turn = ranges[(home + (last == nil ? 0 : 1))...] + ranges[..<home]
        for range in turn {
            if let found = range.firstFree(from: range.first, reserved, isTaken) { return found }
        }
        return last == nil ? nil : start.firstFree(from: start.first, reserved, isTaken)
    }
}

extension AddressRange {
    fileprivate func firstFree(
        from low: IPAddress, _ reserved: [ClosedRange<IPAddress>], _ isTaken: (IPAddress) -> Bool
    ) -> IPAddress? {
        var candidate = low
        while candidate <= last {
            let obstacle = reserved.first { $0.contains(candidate) }
            if obstacle == nil, contains(candidate), !isTaken(candidate) { return candidate }
            guard let next = (obstacle?.upperBound ?? candidate).next else { return nil }
            candidate = next
        }
        return nil
    }
}
