import NetTypes

/// How one route stands between wish and kernel.
package enum FIBStatus: Hashable, Sendable {
    /// The kernel has exactly what is desired.
    case installed
    /// Work on it is queued.
    case pending
    /// The kernel refused; it is tried again. The text is a sentence.
    case failed(String)
    /// A route of this other protocol id holds the same prefix, table and metric: it stays.
    case conflict(protocolID: UInt8)
    /// Ours, from an earlier run, and not desired; it goes once the peers have converged.
    case stale
    /// No next hop can be reached. The text says why.
    case unresolved(String)
}

/// One line of `martletctl fib`.
package struct FIBRow: Hashable, Sendable {
    package let prefix: Prefix
    /// Nil when nothing is desired or the prefix is an aggregate.
    package let desired: DesiredRoute?
    /// Whether the prefix is one of the node's own aggregates, which are `unreachable` as a whole.
    package let isAggregate: Bool
    /// What the kernel has of ours.
    package let installed: KernelRoute?
    package let status: FIBStatus

    package init(
        prefix: Prefix, desired: DesiredRoute?, isAggregate: Bool, installed: KernelRoute?, status: FIBStatus
    ) {
        self.prefix = prefix
        self.desired = desired
        self.isAggregate = isAggregate
        self.installed = installed
        self.status = status
    }
}

/// What was done since the start.
package struct FIBCounters: Hashable, Sendable {
    package var installed: UInt64 = 0
    package var replaced: UInt64 = 0
    package var removed: UInt64 = 0
    package var failed: UInt64 = 0
    package var healed: UInt64 = 0
    /// Full readings of the kernel's routes.
    package var readings: UInt64 = 0
    /// Monitor overruns: the kernel dropped notifications, so everything was read again.
    package var overruns: UInt64 = 0

    package init() {}
}

/// A nexthop group of ours.
package struct FIBGroup: Hashable, Sendable {
    package let id: UInt32
    package let nextHops: [RouteNextHop]
    /// Routes of ours that use it.
    package let routes: Int
}

/// Desired against installed at one moment, by ascending prefix.
package struct FIBSnapshot: Sendable {
    package let rows: [FIBRow]
    package let counters: FIBCounters
    package let isConverged: Bool
    /// How routes carry their next hops.
    package var style = GroupStyle.inline
    /// Why the style is not the one that was asked for.
    package var fallback: String?
    /// Nexthop groups of ours, by id.
    package var groups: [FIBGroup] = []
    /// Routes of others that go before ours.
    package var better: [Prefix: KernelRoute] = [:]
    /// The next hops in use, and what the kernel knows of each as a neighbour.
    package var neighbors: [(hop: RouteNextHop, state: NeighborState?)] = []

    package init(rows: [FIBRow], counters: FIBCounters, isConverged: Bool) {
        self.rows = rows
        self.counters = counters
        self.isConverged = isConverged
    }
}
