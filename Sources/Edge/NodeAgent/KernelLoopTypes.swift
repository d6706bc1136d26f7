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

/// What the kernel loop has to tell, for the log.
package enum KernelEvent: Sendable, Hashable {
    /// A run of work is done.
    case applied(installed: Int, replaced: Int, removed: Int)
    /// Somebody removed or changed our route; it is put back.
    case healed(Prefix)
    /// A foreign route holds the place; ours is not installed.
    case conflict(Prefix, protocolID: UInt8)
    /// The kernel refused an operation; it is tried again.
    case failed(NetlinkError)
    /// No next hop of a desired route can be reached, and why.
    case unresolved(Prefix, String)
    /// Notifications were lost; all routes are read again.
    case overrun
    /// Reading from the kernel failed.
    case readFailed(NetlinkError)
    /// Convergence: this many routes of the earlier run were not wanted any more.
    case sweeping(Int)
}
