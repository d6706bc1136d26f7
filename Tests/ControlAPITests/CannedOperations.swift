import ControlAPI

/// What operators ask for at 3 a.m., of the imaginary node.
extension Canned {
    private static let best = RouteDocument(
        prefix: "10.244.2.0/24", peer: "tor-1", nextHop: "192.0.2.1", asPath: "65001 64602", origin: "IGP",
        communities: ["65001:100"], ageSeconds: 61, state: .best, reason: "lower router ID")

    private static let sharing = RouteDocument(
        prefix: "10.244.2.0/24", peer: "tor-2", nextHop: "192.0.2.3", asPath: "65002 64602", origin: "IGP",
        ageSeconds: 60, state: .multipath, reason: "shares traffic with the best path, which has: lower router ID")

    private static let longer = RouteDocument(
        prefix: "10.244.2.0/24", peer: "tor-3", nextHop: "192.0.2.5", asPath: "65003 65009 64602", origin: "IGP",
        med: 5, ageSeconds: 7, state: .candidate, reason: "the best path has: shorter AS_PATH")

    static let learned = ExplainDocument(
        destination: "10.244.2.7", verdict: .learned,
        summary: "10.244.2.7 is reached by 10.244.2.0/24, learned from tor-1 and tor-2; the kernel sends it via "
            + "192.0.2.1 dev eth0 src 192.0.2.10.",
        prefixes: [
            ExplainedPrefixDocument(
                prefix: "10.244.2.0/24", paths: [best, sharing, longer],
                route: FIBRouteDocument(
                    prefix: "10.244.2.0/24", desired: ["via 192.0.2.1", "via 192.0.2.3"],
                    installed: ["via 192.0.2.1 dev eth0", "via 192.0.2.3 dev eth1"], status: .installed))
        ],
        announcements: [
            AnnouncementDocument(
                prefix: "10.244.2.0/24", peer: "tor-1", announced: false,
                detail: "export: own announces only prefixes of this node")
        ],
        nearMisses: [
            NearMissDocument(
                prefix: "0.0.0.0/0", source: "tor-1",
                reason: "a default route is not accepted unless import.allowDefault is set")
        ],
        kernel: KernelLookupDocument(
            outcome: "via 192.0.2.1 dev eth0 src 192.0.2.10",
            entry: "10.244.2.0/24 protocol martlet table 254 metric 50", isOurs: true))

    private static let rejected = ExplainDocument(
        destination: "10.99.0.1", verdict: .nothing,
        summary: "No usable path covers 10.99.0.1; the kernel has none either.",
        nearMisses: [
            NearMissDocument(prefix: "10.99.0.0/16", source: "tor-1", reason: "not inside clusterCIDRs"),
            NearMissDocument(
                prefix: "10.96.0.0/11", source: "kernel",
                reason: "of an earlier run, and no peer announces it; it goes once the peers have converged"),
        ], kernel: KernelLookupDocument(outcome: "refused: Network is unreachable (no route at all)"))

    private static let ownPod = ExplainDocument(
        destination: "10.244.1.2", verdict: .ownPod,
        summary: "10.244.1.2 is the pod default/web-0 of this node, reached over mlt0123456789a (up).",
        podCIDR: "10.244.1.0/24", pod: pods.pods.first,
        announcements: [
            AnnouncementDocument(
                prefix: "10.244.1.0/24", peer: "tor-1", announced: true,
                detail: "next hop 192.0.2.10, communities graceful-shutdown"),
            AnnouncementDocument(
                prefix: "10.244.1.0/24", peer: "tor-2", announced: false, detail: "the session is down"),
        ],
        kernel: KernelLookupDocument(
            outcome: "on the link dev mlt0123456789a src 192.0.2.10",
            entry: "10.244.1.2/32 protocol martlet-pod table 254 metric 0", isOurs: true))

    private static let unassigned = ExplainDocument(
        destination: "10.244.1.99", verdict: .ownUnassigned,
        summary: "10.244.1.99 lies in 10.244.1.0/24, a podCIDR of this node, and no pod has it: it is unreachable, "
            + "on purpose.",
        podCIDR: "10.244.1.0/24",
        kernel: KernelLookupDocument(outcome: "refused: No route to host (an unreachable route, or a dead link)"))

    static let explanations = [
        "learned": learned, "rejected": rejected, "own-pod": ownPod, "unassigned": unassigned,
    ]

    static let history = HistoryDocument(
        peer: "tor-1",
        events: [
            SessionEventDocument(
                firstMilliseconds: 1_795_309_320_000, lastMilliseconds: 1_795_309_323_000, count: 7, kind: .state,
                text: "Connect to Active: connection refused"),
            SessionEventDocument(
                firstMilliseconds: 1_795_309_323_456, kind: .up, text: "established with ipv4-unicast,ipv6-unicast"),
            SessionEventDocument(
                firstMilliseconds: 1_795_309_400_000, kind: .notificationReceived,
                text: "NOTIFICATION 6.2 (Cease / Administrative Shutdown: \"rack move\u{1b}[2J\")"),
        ])

    static let healthy = HealthDocument(checks: [CheckDocument("loop speaker", ok: true, "answers")])

    static let notReady = HealthDocument(checks: [
        CheckDocument("loop speaker", ok: true, "answers"), CheckDocument("sessions", ok: false, "0 of 2 established"),
    ])
}
