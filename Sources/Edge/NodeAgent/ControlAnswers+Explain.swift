import BGPSpeaker
import ControlAPI
import FIB
import Glibc
import NetTypes
import Netlink
import RIB

/// From UPDATE to kernel: what happens with a destination, and why.
extension ControlAnswers {
    func explain(_ destination: Prefix) async -> ControlReply {
        guard let speaker = await agent.speaker else {
            return .error(status: 503, message: "the speaker has not started yet; ask again in a moment")
        }
        let configuration = await agent.configuration
        let peers = await agent.peers
        let own = configuration.node.podCIDRs.first { $0.contains(destination) }
        let view = await speaker.view(of: destination, own: own, peers: peers.map(\.id))
        let fib = await fib(.all)
        let facts = Explanation(
            destination: destination, own: own, view: view, peers: peers, topology: await agent.topology,
            pods: (try? await agent.pods()) ?? [], fib: fib, configuration: configuration,
            farewell: await agent.drainState.state)
        var document = facts.document(kernel: lookup(destination.address, await agent.topology))
        document.nearMisses += faultyAnnouncements(of: destination, peers, view)
        return .explain(document)
    }

    private func lookup(_ address: IPAddress, _ topology: Topology) -> KernelLookupDocument {
        do throws(NetlinkError) {
            return KernelLookupDocument(try RouteLookup.ask(address), topology)
        } catch {
            return KernelLookupDocument(outcome: "not known", error: "the kernel cannot be asked: \(error)")
        }
    }
}

/// The facts about a destination, and the document that they make.
struct Explanation {
    let destination: Prefix
    let own: Prefix?
    let view: DestinationView
    let peers: [Agent.PeerHandle]
    let topology: Topology
    let pods: [PodDocument]
    let fib: FIBDocument
    let configuration: Configuration
    let farewell: DrainDocument.State

    func document(kernel: KernelLookupDocument) -> ExplainDocument {
        let names = Dictionary(uniqueKeysWithValues: peers.map { ($0.id, $0.settings.name) })
        let prefixes = view.coverings.filter { covering in covering.paths.contains { !$0.isRejected } }.map {
            covering in
            ExplainedPrefixDocument(
                prefix: covering.prefix.description,
                paths: covering.paths.map { RouteDocument($0, names: names, at: view.now) },
                route: fib.routes.first { $0.prefix == covering.prefix.description })
        }
        let (verdict, summary) = verdict(prefixes, kernel)
        return ExplainDocument(
            destination: text, verdict: verdict, summary: summary, podCIDR: own?.description, pod: pod,
            prefixes: prefixes, announcements: announcements, nearMisses: nearMisses(names), kernel: kernel)
    }

    private var text: String { destination.isHost ? destination.address.description : destination.description }

    private var pod: PodDocument? {
        guard destination.isHost else { return nil }
        return pods.first { $0.addresses.contains(destination.address.description) }
    }

    // MARK: the sentence

    private func verdict(
        _ prefixes: [ExplainedPrefixDocument], _ kernel: KernelLookupDocument
    ) -> (ExplainDocument.Verdict, String) {
        if destination.isHost, let interface = topology.interface(owning: destination.address) {
            return (.nodeAddress, "\(text) is an address of this node, on \(interface.name).")
        }
        if let other = topology.overlapping.first(where: { $0.route.prefix.contains(destination) }) {
            let foreign = "\(text) is taken elsewhere by a route of somebody else: \(other)"
            if own != nil, pod == nil {
                return (.ownPodCIDR, "\(foreign), although it lies in a podCIDR of this node.")
            }
            if let used = prefixes.first, (Prefix(strict: used.prefix)?.length ?? 0) <= other.route.prefix.length {
                return (.learned, "\(foreign); \(learned(used, kernel))")
            }
        }
        if let own { return ownVerdict(own) }
        if let aggregate { return aggregateVerdict(aggregate) }
        if let used = prefixes.first { return (.learned, learned(used, kernel)) }
        if let subnet = topology.linkSubnets.first(where: { $0.contains(destination) }) {
            return (.connected, "\(text) is on a link of this node (\(subnet)): nothing is learned for it.")
        }
        let foreign = kernel.entry.map { "; the kernel uses \($0)" } ?? "; the kernel has none either"
        return (.nothing, "No usable path covers \(text)\(foreign).")
    }

