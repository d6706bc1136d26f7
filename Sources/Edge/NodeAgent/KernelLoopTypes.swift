import FIB
import NetTypes
import Netlink

/// Where and how learned routes are installed.
package struct KernelConfiguration: Hashable, Sendable {
    /// False: nothing is installed, only the topology is watched.
    package var enabled: Bool
    /// 254 is the main table.
    package var table: UInt32
    package var metric: UInt32
    /// What marks a route as ours.
    package var protocolID: UInt8
    /// How routes carry their next hops, if the kernel can do it.
    package var ecmp = GroupStyle.resilient

    package init(enabled: Bool = true, table: UInt32 = 254, metric: UInt32 = 50, protocolID: UInt8 = 179) {
        self.enabled = enabled
        self.table = table
        self.metric = metric
        self.protocolID = protocolID
    }
}

/// What the kernel loop found when it started.
package struct KernelStart: Sendable {
    package let topology: Topology
    /// Routes of our protocol id that an earlier run left.
    package let adoptedIPv4: Int
    package let adoptedIPv6: Int
}

/// What the kernel loop has to tell, for the log. Where many routes meet the same fate at once, the event names the
/// first one and counts them all.
package enum KernelEvent: Sendable, Hashable {
    /// A run of work is done.
    case applied(installed: Int, replaced: Int, removed: Int)
    /// Somebody removed or changed our route; it is back.
    case healed(Prefix, count: Int)
    /// A foreign route holds the place; ours is not installed.
    case conflict(Prefix, protocolID: UInt8, count: Int)
    /// The kernel refused an operation; it is tried again.
    case failed(NetlinkError, count: Int)
    /// No next hop of a desired route can be reached, and why.
    case unresolved(Prefix, reason: String, count: Int)
    /// Notifications were lost; all routes are read again.
    case overrun
    /// Reading from the kernel failed; it is tried again.
    case readFailed(NetlinkError)
    /// Convergence: this many routes of the earlier run are not wanted any more and go.
    case sweeping(Int)
    /// Groups of next hops changed in place, and routes with them.
    case regrouped(groups: Int, routes: Int)
    /// Somebody's routes go before ours, because their metric is lower.
    case outranked(Prefix, protocolID: UInt8, metric: UInt32, count: Int)
    /// A next hop does not answer for its link address.
    case neighborFailed(IPAddress, interface: String)
    /// The kernel lacks what the configuration asks for; what is done instead, and why.
    case fallback(GroupStyle, reason: String)
}

/// Collects what happens in a run of work, so that 100,000 routes make one line of log and not 100,000.
struct KernelTally {
    private var operations = (installed: 0, replaced: 0, removed: 0)
    private var order: [KernelEvent] = []
    private var counts: [KernelEvent: Int] = [:]
    private var regrouped = (groups: 0, routes: 0)

    mutating func succeeded(_ operation: RouteOperation) {
        switch operation {
        case .add: operations.installed += 1
        case .replace: operations.replaced += 1
        case .delete: operations.removed += 1
        }
    }

    mutating func failed(_ error: NetlinkError) {
        count(.failed(NetlinkError(operation: "", code: error.code, kernelMessage: error.kernelMessage), count: 0)) {
            .failed(error, count: $0)
        }
    }

    mutating func note(_ note: RouteLedger.Note) {
        switch note {
        case .healed(let prefix): count(.healed(Self.any, count: 0)) { .healed(prefix, count: $0) }
        case .conflict(let prefix, let id):
            count(.conflict(Self.any, protocolID: id, count: 0)) { .conflict(prefix, protocolID: id, count: $0) }
        case .unresolved(let prefix, let reason):
            count(.unresolved(Self.any, reason: reason, count: 0)) { .unresolved(prefix, reason: reason, count: $0) }
        case .regrouped(let groups, let routes):
            regrouped = (regrouped.groups + groups, regrouped.routes + routes)
        }
    }

    static let any = Prefix(host: .v4(.any))
    private var makers: [KernelEvent: (Int) -> KernelEvent] = [:]

    /// `kind` is what events that are counted together have in common.
    mutating func count(_ kind: KernelEvent, _ make: @escaping (Int) -> KernelEvent) {
        if counts[kind] == nil {
            order.append(kind)
            makers[kind] = make
        }
        counts[kind, default: 0] += 1
    }

    var isEmpty: Bool { order.isEmpty && operations == (0, 0, 0) && regrouped.groups == 0 }

    /// The events of the run; the tally is empty after.
    mutating func take() -> [KernelEvent] {
        defer { self = KernelTally() }
        var events = order.compactMap { kind in makers[kind]?(counts[kind] ?? 0) }
        if regrouped.groups > 0 { events.append(.regrouped(groups: regrouped.groups, routes: regrouped.routes)) }
        let (installed, replaced, removed) = operations
        if installed + replaced + removed > 0 {
            events.append(.applied(installed: installed, replaced: replaced, removed: removed))
        }
        return events
    }
}
