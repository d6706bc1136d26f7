import BFD
import BFDSocket
import FIB
import IPAM
import Logging
import NetTypes
import Netlink

/// Everything the agent can say in its log: one vocabulary, one file to grep.
enum LogLine {
    case starting(version: String, node: String, asNumber: ASNumber, routerID: RouterID)
    case stopping(String)
    case adopted(ipv4: Int, ipv6: Int)
    case converged(byDeadline: Bool)
    case listening(String)
    case cannotListen(String, String)
    case refused(address: String, String)
    /// Lines that would have said the same again.
    case leftOut(String, Int)
    case peerState(peer: String, from: String, to: String, reason: String)
    case peerUp(peer: String, families: String, holdTime: Duration, restarted: Bool)
    case peerAdvice(peer: String, String)
    case peerWaits(peer: String, String)
    /// A deadline of a session was met so late.
    case late(peer: String, by: Duration)
    case peerFound(peer: String, address: String)
    case peerDeparted(peer: String)
    case password(peer: String, file: String, String)
    case passwordChanged(peer: String, file: String)
    case peerDown(peer: String, reason: String, keepsRoutes: Bool)
    case attributeFault(peer: String, code: UInt8, remedy: String, reason: String)
    case noNextHop(peer: String, family: AddressFamily)
    case prefixLimitNear(peer: String, family: AddressFamily, held: Int, limit: Int)
    case prefixLimitExceeded(peer: String, family: AddressFamily, held: Int, limit: Int, restartAfter: Duration)
    case prefixesBlocked(peer: String, limit: Int, restartAfter: Duration)
    case kernel(KernelEvent)
    case setting(String, failed: String)
    case settingsChanged([KernelSetting])
    case settingsDiffer([KernelSetting])
    case reloaded(added: Int, removed: Int, changed: Int)
    case unchanged
    case rulesChanged(peer: String)
    case reloadFailed(problems: Int)
    case configurationProblem(String)
    case controlFailed(String)
    case podLinksDeleted(Int)
    case podLinksStay(String)
    case addressesSwept(AddressRecord, network: String, reason: String)
    case sweepFailed(String)
    case farewell(String)
    /// What was done with the list of plugins.
    case cniList(String)
    case podCIDRConflict(String)
    case podCIDRConflictOver(String)
    case oldPods(Int, refuses: Bool)
    case oldPodsGone
    case overlapping(String, count: Int, isOver: Bool)
    case ready
    /// What an operator did with one session.
    case operation(peer: String, String)
    case bfd(peer: String, BFDChange)
    case bfdNotice(BFDNotice)

    /// Writes the line.
    func log(to logger: Logger) {
        let (level, message, fields) = content
        var metadata = Logger.Metadata()
        for (name, value) in fields { metadata[name] = .string(value) }
        logger.log(level: level, "\(message)", metadata: metadata)
    }

    private typealias Content = (level: Logger.Level, message: String, fields: [(String, String)])

