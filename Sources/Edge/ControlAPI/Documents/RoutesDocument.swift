/// Answer of `/v1/routes`: paths, by prefix and best first.
package struct RoutesDocument: Codable, Sendable, Equatable {
    package var schema = ControlSchema.version
    /// Those asked for.
    package var routes: [RouteDocument]
    /// How many paths there are; more than `routes` where the request set a limit.
    package var total: Int

    package init(routes: [RouteDocument], total: Int? = nil) {
        self.routes = routes
        self.total = total ?? routes.count
    }
}

/// One path to a prefix.
package struct RouteDocument: Codable, Sendable, Equatable {
    /// What became of a path.
    package enum State: String, Codable, Sendable, CaseIterable {
        /// Chosen by the decision process.
        case best
        /// As good as the best one, and used with it.
        case multipath
        /// Accepted, but another path is better.
        case candidate
        /// Refused by the import policy, or unusable.
        case rejected
    }

    /// Destination.
    package var prefix: String
    /// Name of the peer that it came from, or that it is advertised to; `local` for our own.
    package var peer: String
    /// Address, as received; of an advertised path as sent.
    package var nextHop: String
    /// As text: `65001 65002 {65003 65004}`; empty for our own.
    package var asPath: String
    /// `igp`, `egp` or `incomplete`.
    package var origin: String
    /// LOCAL_PREF in force.
    package var localPref: UInt32?
    /// MULTI_EXIT_DISC, where there is one.
    package var med: UInt32?
    /// `65001:100`, or the name of a well-known one.
    package var communities: [String] = []
    /// `65001:1:2`.
    package var largeCommunities: [String] = []
    /// ONLY_TO_CUSTOMER (RFC 9234), where there is one: the AS that said that the path may only go to customers.
    package var onlyToCustomer: UInt32?
    /// Seconds since the path was received in this form.
    package var ageSeconds: Int
    /// What became of the path.
    package var state: State
    /// A sentence: why it is best, why another one is better, or why it was rejected.
    package var reason: String
    /// Kept from before the peer restarted (RFC 4724).
    package var stale: Bool = false
    /// Path identifier (RFC 7911): the peer's, or of an advertised path ours; absent without add-path.
    package var pathID: UInt32?

    /// Communities of all sorts, and the mark of RFC 9234, as a person reads them.
    package var marks: [String] {
        communities + largeCommunities + (onlyToCustomer.map { ["only-to-customer:\($0)"] } ?? [])
    }

    package init(
        prefix: String, peer: String, nextHop: String, asPath: String, origin: String, localPref: UInt32? = nil,
        med: UInt32? = nil, communities: [String] = [], largeCommunities: [String] = [], ageSeconds: Int,
        state: State, reason: String, stale: Bool = false
    ) {
        self.prefix = prefix
        self.peer = peer
        self.nextHop = nextHop
        self.asPath = asPath
        self.origin = origin
        self.localPref = localPref
        self.med = med
        self.communities = communities
        self.largeCommunities = largeCommunities
        self.ageSeconds = ageSeconds
        self.state = state
        self.reason = reason
        self.stale = stale
    }
}