    private func ownVerdict(_ own: Prefix) -> (ExplainDocument.Verdict, String) {
        if let pod {
            let name = pod.pod.isEmpty ? "container \(pod.containerID.prefix(12))" : "\(pod.namespace)/\(pod.pod)"
            return (
                .ownPod, "\(text) is the pod \(name) of this node, reached over \(pod.hostInterface) (\(pod.state))."
            )
        }
        guard destination.isHost else {
            return (.ownPodCIDR, "\(text) \(destination == own ? "is" : "lies in \(own),") a podCIDR of this node.")
        }
        return (
            .ownUnassigned,
            "\(text) lies in \(own), a podCIDR of this node, and no pod has it: it is unreachable, on purpose."
        )
    }

    /// The aggregate of this node that is the longest prefix with a usable path.
    private var aggregate: Prefix? {
        let used = view.coverings.first { covering in covering.paths.contains { !$0.isRejected } }
        guard let used, used.paths.contains(where: { $0.peer == .local }) else { return nil }
        return configuration.bgp.aggregates.contains { $0.prefix == used.prefix } ? used.prefix : nil
    }

    private func aggregateVerdict(_ aggregate: Prefix) -> (ExplainDocument.Verdict, String) {
        guard destination != aggregate else {
            return (.aggregate, "\(text) is an aggregate of this node, announced for what is known inside it.")
        }
        let end = fib.enabled ? ": it is unreachable, on purpose." : "."
        let sentence = "\(text) lies in \(aggregate), an aggregate of this node, and nothing more specific covers it"
        return (.aggregate, sentence + end)
    }

    private func learned(_ used: ExplainedPrefixDocument, _ kernel: KernelLookupDocument) -> String {
        let sharing = used.paths.filter { $0.state == .best || $0.state == .multipath }
        let from = sharing.map(\.peer).joined(separator: " and ")
        let way: String
        switch used.route {
        case _ where !fib.enabled: way = "the kernel is left alone (fib.enabled: false)"
        case nil: way = "it is not in the kernel yet"
        case let route? where route.status == .installed:
            way = "the kernel sends it \(kernel.outcome)" + (route.detail.map { " (\($0))" } ?? "")
        case let route?: way = "its kernel route is \(route.status.rawValue)" + (route.detail.map { " (\($0))" } ?? "")
        }
        return "\(text) is reached by \(used.prefix), learned from \(from); \(way)."
    }

    // MARK: peers

    private var announcements: [AnnouncementDocument] {
        let usable = view.coverings.first { covering in covering.paths.contains { !$0.isRejected } }
        guard let prefix = own ?? usable?.prefix else { return [] }
        return peers.flatMap { peer in
            func row(_ announced: Bool, _ detail: String) -> AnnouncementDocument {
                AnnouncementDocument(
                    prefix: prefix.description, peer: peer.settings.name, announced: announced, detail: detail)
            }
            let told = view.told[peer.id] ?? []
            return told.isEmpty ? [row(false, silence(peer, prefix))] : told.map { row(true, words($0)) }
        }
    }

    /// A path as a peer was told it.
    private func words(_ path: PathView) -> String {
        let communities = RouteDocument(path, names: [:], at: view.now).communities
        return (path.pathID == 0 ? "" : "path ID \(path.pathID), ") + "next hop \(path.attributes.nextHop)"
            + (communities.isEmpty ? "" : ", communities \(communities.joined(separator: " "))")
    }

