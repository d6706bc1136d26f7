import ControlAPI

/// Documents of an imaginary node that the tests serve and render.
enum Canned {
    static let torUp = SessionDocument(
        peer: "tor-1", address: "192.0.2.1", asn: 65001, localASN: 64601, external: true, state: .established,
        sinceSeconds: 727, uptimeSeconds: 727,
        lastError: SessionErrorDocument(
            direction: .received, code: 6, subcode: 2, text: "Cease/Administrative Shutdown: \"rack move ticket 42\"",
            secondsAgo: 730),
        localAddress: "192.0.2.10", peerRouterID: "10.0.0.1", holdTime: 90, keepaliveTime: 30,
        capabilitiesSent: ["ipv4-unicast", "ipv6-unicast", "route refresh", "graceful restart 120s"],
        capabilitiesReceived: ["ipv4-unicast", "ipv6-unicast", "route refresh", "add-path"],
        timers: [
            TimerDocument(name: "hold", remainingSeconds: 75), TimerDocument(name: "keepalive", remainingSeconds: 12),
        ],
        families: [
            SessionFamilyDocument(
                family: "ipv4-unicast", negotiated: true, received: 12, accepted: 9, rejected: 3, best: 8,
                advertised: 1,
                endOfRIBReceived: true, endOfRIBSent: true),
            SessionFamilyDocument(
                family: "ipv6-unicast", negotiated: true, received: 9, accepted: 9, best: 9, advertised: 1,
                endOfRIBSent: true, stale: 2),
        ],
        messagesReceived: MessageCountsDocument(open: 2, update: 21, notification: 1, keepalive: 30),
        messagesSent: MessageCountsDocument(open: 2, update: 4, keepalive: 31), establishedCount: 2, dropCount: 1)

    static let torRefused = SessionDocument(
        peer: "tor-2", address: "2001:db8::2", asn: 65002, localASN: 64601, external: true, state: .connect,
        sinceSeconds: 4000,
        lastError: SessionErrorDocument(direction: .local, text: "connection refused", secondsAgo: 3), holdTime: 90,
        keepaliveTime: 30,
        families: [
            SessionFamilyDocument(family: "ipv4-unicast", negotiated: false),
            SessionFamilyDocument(family: "ipv6-unicast", negotiated: false),
        ])

    static let passive = SessionDocument(
        peer: "lab", address: "192.0.2.3", asn: 64601, localASN: 64601, external: false, state: .active,
        sinceSeconds: 5,
        passive: true, holdTime: 0, keepaliveTime: 0,
        families: [SessionFamilyDocument(family: "ipv4-unicast", negotiated: false)])

    static let sessions = SessionsDocument(sessions: [torUp, torRefused, passive])

    static let routes = RoutesDocument(
        routes: [
            RouteDocument(
                prefix: "10.244.2.0/24", peer: "tor-1", nextHop: "192.0.2.1", asPath: "65001 64602", origin: "igp",
                localPref: 100, communities: ["65001:100"], largeCommunities: ["65001:1:2"], ageSeconds: 61,
                state: .best,
                reason: "best: shortest AS path (2 against 3)"),
            RouteDocument(
                prefix: "10.244.2.0/24", peer: "tor-2", nextHop: "192.0.2.2", asPath: "65002 65001 64602",
                origin: "igp", localPref: 100, med: 5, ageSeconds: 90061, state: .candidate,
                reason: "its AS path is longer (3 against 2)", stale: true),
            RouteDocument(
                prefix: "0.0.0.0/0", peer: "tor-1", nextHop: "192.0.2.1", asPath: "", origin: "incomplete",
                ageSeconds: 5, state: .rejected, reason: "a default route, and import.allowDefault is false"),
        ], total: 5)

    static let fib = FIBDocument(
        routes: [
            FIBRouteDocument(
                prefix: "10.244.1.0/24", kind: "unreachable", desired: ["unreachable"], installed: ["unreachable"],
                status: .installed),
            FIBRouteDocument(
                prefix: "10.244.2.0/24", desired: ["via 192.0.2.1 dev eth0", "via 192.0.2.2 dev eth1"],
                installed: ["via 192.0.2.1 dev eth0"], status: .pending),
            FIBRouteDocument(
                prefix: "10.244.3.0/24", desired: ["via 192.0.2.9"], installed: [], status: .failed,
                detail: "network is unreachable"),
        ],
        counters: FIBCountersDocument(desired: 3, installed: 1, failed: 1, repairs: 1, resyncs: 2))

    static let pods = PodsDocument(pods: [
        PodDocument(
            namespace: "default", pod: "web-0", containerID: "0123456789abcdef0123", interface: "eth0",
            addresses: ["10.244.1.2", "fd00:10:244:1::2"], hostInterface: "mlt0123456789a", state: "up"),
        PodDocument(
            namespace: "kube-system", pod: "dns", containerID: "feed", addresses: ["10.244.1.3"],
            hostInterface: "mltfeedfeedfee", state: "no route to 10.244.1.3"),
    ])

    static let status = StatusDocument(
        version: "0.1.0", node: "node-a", routerID: "192.0.2.10", asn: 64601,
        podCIDRs: ["10.244.1.0/24", "fd00:10:244:1::/64"], pid: 1234, uptimeSeconds: 93784, sessions: 3,
        sessionsEstablished: 1, libraries: ["libnl": "3.7.0", "libcurl": "7.88.1"])

    static let configuration = ConfigurationDocument(
        file: "/etc/martlet/martletd.yaml", loadedMilliseconds: 1_700_000_000_000,
        problems: ["martletd.yaml:3:8: bgp.asn must be a number"], reloads: 2, refusals: 1)

    /// What the imaginary agent answers.
    static func reply(to request: ControlRequest) -> ControlReply {
        switch request {
        case .status: .status(status)
        case .sessions: .sessions(sessions)
        case .session("tor-1"), .session("192.0.2.1"): .sessions(SessionsDocument(sessions: [torUp]))
        case .session(let peer): .error(status: 404, message: "no peer \"\(peer)\" is configured")
        case .routes: .routes(routes)
        case .fib: .fib(fib)
        case .fibVerify: .fibVerify(FIBVerifyDocument(routes: 3, nextHops: 1, differences: []))
        case .pods: .pods(pods)
        case .bfd: .bfd(bfd)
        case .explain: .explain(learned)
        case .history: .history(history)
        case .policyTest: .policy(policy)
        case .capture: .error(status: 404, message: "nothing is said here")
        case .order(_, let peer) where peer == "tor-1": .sessions(SessionsDocument(sessions: [torUp]))
        case .order(_, let peer): .error(status: 404, message: "no peer \"\(peer)\" is configured")
        case .drain(let order): .drain(DrainDocument(state: .drained, message: order.message, sessions: 2))
        case .undrain: .drain(DrainDocument(state: .serving))
        case .health: .health(healthy)
        case .ready: .health(notReady)
        case .configuration: .configuration(configuration)
        case .metrics: .metrics("# TYPE martlet_up gauge\nmartlet_up 1\n")
        }
    }
}

/// A provider made of a closure.
struct ClosureProvider: ControlProvider {
    let answer: @Sendable (ControlRequest) async -> ControlReply

    init(_ answer: @escaping @Sendable (ControlRequest) async -> ControlReply = { Canned.reply(to: $0) }) {
        self.answer = answer
    }

    func respond(to request: ControlRequest) async -> ControlReply { await answer(request) }
}
