import NetTypes

/// What the kernel has of ours in a place: 8 octets beside the kind.
struct InstalledRoute: Equatable, Sendable, BitwiseCopyable {
    var kind: RouteKind
    /// The nexthop object that it uses, or 0.
    var group: UInt32 = 0
    /// What it carries itself, as `NextHopLists` numbers it; 0 when it uses a group.
    var list: UInt32 = 0
}

/// What the ledger knows of one prefix: 24 octets.
struct RouteEntry: Sendable, BitwiseCopyable {
    private struct Marks: OptionSet, Sendable, BitwiseCopyable {
        let rawValue: UInt8
        static let known = Self(rawValue: 1)
        static let aggregate = Self(rawValue: 2)
        static let wasDesired = Self(rawValue: 4)
        static let installed = Self(rawValue: 8)
        static let reported = Self(rawValue: 16)
        static let queued = Self(rawValue: 32)
        static let healing = Self(rawValue: 64)
    }

    private var handle: NextHopSets.Handle = 0
    private var group: UInt32 = 0
    private var list: UInt32 = 0
    /// The last full reading that saw it.
    var seen: UInt32 = 0
    /// The last stretch of notifications in which we changed it unheard, see `RouteLedger.drained`.
    var touched: UInt32 = 0
    private var kind = RouteKind.unicast
    private var marks: Marks = []

    /// The desired next hops; nil when none are.
    var hops: NextHopSets.Handle? {
        get { handle == 0 ? nil : handle }
        set { handle = newValue ?? 0 }
    }

    /// What the kernel has of ours in our place.
    var installed: InstalledRoute? {
        get { self[.installed] ? InstalledRoute(kind: kind, group: group, list: list) : nil }
        set {
            self[.installed] = newValue != nil
            (kind, group, list) = (newValue?.kind ?? .unicast, newValue?.group ?? 0, newValue?.list ?? 0)
        }
    }

    /// False in slots of the table that are free.
    var isKnown: Bool {
        get { self[.known] }
        set { self[.known] = newValue }
    }

    var isAggregate: Bool {
        get { self[.aggregate] }
        set { self[.aggregate] = newValue }
    }

    /// Whether this run has wanted it: then it may be removed before convergence.
    var wasDesired: Bool {
        get { self[.wasDesired] }
        set { self[.wasDesired] = newValue }
    }

    var isInstalled: Bool { self[.installed] }

    /// Told once, until it is resolved.
    var isReported: Bool {
        get { self[.reported] }
        set { self[.reported] = newValue }
    }

    /// In the queue, which holds its number.
    var isQueued: Bool {
        get { self[.queued] }
        set { self[.queued] = newValue }
    }

    /// Somebody else took the route away: it is to be told when it is back.
    var isHealing: Bool {
        get { self[.healing] }
        set { self[.healing] = newValue }
    }

    /// Nothing is desired or installed.
    var isEmpty: Bool { handle == 0 && marks.isDisjoint(with: [.aggregate, .installed]) }

    private subscript(mark: Marks) -> Bool {
        get { !marks.isDisjoint(with: mark) }
        set { if newValue { marks.formUnion(mark) } else { marks.subtract(mark) } }
    }
}

/// The distinct lists of next hops that installed routes carry themselves, each once and counted. 0 is the empty one.
struct NextHopLists: Sendable {
    private var lists: [(hops: [RouteNextHop], users: Int)] = []
    private var numbers: [[RouteNextHop]: UInt32] = [:]
    private var free: [UInt32] = []

    /// Counts a user in; every `retain` needs a `release`.
    mutating func retain(_ hops: [RouteNextHop]) -> UInt32 {
        guard !hops.isEmpty else { return 0 }
        if let number = numbers[hops] {
            lists[Int(number - 1)].users += 1
            return number
        }
        let number: UInt32
        if let last = free.popLast() {
            number = last
            lists[Int(number - 1)] = (hops, 1)
        } else {
            lists.append((hops, 1))
            number = UInt32(lists.count)
        }
        numbers[hops] = number
        return number
    }

    mutating func release(_ number: UInt32) {
        guard number != 0 else { return }
        lists[Int(number - 1)].users -= 1
        guard lists[Int(number - 1)].users == 0 else { return }
        numbers[lists[Int(number - 1)].hops] = nil
        lists[Int(number - 1)].hops = []
        free.append(number)
    }

    subscript(number: UInt32) -> [RouteNextHop] { number == 0 ? [] : lists[Int(number - 1)].hops }

    /// Lists in use.
    var count: Int { numbers.count }
}
