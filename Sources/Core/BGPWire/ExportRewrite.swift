import NetTypes

/// How a path's attributes change on their way to a peer (RFC 4271 section 5.1, RFC 4456 section 8).
package struct ExportRewrite: Sendable, Hashable {
    /// Prepended to AS_PATH as sequence, first one leftmost; empty towards an internal peer.
    package var prepend: [ASNumber] = []
    /// NEXT_HOP to send; nil keeps the path's own.
    package var nextHop: IPAddress?
    package var linkLocalNextHop: IPv6Address?
    /// LOCAL_PREF to send: nil towards an external peer, which removes it.
    package var localPref: UInt32?
    /// MED to send, which a policy gives; nil: the path's own towards an internal peer, none towards an external one.
    package var med: UInt32?
    /// Towards an external peer: MED, ORIGINATOR_ID and CLUSTER_LIST are not passed on.
    package var isExternal = true
    /// Set when reflecting: ORIGINATOR_ID if the path has none, and our cluster id put before CLUSTER_LIST.
    package var reflection: Reflection?

    /// Adds the community GRACEFUL_SHUTDOWN (RFC 8326): the path is about to go, and others are to be preferred.
    package var gracefulShutdown = false
    /// Adds the community NO_EXPORT: a long-lived stale path that an internal peer gets although it does not know of
    /// such (RFC 9494 section 4.6).
    package var noExport = false
    /// Towards an external peer: extended communities that stay inside their AS are passed on all the same, between
    /// clients of a route server (RFC 7947 section 2.2.4).
    package var keepsNonTransitive = false
    /// ONLY_TO_CUSTOMER for a path that has none (RFC 9234 section 5).
    package var onlyToCustomer: ASNumber?

    package struct Reflection: Sendable, Hashable {
        package var originatorID: RouterID
        package var clusterID: RouterID

        package init(originatorID: RouterID, clusterID: RouterID) {
            self.originatorID = originatorID
            self.clusterID = clusterID
        }
    }

    package init() {}
}