    private var content: Content {
        switch self {
        case .starting(let version, let node, let asNumber, let routerID):
            (
                .notice, "martletd \(version) starts",
                [("node", node), ("asn", asNumber.description), ("routerID", routerID.description)]
            )
        case .stopping(let reason): (.notice, "martletd stops; routes stay in the kernel", [("reason", reason)])
        case .adopted(let ipv4, let ipv6):
            (.notice, "adopted routes of an earlier run", [("ipv4", "\(ipv4)"), ("ipv6", "\(ipv6)")])
        case .converged(let byDeadline):
            (
                byDeadline ? .warning : .notice,
                byDeadline
                    ? "deferral time is over before every peer sent End-of-RIB; stale routes are swept"
                    : "every peer sent End-of-RIB; stale routes are swept", []
            )
        case .listening(let address): (.info, "listening for BGP", [("address", address)])
        case .cannotListen(let address, let reason):
            (
                .error, "cannot listen for BGP; sessions can only be opened from this side",
                [("address", address), ("reason", reason)]
            )
        case .refused(let address, let reason):
            (.notice, "connection refused", [("address", address), ("reason", reason)])
        case .leftOut(let message, let count):
            (.notice, "lines like the last one were left out", [("of", message), ("count", "\(count)")])
        case .setting(let name, let reason): (.warning, "cannot set \(name)", [("reason", reason)])
        case .settingsChanged(let settings):
            (
                .notice, "kernel settings changed, and left so",
                [("settings", settings.map { "\($0.name) \($0.before ?? "") -> \($0.wanted)" }.joined(separator: ", "))]
            )
        case .settingsDiffer(let settings):
            (
                .warning, "kernel settings are not as routing needs them; set them on the host",
                [
                    ("settings", settings.map { "\($0.name)=\($0.wanted)" }.joined(separator: " ")),
                    ("reason", settings.first?.problem ?? ""),
                ]
            )
        case .reloaded(let added, let removed, let changed):
            (
                .notice, "configuration reloaded",
                [("peersAdded", "\(added)"), ("peersRemoved", "\(removed)"), ("peersRestarted", "\(changed)")]
            )
        case .rulesChanged(let peer):
            (.notice, "rules changed: stored paths are judged anew, the session stays", [("peer", peer)])
        case .reloadFailed(let problems):
            (.error, "configuration not reloaded: the running one stays", [("problems", "\(problems)")])
        case .configurationProblem(let text): (.error, "configuration problem", [("problem", text)])
        case .operation(let peer, let what): (.notice, "session \(what) by the operator", [("peer", peer)])
        case .unchanged: (.notice, "configuration read again: nothing differs", [])
        case .podCIDRConflict(let what):
            (.error, "another node has a podCIDR of this one: give one of them another", [("conflict", what)])
        case .podCIDRConflictOver(let what): (.notice, "podCIDR conflict is over", [("conflict", what)])
        case .oldPods(let count, let refuses):
            (
                .warning, "pods live outside of the podCIDRs, and nobody outside the node reaches them",
                [("pods", "\(count)"), ("newPods", refuses ? "refused" : "admitted")]
            )
        case .oldPodsGone: (.notice, "no pod lives outside of the podCIDRs any more", [])
        case .overlapping(let route, let count, let isOver):
            (
                isOver ? .notice : .warning,
                isOver
                    ? "routes of others inside the cluster's prefixes are gone"
                    : "routes of others take a part of the cluster's prefixes elsewhere; they are left alone",
                [("route", route), ("count", "\(count)")]
            )
        case .cniList(let what): (.notice, "list of plugins", [("result", what)])
        case .ready: (.notice, "ready: routes are complete, pods can be plugged", [])
        case .farewell(let step): (.notice, "drain", [("step", step)])
        case .controlFailed(let reason): (.error, "control socket", [("reason", reason)])
        case .podLinksDeleted(let count): (.debug, "links of deleted pods are gone", [("count", "\(count)")])
        case .podLinksStay(let reason):
            (.warning, "links of deleted pods stay for now; tried again every second", [("reason", reason)])
        case .addressesSwept(let record, let network, let reason):
            (
                .warning, "addresses of a pod that is gone are taken back",
                [
                    ("addresses", record.addresses.map(\.description).joined(separator: ",")),
                    ("network", network), ("container", record.containerID), ("interface", record.ifname),
                    ("pod", record.pod ?? ""), ("reason", reason),
                ]
            )
        case .sweepFailed(let reason):
            (.warning, "leaked addresses cannot be looked for; tried again", [("reason", reason)])
        case .password(let peer, let file, let problem):
            (.error, "problem with a password file", [("peer", peer), ("file", file), ("problem", problem)])
        case .passwordChanged(let peer, let file):
            (.notice, "a changed password is in use", [("peer", peer), ("file", file)])
        case .peerWaits(let peer, let reason):
            (.notice, "peer cannot be called", [("peer", peer), ("reason", reason)])
        case .late(let peer, let time):
            (
                .warning, "a timer was late: the node has no processor for the agent",
                [("peer", peer), ("late", "\(time.wholeSeconds)s")]
            )
        case .peerFound(let peer, let address):
            (.notice, "peer is found", [("peer", peer), ("address", address)])
        case .peerDeparted(let peer): (.info, "peer of a range is gone and forgotten", [("peer", peer)])
        case .peerAdvice, .peerState, .peerUp, .peerDown, .attributeFault, .noNextHop, .prefixLimitNear,
            .prefixLimitExceeded, .prefixesBlocked:
            peerContent
        case .kernel(let event): Self.content(event)
        case .bfd(let peer, let change):
            (
                change.isFailure ? .warning : .notice, "BFD is \(change.to)",
                [("peer", peer), ("from", "\(change.from)"), ("reason", change.reason)]
            )
        case .bfdNotice(.slow(let limit, let reason)):
            (
                .warning, "BFD has no real-time priority: shorter intervals than the limit are not kept",
                [("limit", "\(limit.nanoseconds / 1_000_000)ms"), ("reason", reason)]
            )
        case .bfdNotice(.problem(let session, let problem)):
            (.error, "BFD session cannot speak; tried again each second", [("peer", session), ("problem", problem)])
        }
    }

