import BGPSession
import BGPSpeaker
import ControlAPI
import FIB
import Glibc
import NetTypes
import RIB

/// Answers the control socket: asks the loops and turns their values into documents.
struct ControlAnswers: ControlProvider {
    let agent: Agent

    func respond(to request: ControlRequest) async -> ControlReply {
        switch request {
        case .status: .status(await status())
        case .sessions: .sessions(await allSessions())
        case .session(let name): await session(name)
        case .routes(let query): await routes(query)
        case .fib(let selection): .fib(await fib(selection))
        case .fibVerify: await verify()
        case .pods: await pods()
        case .bfd: .bfd(await bfd())
        case .explain(let prefix): await explain(prefix)
        case .history(let name): await history(name)
        case .policyTest(let query): await policyTest(query)
        case .capture(let name): await capture(name)
        case .order(let order, let name): await obey(order, name)
        case .drain(let order): await agent.drain(order)
        case .undrain: await agent.undrain()
        case .health: .health(HealthDocument(checks: await loopChecks()))
        case .ready: .health(HealthDocument(checks: await readyChecks()))
        case .metrics: .metrics(await metrics())
        case .configuration: .configuration(await agent.configurationDocument())
        }
    }

    private func status() async -> StatusDocument {
        let configuration = await agent.configuration
        let sessions = await sessions(await agent.peers)
        var document = StatusDocument(
            version: Version.martlet, node: configuration.node.name, routerID: "\(await agent.routerID)",
            asn: configuration.bgp.asn.rawValue, podCIDRs: configuration.node.podCIDRs.map(\.description),
            pid: getpid(),
            uptimeSeconds: Int((Instant.now - agent.startTime).wholeSeconds), sessions: sessions.count,
            sessionsEstablished: sessions.filter(\.isEstablished).count, libraries: Version.libraries)
        document.drain = await farewell()
        document.configuration = await agent.configurationState()
        document.start = await agent.sequence.text
        document.conflicts = await agent.conflicts.map(\.description)
        document.oldPods = await agent.oldPods.count
        return document
    }

    /// Where a goodbye stands; nil while the node serves.
    func farewell() async -> DrainDocument? {
        let document = await agent.drainState
        return document.state == .serving ? nil : document
    }

    private func history(_ name: String) async -> ControlReply {
        guard let peer = await peer(name) else { return await unknownPeer(name) }
        return .history(HistoryDocument(peer: peer.settings.name, events: agent.history.events(peer.settings.name)))
    }

    /// What is said with a peer from now on; ends with its reader.
    private func capture(_ name: String) async -> ControlReply {
        guard let peer = await peer(name) else { return await unknownPeer(name) }
        let stream = ControlStream()
        await peer.loop.capture(into: stream)
        return .capture(stream)
    }

    // MARK: sessions

    private func session(_ name: String) async -> ControlReply {
        guard let peer = await peer(name) else { return await unknownPeer(name) }
        return .sessions(SessionsDocument(sessions: await sessions([peer])))
    }

    private func obey(_ order: PeerOrder, _ name: String) async -> ControlReply {
        guard let peer = await peer(name) else { return await unknownPeer(name) }
        var problem: String?
        switch order {
        case .shutdown(let message): await agent.shutDown(peer, message: message)
        case .enable: problem = await agent.enable(peer)
        case .reset(let order): problem = await agent.reset(peer, order)
        }
        if let problem { return .error(status: 409, message: problem) }
        return await session(name)
    }

    func sessions(_ peers: [Agent.PeerHandle]) async -> [SessionDocument] {
        let bgp = await agent.configuration.bgp
        let paths = await bfdSessions()
        var documents: [SessionDocument] = []
        for peer in peers {
            let status = await peer.loop.status()
            let summaries = await agent.speaker?.summaries(peer.id) ?? []
            let local = await peer.loop.localAddress
            var document = SessionDocument(
                peer.settings, bgp, status, summaries, localAddress: local.map(\.description), at: .now)
            if let target = peer.place.target { document.address = target.description }
            document.waiting = await peer.loop.waiting
            document.kept = await agent.speaker?.kept(peer.id).map { KeptPathsDocument($0, at: .now) }
            document.shutdown = await agent.shutdown(of: peer)
            document.bfd = paths[peer.settings.name]
            documents.append(document)
        }
        return documents
    }

