import NetTypes

/// Why a pod gets no address.
package enum AllocationProblem: Error, Hashable, Sendable {
    /// Every address of a set is taken.
    case exhausted(RangeSet)
    /// A wished address lies in no range, or is a gateway.
    case notOurs(IPAddress)
    /// A wished address is taken.
    case taken(IPAddress)
}

/// Chooses the addresses of a pod: one of each range set.
///
/// The search starts after the address given out last and goes round, so that a released address rests as long as
/// possible (neighbour caches and connections of its last owner run out first), and the next free one is nearly
/// always the first tried.
package struct Allocator: Sendable {
    package let sets: [RangeSet]

    /// Range sets must not overlap: each has a memory of its own of what came last.
    package init(_ sets: [RangeSet]) throws(RangeProblem) {
        for (index, set) in sets.enumerated() where sets[..<index].contains(where: set.overlaps) {
            throw RangeProblem(reason: "range sets overlap")
        }
        guard !sets.isEmpty else { throw RangeProblem(reason: "there is no range to allocate from") }
        self.sets = sets
    }

    /// One address of every set.
    /// - Parameters:
    ///   - wished: addresses that must be given; at most one per set.
    ///   - last: what each set gave out last.
    ///   - isTaken: whether an address has an owner. Asked for as few addresses as possible.
    package func allocate(
        wished: [IPAddress], last: (Int) -> IPAddress?, isTaken: (IPAddress) -> Bool
    ) throws(AllocationProblem) -> [Allocation] {
        var wishes: [Int: IPAddress] = [:]
        for wish in wished {
            guard let index = sets.firstIndex(where: { $0.range(of: wish) != nil }), wishes[index] == nil else {
                throw .notOurs(wish)
            }
            guard !isTaken(wish) else { throw .taken(wish) }
            wishes[index] = wish
        }
        var result: [Allocation] = []
        for (index, set) in sets.enumerated() {
            guard let address = wishes[index] ?? set.firstFree(after: last(index), isTaken: isTaken),
                let range = set.range(of: address)
            else { throw .exhausted(set) }
            result.append(Allocation(set: index, address: address, range: range, isWished: wishes[index] != nil))
        }
        return result
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
    /// The next address after `last` that nobody has, once around all ranges. A range of 2^64 addresses is no danger:
    /// every step beyond the first needs an address that exists as taken.
    package func firstFree(after last: IPAddress?, isTaken: (IPAddress) -> Bool) -> IPAddress? {
        let home = last.flatMap { last in ranges.firstIndex { $0.first <= last && last <= $0.last } } ?? 0
        guard let start = ranges[home...].first else { return nil }
        let resume = last.flatMap { $0.next }.flatMap { start.first <= $0 && $0 <= start.last ? $0 : nil }
        // From `last` to its range's end, then the other ranges in order, then its range from the beginning.
        if last != nil, let resume, let found = Self.firstFree(resume, start.last, start, isTaken) { return found }
        let turn = ranges[(home + (last == nil ? 0 : 1))...] + ranges[..<home]
        for range in turn {
            if let found = Self.firstFree(range.first, range.last, range, isTaken) { return found }
        }
        return last == nil ? nil : Self.firstFree(start.first, start.last, start, isTaken)
    }

    private static func firstFree(
        _ low: IPAddress, _ high: IPAddress, _ range: AddressRange, _ isTaken: (IPAddress) -> Bool
    ) -> IPAddress? {
        var candidate = low
        while candidate <= high {
            if range.contains(candidate), !isTaken(candidate) { return candidate }
            guard let next = candidate.next else { return nil }
            candidate = next
        }
        return nil
    }
}
