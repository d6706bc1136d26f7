/// Answer of `/v1/explain/{address}`: what happens with packets to a destination, and why.
package struct ExplainDocument: Codable, Sendable, Equatable {
    /// What a destination is to this node.
    package enum Verdict: String, Codable, Sendable, CaseIterable {
        /// The address of a pod of this node.
        case ownPod
        /// In our podCIDR, and no pod has it: unreachable on purpose, so that it never loops.
        case ownUnassigned
        /// One of our podCIDRs as a whole.
        case ownPodCIDR
        /// An aggregate of ours, or in one with nothing more specific: unreachable on purpose, too.
        case aggregate
        /// An address of the node itself.
        case nodeAddress
        /// Learned from a peer.
        case learned
        /// On a link of this node.
        case connected
        /// We have no route; the kernel may have one of somebody else.
        case nothing
    }

    package var schema = ControlSchema.version
    /// The destination: an address, or a prefix.
    package var destination: String
    /// What it is to this node.
    package var verdict: Verdict
    /// The answer in one sentence.
    package var summary: String
    /// The own podCIDR that it lies in.
    package var podCIDR: String?
    /// The pod that has it.
    package var pod: PodDocument?
    /// Prefixes with usable paths that cover it, the longest first: that one is used.
    package var prefixes: [ExplainedPrefixDocument] = []
    /// To whom the longest prefix is announced, and to whom not.
    package var announcements: [AnnouncementDocument] = []
    /// What would cover it but is not used: rejected paths, stale routes.
    package var nearMisses: [NearMissDocument] = []
    /// What the kernel itself says.
    package var kernel: KernelLookupDocument

    package init(
        destination: String, verdict: Verdict, summary: String, podCIDR: String? = nil, pod: PodDocument? = nil,
        prefixes: [ExplainedPrefixDocument] = [], announcements: [AnnouncementDocument] = [],
        nearMisses: [NearMissDocument] = [], kernel: KernelLookupDocument
    ) {
        self.destination = destination
        self.verdict = verdict
        self.summary = summary
        self.podCIDR = podCIDR
        self.pod = pod
        self.prefixes = prefixes
        self.announcements = announcements
        self.nearMisses = nearMisses
        self.kernel = kernel
    }
}

/// A prefix that covers the destination, from the peers to the kernel.
package struct ExplainedPrefixDocument: Codable, Sendable, Equatable {
    package var prefix: String
    /// All paths, the best first, the rejected ones last; each says what became of it.
    package var paths: [RouteDocument]
    /// Desired and installed kernel route; nil when none is wanted.
    package var route: FIBRouteDocument?

    package init(prefix: String, paths: [RouteDocument], route: FIBRouteDocument? = nil) {
        self.prefix = prefix
        self.paths = paths
        self.route = route
    }
}

/// Whether a peer is told of a prefix.
package struct AnnouncementDocument: Codable, Sendable, Equatable {
    package var prefix: String
    /// Name of the peer.
    package var peer: String
    /// Whether it was announced in the present session.
    package var announced: Bool
    /// As which next hop, or why not.
    package var detail: String

    package init(prefix: String, peer: String, announced: Bool, detail: String) {
        self.prefix = prefix
        self.peer = peer
        self.announced = announced
        self.detail = detail
    }
}

/// Something that covers the destination and is not used.
package struct NearMissDocument: Codable, Sendable, Equatable {
    package var prefix: String
    /// Name of the peer, or `kernel` for a stale route.
    package var source: String
    /// Why it is not used.
    package var reason: String

    package init(prefix: String, source: String, reason: String) {
        self.prefix = prefix
        self.source = source
        self.reason = reason
    }
}

/// The kernel's own answer (RTM_GETROUTE) for the address, or for the first address of the prefix.
package struct KernelLookupDocument: Codable, Sendable, Equatable {
    /// As `via 192.0.2.1 dev eth0 src 192.0.2.10`; an errno text when it refuses.
    package var outcome: String
    /// The entry that decided, as `10.244.2.0/24 protocol martlet metric 50`.
    package var entry: String?
    /// Whether the entry is ours.
    package var isOurs: Bool
    /// The question itself failed.
    package var error: String?

    package init(outcome: String, entry: String? = nil, isOurs: Bool = false, error: String? = nil) {
        self.outcome = outcome
        self.entry = entry
        self.isOurs = isOurs
        self.error = error
    }
}
