import NetTypes

/// Deadlines of many, the earliest at hand: a binary heap. What is not true any more stays in it until its turn;
/// whoever takes it out knows.
struct DeadlineHeap: Sendable {
    struct Entry: Sendable {
        let when: Instant
        let place: Int
    }

    private var entries: [Entry] = []

    var first: Entry? { entries.first }

    var count: Int { entries.count }

    mutating func push(_ when: Instant, _ place: Int) {
        entries.append(Entry(when: when, place: place))
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child].when < entries[parent].when else { return }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes the earliest one out; nothing when there is none.
    mutating func removeFirst() {
        guard let last = entries.popLast(), !entries.isEmpty else { return }
        entries[0] = last
        var parent = 0
        while true {
            let (left, right) = (2 * parent + 1, 2 * parent + 2)
            var least = parent
            if left < entries.count, entries[left].when < entries[least].when { least = left }
            if right < entries.count, entries[right].when < entries[least].when { least = right }
            guard least != parent else { return }
            entries.swapAt(parent, least)
            parent = least
        }
    }
}