    /// Why a peer is not told.
    private func silence(_ peer: Agent.PeerHandle, _ prefix: Prefix) -> String {
        if farewell != .serving { return "the node is \(farewell.rawValue)" }
        guard let families = view.families[peer.id], !families.isEmpty else { return "the session is down" }
        guard families.contains(prefix.family) else { return "\(prefix.family)-unicast is not negotiated" }
        if peer.settings.exportPolicy == .none { return "the peer's export policy is none" }
        if let obstacle = view.obstacles[peer.id] { return obstacle }
        if let best = usableBest(of: prefix), let role = peer.settings.role, role.wire.withholdsMarked,
            let mark = best.attributes.summary.onlyToCustomer
        {
            return "AS \(mark) said that it may only go to customers, and we are \(role.wire) here (RFC 9234)"
        }
        return view.refusals[peer.id] ?? "it waits to be sent"
    }

    private func usableBest(of prefix: Prefix) -> PathView? {
        view.coverings.first { $0.prefix == prefix }?.paths.first { !$0.isRejected }
    }

    // MARK: what is not used

    private func nearMisses(_ names: [PeerID: String]) -> [NearMissDocument] {
        let rejected = view.coverings.flatMap { covering in
            covering.paths.filter(\.isRejected).map { path in
                NearMissDocument(
                    prefix: covering.prefix.description, source: names[path.peer] ?? "removed",
                    reason: (path.pathID == 0 ? "" : "path ID \(path.pathID): ")
                        + RouteDocument(path, names: names, at: view.now).reason)
            }
        }
        let stale = fib.routes.filter { route in
            route.status == .stale && Prefix(strict: route.prefix)?.contains(destination) == true
        }
        let blocked = peers.compactMap { peer in
            view.blocked[peer.id].flatMap { count in
                count == 0
                    ? nil
                    : NearMissDocument(
                        prefix: "unknown", source: peer.settings.name,
                        reason: "\(count) announcement\(count == 1 ? " was" : "s were") not taken (maxPrefixes.action:"
                            + " block), and no one knows of which prefixes: one of this destination may be among them")
            }
        }
        return rejected + blocked
            + stale.map { NearMissDocument(prefix: $0.prefix, source: "kernel", reason: $0.detail ?? "stale") }
    }
}

extension KernelLookupDocument {
    init(_ lookup: RouteLookup, _ topology: Topology) {
        let outcome: String =
            switch lookup.outcome {
            case .forwarded(let gateway, let index, let source):
                [
                    gateway.map { "via \($0)" } ?? "on the link",
                    "dev \(topology.interface(index: index)?.name ?? "if\(index)")", source.map { "src \($0)" },
                ].compactMap { $0 }.joined(separator: " ")
            case .local: "to this node itself"
            case .refused(let code): Self.refusal(code)
            }
        let entry = lookup.entry.map { route in
            let table = Self.tableName(UInt32(route.key.table))
            return "\(route.prefix) protocol \(Self.protocolName(route.protocolID)) table \(table)"
                + " metric \(route.key.metric)"
        }
        self.init(
            outcome: outcome, entry: entry, isOurs: lookup.entry.map { [179, 180].contains($0.protocolID) } ?? false)
    }

    private static func refusal(_ code: Int32) -> String {
        let text = String(cString: strerror(code))
        switch code {
        case EHOSTUNREACH: return "refused: \(text) (an unreachable route, or a dead link)"
        case ENETUNREACH: return "refused: \(text) (no route at all)"
        case EINVAL: return "dropped: \(text) (a blackhole route)"
        default: return "refused: \(text)"
        }
    }

    /// Names of rt_tables as iproute2 has them.
    private static func tableName(_ id: UInt32) -> String {
        [253: "default", 254: "main", 255: "local"][id] ?? String(id)
    }

    /// Names of rt_protos as iproute2 has them.
    static func protocolName(_ id: UInt8) -> String {
        let names: [UInt8: String] = [
            2: "kernel", 3: "boot", 4: "static", 9: "ra", 12: "bird", 16: "dhcp", 42: "babel", 179: "martlet",
            180: "martlet-pod", 186: "bgp", 188: "ospf",
        ]
        return names[id] ?? String(id)
    }
}
