import BFDSocket
import BGPSession
import BGPSpeaker
import BGPWire
import ControlAPI
import Dispatch
import DispatchIO
import FIB
import Glibc
import Logging
import NetTypes
import RIB

/// The node agent: makes the loops of one configuration, ties them together, and changes them when it changes.
package actor Agent: Loop {
    package nonisolated let executor = LoopExecutor(label: "martlet.agent")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// The agent cannot start; the text says why and what to do.
    package struct StartFailure: Error, CustomStringConvertible {
        package let description: String
    }

    /// A running peer.
    struct PeerHandle {
        var settings: Configuration.PeerSettings
        let id: PeerID
        let loop: PeerLoop
        /// Where it is, as the loop was told.
        var place: PeerPlace
        /// For a peer that has called from a configured range: that entry of the configuration.
        var template: Configuration.PeerSettings?

        /// The entry of the configuration that it is there for.
        var configured: Configuration.PeerSettings { template ?? settings }
    }

    let logger: Logger
    let startTime = Instant.now
    private(set) var configuration: Configuration
    private(set) var routerID = RouterID(rawValue: 0)
    var peers: [PeerHandle] = []
    /// Sessions that operators shut down at run time, by the peers' names.
    var operatorShutdowns: [String: Configuration.Shutdown] = [:]
    private(set) var kernel: KernelLoop?
    private(set) var speaker: SpeakerLoop?
    private(set) var topology = Topology()
    private var control: ControlServer?
    private var metrics: ControlServer?
    /// Where the node's goodbye stands.
    var drainState = DrainDocument(state: .serving)
    /// What happened to every session.
    let history = HistoryBook()
    private(set) var listener: TCPListener?
    /// By the name of the peer, or of the entry with a range.
    var passwords: [String: PasswordWatch] = [:]
    var passwordTimer: LoopTimer?
    /// Who was refused lately.
    var refusals = LogLimiter<IPAddress>()
    private var sweeper: PodSweeper?
    /// Takes back the addresses of pods that are gone.
    var leaks: LeakSweeper?
    /// How many sessions there are, for the plugin's STATUS.
    var tally = SessionTally()
    /// Looks for the neighbours of unnumbered peers.
    var discovery: DiscoveryLoop?
    var neighbors = FoundNeighbors()
    /// Peers of a range that are being made, by name.
    var arriving: Set<String> = []
    var arrivalTimer: LoopTimer?
    /// Finds dead paths; made when the first peer wants it.
    var bfd: BFDLoop?
    var pathSessions: [String: PathSession] = [:]
    /// Next hops that BFD has found dead.
    let deadGateways = DeadGateways()
    private(set) var restart = RestartState()
    var settings = KernelSettings(mayChange: false)
    /// The uplinks that the settings were made for.
    var checkedUplinks: Set<String>?

    package init(_ configuration: Configuration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Starts everything; nothing keeps running when it throws.
    package func start() async throws(StartFailure) {
        try await startControl()
        do throws(StartFailure) {
            try await startKernel()
            writeSessions()
            await startSweeper()
            await startLeakSweeper()
            await startSpeaker()
            try listen()
            secureListener()
            startDiscovery()
            for settings in configuration.bgp.peers where !settings.isRange { await startPeer(settings) }
            readPasswords()
            await speaker?.start()
        } catch {
            await stop(reason: "it could not start")
            throw error
        }
    }

    /// Stops, leaving every route in the kernel; with graceful restart the peers keep theirs too (RFC 4724).
    package func stop(reason: String) async {
        LogLine.stopping(reason).log(to: logger)
        for peer in peers { history.note(peer.settings.name, .agent, "martletd stops: \(reason)") }
        for timer in [passwordTimer, arrivalTimer] { timer?.cancel() }
        (passwordTimer, arrivalTimer) = (nil, nil)
        await discovery?.stop()
        listener?.cancel()
        listener = nil
        let notification: NotificationMessage? =
            configuration.bgp.gracefulRestart.enabled && configuration.fib.enabled
            ? nil : .cease(.administrativeShutdown)
        // While the sessions are there: BFD's end is then no failure of theirs.
        await stopBFD()
        // The kernel first: what the peers' farewell does to the tables must not reach it any more.
        await kernel?.stop()
        for peer in peers { await peer.loop.stop(notification) }
        await speaker?.stop()
        await sweeper?.stop()
        await leaks?.stop()
        await control?.stop()
        await metrics?.stop()
        history.close()
        // They ask us, and so keep us.
        (control, metrics) = (nil, nil)
    }

    // MARK: parts

    private func startControl() async throws(StartFailure) {
        let directory = configuration.node.stateDir
        if mkdir(directory, 0o755) != 0, errno != EEXIST {
            throw StartFailure(description: "cannot make node.stateDir: \(SystemError("mkdir \(directory)"))")
        }
        let server = ControlServer(provider: ControlAnswers(agent: self))
        do {
            try await server.start(socket: configuration.control.socket)
        } catch {
            throw StartFailure(description: "\(error)")
        }
        control = server
        history.open(in: configuration.node.stateDir)
        guard let endpoint = configuration.metrics.listen else { return }
        let metrics = ControlServer(provider: ControlAnswers(agent: self), surface: .metrics)
        do {
            try await metrics.start(on: SocketAddress(endpoint.address, port: endpoint.port))
        } catch {
            await server.stop()
            control = nil
            throw StartFailure(description: "metrics.listen: \(error)")
        }
        self.metrics = metrics
    }

    private func startKernel() async throws(StartFailure) {
        var place = KernelConfiguration(
            enabled: configuration.fib.enabled, table: configuration.fib.table, metric: configuration.fib.metric)
        place.ecmp = configuration.fib.ecmp
        let logger = logger
        let kernel = KernelLoop(
            place, onTopology: { [weak self] topology in self?.post { $0.topologyChanged(topology) } },
            onEvent: { LogLine.kernel($0).log(to: logger) })
        do {
            let found = try await kernel.start()
            topology = found.topology
            if found.adoptedIPv4 + found.adoptedIPv6 > 0, configuration.fib.enabled {
                LogLine.adopted(ipv4: found.adoptedIPv4, ipv6: found.adoptedIPv6).log(to: logger)
                restart.restarted = true
                if found.adoptedIPv4 > 0 { restart.forwardingPreserved.insert(.ipv4) }
                if found.adoptedIPv6 > 0 { restart.forwardingPreserved.insert(.ipv6) }
            }
        } catch {
            throw StartFailure(description: "cannot read the kernel's links and routes: \(error)")
        }
        self.kernel = kernel
        deadGateways.onForwardingChange { dead in kernel.post { $0.setUnreachable(dead) } }
        guard let id = configuration.node.routerID ?? topology.lowestGlobalIPv4.map({ RouterID(rawValue: $0.rawValue) })
        else {
            throw StartFailure(
                description: "no router ID: the node has no global IPv4 address; set node.routerID in the configuration"
            )
        }
        routerID = id
        settings = KernelSettings(mayChange: configuration.fib.changesSettings)
        checkSettings()
    }

    /// Without it pods come and go all the same: then DELs delete their links themselves.
    private func startSweeper() async {
        let sweeper = PodSweeper(stateDirectory: configuration.node.stateDir, logger: logger)
        do {
            try await sweeper.start()
            self.sweeper = sweeper
        } catch {
            LogLine.podLinksStay("\(error)").log(to: logger)
        }
    }

    private func startSpeaker() async {
        LogLine.starting(
            version: Version.martlet, node: configuration.node.name, asNumber: configuration.bgp.asn, routerID: routerID
        ).log(to: logger)
        var policy = ImportPolicy(localAS: configuration.bgp.asn, routerID: routerID)
        policy.requiresConnectedNextHop = configuration.fib.enabled
        let speaker = SpeakerLoop(
            policy: policy, maximumPaths: 16, deferralTime: configuration.bgp.gracefulRestart.deferralTime,
            kernel: configuration.fib.enabled ? kernel : nil, seed: .random(in: .min ... .max), logger: logger)
        self.speaker = speaker
        await speaker.observeSessions { [weak self] count in self?.post { $0.sessionsChanged(count) } }
        await speaker.setTopology(topology)
        await applyPrefixes()
    }

    /// What may be imported, what is announced, and what the plugins are told.
    private func applyPrefixes() async {
        let configuration = configuration
        await speaker?.setPolicy { policy in
            policy.clusterID = configuration.bgp.clusterID ?? policy.routerID
            policy.clusterCIDRs = configuration.clusterCIDRs
            policy.ownPodCIDRs = configuration.node.podCIDRs
            policy.ipv4Lengths = configuration.imports.prefixLengths(.ipv4)
            policy.ipv6Lengths = configuration.imports.prefixLengths(.ipv6)
            policy.allowDefault = configuration.imports.allowDefault
        }
        await speaker?.originate(Set(configuration.node.podCIDRs))
        await speaker?.setRules(configuration.bgp)
        writeNodeState()
    }

    private func writeNodeState() {
        let state = NodeState(
            name: configuration.node.name, podCIDRs: configuration.node.podCIDRs, mtu: topology.uplinkMTU ?? 1500)
        do throws(SystemError) {
            try state.write(to: configuration.node.stateDir)
        } catch {
            LogLine.setting("node.json", failed: error.description).log(to: logger)
        }
    }

    private func topologyChanged(_ topology: Topology) {
        let mtu = self.topology.uplinkMTU
        callPeers(self.topology, topology)
        self.topology = topology
        speaker?.post { $0.setTopology(topology) }
        discovery?.post { $0.setTopology(topology) }
        updatePlaces()
        updateBFD()
        checkSettings()
        if topology.uplinkMTU != mtu { writeNodeState() }
    }

    private func listen() throws(StartFailure) {
        let port = configuration.bgp.listenPort
        guard port != 0 else { return }
        let wildcard = IPAddress(leftAligned: 0, family: Self.hasIPv6 ? .ipv6 : .ipv4)
        let address = SocketAddress(configuration.bgp.listenAddress ?? wildcard, port: port)
        do throws(SystemError) {
            listener = try TCPListener(on: address, queue: executor.queue) { [weak self] fd, remote in
                guard let self else { return _ = close(fd) }
                self.assumeIsolated { $0.accept(fd, remote, isKnown: false) }
            }
        } catch {
            throw StartFailure(
                description:
                    "cannot listen for BGP: \(error); is another speaker running? set bgp.listenPort or listenAddress"
            )
        }
        LogLine.listening(address.description).log(to: logger)
    }

    /// Whether the kernel has IPv6 at all.
    private static var hasIPv6: Bool { access("/proc/net/if_inet6", F_OK) == 0 }

    // MARK: peers

    func startPeer(_ settings: Configuration.PeerSettings, template: Configuration.PeerSettings? = nil) async {
        guard let speaker else { return }
        let place = settings.place(topology, neighbors)
        let id = await speaker.addPeer(settings.speakerPeer(configuration.bgp))
        let session = settings.sessionConfiguration(
            configuration.bgp, routerID: routerID, hostName: configuration.node.name,
            keepsForwarding: configuration.fib.enabled)
        let loop = PeerLoop(
            id: id,
            settings: .init(
                configuration: session, port: settings.port, localAddress: settings.localAddress,
                options: settings.tcpOptions(configuration.bgp), secret: settings.secret,
                prefixLimit: settings.prefixLimit, place: place, extendedNextHop: settings.extendedNextHop),
            restart: await restartState(), seed: .random(in: .min ... .max), speaker: speaker, logger: logger,
            history: history)
        await speaker.setLoop(loop, for: id)
        await speaker.setPace(settings.advertisementInterval(configuration.bgp), for: id)
        let peer = PeerHandle(settings: settings, id: id, loop: loop, place: place, template: template)
        peers.append(peer)
        readPasswords()
        // What has been found out while this waited for the speaker.
        updatePlaces()
        history.note(settings.name, .agent, "martletd \(Version.martlet) starts the session machine")
        await loop.prepare()
        await open(peer)
        updateBFD()
    }

    func stopPeer(_ peer: PeerHandle, _ notification: NotificationMessage) async {
        await peer.loop.stop(notification)
        await speaker?.removePeer(peer.id)
        peers.removeAll { $0.id == peer.id }
        readPasswords()
        updateBFD()
    }

    // MARK: reload

    /// Takes over a new configuration by difference: a session that nothing changes stays up.
    package func reload(_ new: Configuration) async {
        let fixed = configuration.fixedParts(changedIn: new)
        guard fixed.isEmpty else {
            for key in fixed {
                LogLine.configurationProblem("\(key) changed: this needs a restart of martletd").log(to: logger)
            }
            return LogLine.reloadFailed(problems: fixed.count).log(to: logger)
        }
        let sessionWide =
            configuration.bgp.timing != new.bgp.timing || configuration.bgp.clusterID != new.bgp.clusterID
        configuration = new
        checkSettings()
        await applyPrefixes()
        writeSessions()
        await leaks?.change(new.ipam)
        startDiscovery()
        let stay = peers.filter { peer in
            !sessionWide && new.bgp.peers.contains { $0.isSameSession(as: peer.configured) }
        }
        let go = peers.filter { peer in !stay.contains { $0.id == peer.id } }
        let come = new.bgp.peers.filter { settings in
            !settings.isRange && !stay.contains { $0.configured.isSameSession(as: settings) }
        }
        let names = new.bgp.peers.map(\.name) + stay.map(\.settings.name)
        operatorShutdowns = operatorShutdowns.filter { names.contains($0.key) }
        for peer in stay {
            guard let entry = new.bgp.peers.first(where: { $0.isSameSession(as: peer.configured) }) else { continue }
            await changeLive(peer, to: entry)
        }
        var changed = 0
        // A session that begins anew brings the same routes back: the kernel keeps them meanwhile.
        let holds =
            drainState.state == .serving && go.contains { peer in come.contains { $0.name == peer.settings.name } }
        if holds { await speaker?.holdKernel() }
        for peer in go {
            let remains = new.bgp.peers.contains { $0.name == peer.configured.name }
            changed += remains ? 1 : 0
            await stopPeer(peer, .cease(remains ? .configurationChange : .peerDeconfigured))
        }
        for settings in come { await startPeer(settings) }
        if holds { await speaker?.resumeKernel() }
        secureListener()
        readPasswords()
        updateBFD()
        bfd?.readKeys()
        LogLine.reloaded(added: come.count - changed, removed: go.count - changed, changed: changed).log(to: logger)
    }
}
