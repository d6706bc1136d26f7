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
    var configuration: Configuration
    private(set) var routerID = RouterID(rawValue: 0)
    var peers: [PeerHandle] = []
    /// Sessions that operators shut down at run time, by the peers' names.
    var operatorShutdowns: [String: Configuration.Shutdown] = [:]
    private(set) var kernel: KernelLoop?
    private(set) var speaker: SpeakerLoop?
    private(set) var topology = Topology()
    private var control: ControlServer?
    var metrics: ControlServer?
    /// Where the node's goodbye stands.
    var drainState = DrainDocument(state: .serving)
    /// What happened to every session.
    let history = HistoryBook()
    var listener: TCPListener?
    /// Who called before every peer was made; nil when they are.
    var earlyCalls: [(fd: CInt, remote: SocketAddress)]? = []
    /// Tries the port again that another speaker has.
    var listenTimer: LoopTimer?
    /// By the name of the peer, or of the entry with a range.
    var passwords: [String: PasswordWatch] = [:]
    var passwordTimer: LoopTimer?
    var passwordWatcher: FileWatcher?
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
    /// The file of the configuration, and how its last reading went.
    var source = ConfigurationSource()
    /// Where the agent stands on its way to readiness.
    var sequence = StartSequence()
    var onSequence: (@Sendable (StartSequence) -> Void)?
    var cniTimer: LoopTimer?
    /// Who else announces our podCIDRs.
    var conflicts: [PrefixConflict] = []
    /// Pods with addresses outside of the podCIDRs, by name.
    var oldPods: [String] = []
    var oldPodTimer: LoopTimer?
    /// What the log shows; nil: nobody can change that.
    let logControl: LogControl?
    var settings = KernelSettings(mayChange: false)
    /// The uplinks that the settings were made for.
    var checkedUplinks: Set<String>?

    package init(_ configuration: Configuration, logger: Logger, logControl: LogControl? = nil) {
        self.configuration = configuration
        self.logger = logger
        self.logControl = logControl
    }

    /// Starts everything; nothing keeps running when it throws.
    package func start() async throws(StartFailure) {
        try checkCapabilities()
        try await startControl()
        do throws(StartFailure) {
            try await startKernel()
            writeSessions()
            await startSweeper()
            await startLeakSweeper()
            await startSpeaker()
            await prepareDataPlane()
            try listen()
            secureListener()
            startDiscovery()
            for settings in configuration.bgp.peers where !settings.isRange { await startPeer(settings) }
            readPasswords()
            admitEarlyCalls()
            await speaker?.start()
            beginSequence()
            lookForOldPods()
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
        passwordWatcher?.cancel()
        (passwordTimer, arrivalTimer, passwordWatcher) = (nil, nil, nil)
        endSequence()
        await discovery?.stop()
        listenTimer?.cancel()
        listenTimer = nil
        listener?.cancel()
        listener = nil
        dropEarlyCalls()
        let notification: NotificationMessage? =
            configuration.bgp.gracefulRestart.enabled && configuration.fib.enabled
            ? nil : .cease(.administrativeShutdown)
        if notification != nil { await stopBFD() }
        // The kernel first: what the peers' farewell does to the tables must not reach it any more.
        await kernel?.stop()
        for peer in peers { await peer.loop.stop(notification) }
        await stopBFD(isSilent: true)
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
        do throws(StartFailure) {
            try await startMetrics()
        } catch {
            await server.stop()
            control = nil
            throw error
        }
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
            await kernel.watch(configuration.node.podCIDRs + configuration.clusterCIDRs)
            let found = try await kernel.start()
            topology = found.topology
            tellOverlaps([], topology.overlapping)
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
        if configuration.fib.enabled {
            // A node that forwards before its podCIDRs end here sends a packet for a pod that it has not back to the
            // router that it came from.
            await kernel.setAggregates(configuration.node.podCIDRs)
            await kernel.settled()
        }
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
        if restart.restarted { await speaker.beginDeferral(awaitingCallers: hasRanges) }
        await speaker.observeSessions { [weak self] count in self?.post { $0.sessionsChanged(count) } }
        await speaker.observeConflicts { [weak self] list in self?.post { $0.conflictsChanged(list) } }
        await speaker.observeConvergence { [weak self] in self?.post { $0.routesAreComplete() } }
        await speaker.setTopology(topology)
        await applyPrefixes()
    }

    /// Whether there are peers that are not known before they call.
    var hasRanges: Bool { configuration.bgp.peers.contains(where: \.isRange) }

    /// What may be imported, what is announced, and what the plugins are told.
    func applyPrefixes() async {
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
        await kernel?.watch(configuration.node.podCIDRs + configuration.clusterCIDRs)
        await speaker?.setRules(configuration.bgp)
        writeNodeState()
    }

    func writeNodeState() {
        var state = NodeState(
            name: configuration.node.name, podCIDRs: configuration.node.podCIDRs, mtu: topology.uplinkMTU ?? 1500)
        state.blocked = blockedText
        do throws(SystemError) {
            try state.write(to: configuration.node.stateDir)
        } catch {
            LogLine.setting("node.json", failed: error.description).log(to: logger)
        }
    }

    private func topologyChanged(_ topology: Topology) {
        let mtu = self.topology.uplinkMTU
        callPeers(self.topology, topology)
        tellOverlaps(self.topology.overlapping, topology.overlapping)
        self.topology = topology
        speaker?.post { $0.setTopology(topology) }
        discovery?.post { $0.setTopology(topology) }
        updatePlaces()
        updateBFD()
        checkSettings()
        if topology.uplinkMTU != mtu { writeNodeState() }
    }

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
}
