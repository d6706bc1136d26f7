/// Answer of `/v1/fib`: what the agent wants in the kernel beside what is there.
package struct FIBDocument: Codable, Sendable, Equatable {
    package var schema = ControlSchema.version
    /// By prefix.
    package var routes: [FIBRouteDocument]
    /// Sums over all routes, not only those asked for.
    package var counters: FIBCountersDocument
    /// false: the configuration says `fib.enabled: false`.
    package var enabled: Bool = true
    /// How routes carry their next hops.
    package var nextHops: NextHopsDocument?
    /// Kernel settings that routing depends on.
    package var settings: [KernelSettingDocument]?
    /// Routes of others that take a part of the cluster's prefixes elsewhere, in words.
    package var overlapping: [String]?

    package init(routes: [FIBRouteDocument], counters: FIBCountersDocument, enabled: Bool = true) {
        self.routes = routes
        self.counters = counters
        self.enabled = enabled
    }
}

/// One prefix in the kernel, or that should be.
package struct FIBRouteDocument: Codable, Sendable, Equatable {
    /// How desired and installed agree.
    package enum Status: String, Codable, Sendable, CaseIterable {
        /// As desired.
        case installed
        /// On its way to the kernel.
        case pending
        /// Of an earlier run or a restarting peer: kept until the sweep.
        case stale
        /// The kernel refused it; `detail` says why.
        case failed
        /// No next hop can be reached.
        case unresolved
    }

    /// Destination.
    package var prefix: String
    /// `unicast` or `unreachable`.
    package var kind: String = "unicast"
    /// As `via 192.0.2.1 dev eth0`, or `unreachable`; empty when the route is not wanted.
    package var desired: [String]
    /// Same form; empty when the kernel has no such route of ours.
    package var installed: [String]
    /// How desired and installed agree.
    package var status: Status
    /// The kernel's error, or what is waited for.
    package var detail: String?
    /// The nexthop group that it uses in the kernel.
    package var group: UInt32?
    /// The route of somebody else that the kernel uses instead, as `protocol static metric 5`.
    package var better: String?

    package init(
        prefix: String, kind: String = "unicast", desired: [String], installed: [String], status: Status,
        detail: String? = nil
    ) {
        self.prefix = prefix
        self.kind = kind
        self.desired = desired
        self.installed = installed
        self.status = status
        self.detail = detail
    }
}

/// Sums over the kernel loop.
package struct FIBCountersDocument: Codable, Sendable, Equatable {
    /// Routes that the agent wants.
    package var desired: Int = 0
    /// Those that are in the kernel as wanted.
    package var installed: Int = 0
    /// Those that the kernel refused.
    package var failed: Int = 0
    /// Routes put back or removed because somebody else had changed them.
    package var repairs: Int = 0
    /// Complete readings of the kernel's table.
    package var resyncs: Int = 0
    /// Routes that the kernel does not use, because somebody has better ones.
    package var outranked: Int?
    /// Next hops that do not answer on their link.
    package var failedNeighbors: Int?

    package init(desired: Int = 0, installed: Int = 0, failed: Int = 0, repairs: Int = 0, resyncs: Int = 0) {
        self.desired = desired
        self.installed = installed
        self.failed = failed
        self.repairs = repairs
        self.resyncs = resyncs
    }
}
