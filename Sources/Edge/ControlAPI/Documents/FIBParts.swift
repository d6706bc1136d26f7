/// How routes carry their next hops, and the groups that are there.
package struct NextHopsDocument: Codable, Sendable, Equatable {
    /// `resilient`, `hash` or `inline`.
    package var style: String
    /// Why it is not what the configuration asks for.
    package var reason: String?
    /// Nexthop groups of ours, by id.
    package var groups: [NextHopGroupDocument]
    /// The next hops in use, and what the kernel knows of them as neighbours.
    package var neighbors: [NeighborDocument]?

    package init(style: String, reason: String? = nil, groups: [NextHopGroupDocument] = []) {
        (self.style, self.reason, self.groups) = (style, reason, groups)
    }
}

/// A next hop and its neighbour entry.
package struct NeighborDocument: Codable, Sendable, Equatable {
    /// As `via 192.0.2.1 dev eth0`.
    package var nextHop: String
    /// As `ip neighbour` says it; `none`: the kernel has had no need to ask.
    package var state: String

    package init(nextHop: String, state: String) { (self.nextHop, self.state) = (nextHop, state) }
}

/// One nexthop group.
package struct NextHopGroupDocument: Codable, Sendable, Equatable {
    /// As `ip nexthop` shows it.
    package var id: UInt32
    /// As `via 192.0.2.1 dev eth0`.
    package var nextHops: [String]
    /// Routes of ours that use it.
    package var routes: Int

    package init(id: UInt32, nextHops: [String], routes: Int) {
        (self.id, self.nextHops, self.routes) = (id, nextHops, routes)
    }
}

/// One kernel setting that routing depends on.
package struct KernelSettingDocument: Codable, Sendable, Equatable {
    /// As sysctl(8) names it.
    package var name: String
    /// What it is; nil: it cannot be read.
    package var value: String?
    package var wanted: String
    /// What it was before martletd changed it.
    package var before: String?
    /// Why it is not as wanted.
    package var problem: String?

    package init(name: String, value: String?, wanted: String, before: String? = nil, problem: String? = nil) {
        (self.name, self.value, self.wanted) = (name, value, wanted)
        (self.before, self.problem) = (before, problem)
    }
}

/// Answer of `/v1/fib/verify`: a fresh reading of the kernel beside what is desired.
package struct FIBVerifyDocument: Codable, Sendable, Equatable {
    package var schema = ControlSchema.version
    /// Routes of the kernel that were looked at.
    package var routes: Int
    /// Nexthop objects that were looked at.
    package var nextHops: Int
    package var differences: [FIBDifferenceDocument]
    /// False: the configuration says `fib.enabled: false`.
    package var enabled = true

    package init(routes: Int, nextHops: Int, differences: [FIBDifferenceDocument]) {
        (self.routes, self.nextHops, self.differences) = (routes, nextHops, differences)
    }
}

/// Something that is not as it should be.
package struct FIBDifferenceDocument: Codable, Sendable, Equatable {
    /// Nil: it is about a nexthop object.
    package var prefix: String?
    /// What is wrong.
    package var problem: String

    package init(prefix: String? = nil, problem: String) { (self.prefix, self.problem) = (prefix, problem) }
}