    private var peerContent: Content {
        switch self {
        case .peerState(let peer, let from, let to, let reason):
            (
                Self.isQuiet(from, to) ? .debug : .info, "peer state",
                [("peer", peer), ("from", from), ("to", to), ("reason", reason)]
            )
        case .peerUp(let peer, let families, let holdTime, let restarted):
            (
                .notice, "peer is up",
                [("peer", peer), ("families", families), ("holdTime", "\(holdTime.wholeSeconds)s")]
                    + (restarted ? [("restarted", "true")] : [])
            )
        case .peerAdvice(let peer, let advice):
            (.warning, "peer is silent", [("peer", peer), ("advice", advice)])
        case .peerDown(let peer, let reason, let keepsRoutes):
            (.warning, "peer is down", [("peer", peer), ("reason", reason), ("graceful", "\(keepsRoutes)")])
        case .attributeFault(let peer, let code, let remedy, let reason):
            (
                .warning, "malformed attribute (RFC 7606)",
                [("peer", peer), ("attribute", "\(code)"), ("remedy", remedy), ("reason", reason)]
            )
        case .prefixLimitNear(let peer, let family, let held, let limit):
            (
                .warning, "the peer comes near its prefix limit",
                [("peer", peer), ("family", "\(family)"), ("held", "\(held)"), ("limit", "\(limit)")]
            )
        case .prefixLimitExceeded(let peer, let family, let held, let limit, let restartAfter):
            (
                .error, "the peer sent more prefixes than its limit; its session is shut",
                [
                    ("peer", peer), ("family", "\(family)"), ("held", "\(held)"), ("limit", "\(limit)"),
                    ("restartAfter", "\(restartAfter.wholeSeconds)s"),
                ]
            )
        case .prefixesBlocked(let peer, let limit, let restartAfter):
            (
                .error, "the peer sent more prefixes than its limit; the others are not taken",
                [("peer", peer), ("limit", "\(limit)"), ("restartAfter", "\(restartAfter.wholeSeconds)s")]
            )
        case .noNextHop(let peer, let family):
            (
                .warning, "nothing of this family can be announced: the session's interface has no such address",
                [("peer", peer), ("family", family.description)]
            )
        default: (.debug, "", [])
        }
    }

    /// A peer that is away flaps between these for hours.
    private static func isQuiet(_ from: String, _ to: String) -> Bool {
        ["Idle", "Connect", "Active"].contains(from) && ["Idle", "Connect", "Active"].contains(to)
    }

    private static func content(_ event: KernelEvent) -> Content {
        switch event {
        case .applied(let installed, let replaced, let removed):
            (
                .info, "kernel routes written",
                [("installed", "\(installed)"), ("replaced", "\(replaced)"), ("removed", "\(removed)")]
            )
        case .healed(let prefix, let count):
            (
                .warning, "somebody changed our routes; they are put back",
                [("prefix", prefix.description), ("count", "\(count)")]
            )
        case .conflict(let prefix, let protocolID, let count):
            (
                .warning, "foreign routes hold the place; ours are not installed",
                [("prefix", prefix.description), ("protocol", "\(protocolID)"), ("count", "\(count)")]
            )
        case .failed(let error, let count):
            (.error, "kernel refused routes; they are tried again", [("reason", "\(error)"), ("count", "\(count)")])
        case .unresolved(let prefix, let reason, let count):
            (
                .warning, "routes cannot be installed",
                [("prefix", prefix.description), ("reason", reason), ("count", "\(count)")]
            )
        case .outranked(let prefix, let protocolID, let metric, let count):
            (
                .warning, "somebody's routes have a better metric; the kernel does not use ours",
                [
                    ("prefix", prefix.description), ("protocol", "\(protocolID)"), ("metric", "\(metric)"),
                    ("count", "\(count)"),
                ]
            )
        case .neighborFailed(let address, let interface):
            (
                .warning, "a next hop does not answer on its link",
                [("nextHop", address.description), ("interface", interface)]
            )
        case .overrun: (.warning, "kernel dropped notifications; all routes are read again", [])
        case .readFailed(let error): (.error, "cannot read from the kernel", [("reason", "\(error)")])
        case .regrouped(let groups, let routes):
            (.info, "next hops changed in place", [("groups", "\(groups)"), ("routes", "\(routes)")])
        case .fallback(let style, let reason):
            (.warning, "fib.ecmp is \(style.rawValue) instead", [("reason", reason)])
        case .sweeping(let count): (.notice, "stale routes of an earlier run go", [("count", "\(count)")])
        }
    }
}