    /// A peer by name or address.
    func peer(_ name: String) async -> Agent.PeerHandle? {
        let address = IPAddress(name)
        let peers = await agent.peers
        return peers.first { $0.settings.name == name || $0.place.target?.description == name }
            ?? peers.first { address != nil && $0.place.target?.address == address }
    }

    // MARK: routes

    private func routes(_ query: RouteQuery) async -> ControlReply {
        let kind: PathQuery.Kind
        switch query.table {
        case .all: kind = .usable
        case .received(let name):
            guard let peer = await peer(name) else { return await unknownPeer(name) }
            kind = .received(peer.id)
        case .rejected(nil): kind = .rejected(nil)
        case .rejected(let name?):
            guard let peer = await peer(name) else { return await unknownPeer(name) }
            kind = .rejected(peer.id)
        case .advertised(let name):
            guard let peer = await peer(name) else { return await unknownPeer(name) }
            kind = .advertised(peer.id)
        }
        var exact: Prefix?
        if case .exact(let prefix) = query.selection { exact = prefix }
        guard let speaker = await agent.speaker else {
            return .error(status: 503, message: "the speaker has not started yet; ask again in a moment")
        }
        let (views, now) = await speaker.paths(PathQuery(kind, prefix: exact))
        let selected = query.selection.select(views, prefix: \.prefix)
        let names = Dictionary(uniqueKeysWithValues: await agent.peers.map { ($0.id, $0.settings.name) })
        let shown = selected.prefix(query.limit ?? selected.count)
        return .routes(
            RoutesDocument(routes: shown.map { RouteDocument($0, names: names, at: now) }, total: selected.count))
    }

    // MARK: kernel

    func fib(_ selection: PrefixSelection) async -> FIBDocument {
        guard await agent.configuration.fib.enabled, let kernel = await agent.kernel else {
            return FIBDocument(routes: [], counters: FIBCountersDocument(), enabled: false)
        }
        let snapshot = await kernel.snapshot()
        let topology = await agent.topology
        let rows = selection.select(snapshot.rows, prefix: \.prefix)
        var counters = FIBCountersDocument(
            desired: snapshot.rows.filter { $0.desired != nil || $0.isAggregate }.count,
            installed: snapshot.rows.filter { $0.installed != nil }.count,
            failed: Int(clamping: snapshot.counters.failed),
            repairs: Int(clamping: snapshot.counters.healed), resyncs: Int(clamping: snapshot.counters.readings))
        counters.outranked = snapshot.better.count
        counters.failedNeighbors = snapshot.neighbors.count { $0.state == .failed }
        let routes = rows.map { row in
            var route = FIBRouteDocument(row, topology)
            route.describe(row, snapshot, topology)
            return route
        }
        var document = FIBDocument(routes: routes, counters: counters)
        document.nextHops = NextHopsDocument(snapshot, topology)
        document.settings = await agent.settingDocuments
        document.overlapping = topology.overlapping.map(\.description)
        return document
    }

    private func verify() async -> ControlReply {
        guard await agent.configuration.fib.enabled, let kernel = await agent.kernel else {
            var document = FIBVerifyDocument(routes: 0, nextHops: 0, differences: [])
            document.enabled = false
            return .fibVerify(document)
        }
        do {
            let audit = try await kernel.audit()
            return .fibVerify(
                FIBVerifyDocument(
                    routes: audit.routes, nextHops: audit.nextHops,
                    differences: audit.differences.map {
                        FIBDifferenceDocument(prefix: $0.prefix?.description, problem: $0.text)
                    }))
        } catch {
            return .error(status: 500, message: "cannot read the kernel's routes: \(error)")
        }
    }

    private func pods() async -> ControlReply {
        do {
            return .pods(PodsDocument(pods: try await agent.pods()))
        } catch {
            return .error(status: 500, message: "cannot read the kernel's links: \(error)")
        }
    }
}
