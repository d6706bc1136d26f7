import Dispatch
import DispatchIO
import FIB
import Glibc
import NetTypes
import Netlink

/// Owner of the kernel's routes: the mirror of what is installed, and the way to what is desired.
///
/// All work is done in turns of a few milliseconds on the loop's queue, so that questions are answered in between. The
/// mirror follows the kernel's notifications in the kernel's order; it is read as a whole at the start, when
/// notifications were lost, when a link that we use went away, and every minute for safety.
package actor KernelLoop: Loop {
    package nonisolated let executor = LoopExecutor(label: "martlet.kernel")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let configuration: KernelConfiguration
    private let onTopology: @Sendable (Topology) -> Void
    private let onEvent: @Sendable (KernelEvent) -> Void

    var ledger: RouteLedger
    var tally = KernelTally()
    /// What the kernel has of nexthop objects.
    var support = RouteSocket.NextHopSupport(style: .inline)
    private var reports = LogAllowance()
    var links = TopologyBuilder()
    /// Routes of others that go before ours.
    var better: BetterRoutes
    var neighbors = NeighborTable()
    private(set) var topology = Topology()
    /// Next hops of sessions that ended, until the decision has told what remains without them.
    var leaving: Set<IPAddress> = []
    var isLossTold = false
    private(set) var namespace: String?
    var commands: RouteSocket?
    var monitor: NetlinkMonitor?
    private var source: (any DispatchSourceRead)?
    private var timer: (any DispatchSourceTimer)?
    /// Wishes that the ledger does not know yet; the first `absorbed` of them it does.
    var inbox: [FIBChange] = []
    var absorbed = 0
    /// Convergence was announced after the wishes in the inbox.
    var isConverging = false
    private var isTurnQueued = false
    private var waiters: [CheckedContinuation<Void, Never>] = []

    /// The reading of all routes that is under way: the family being read, and how often it was begun.
    var reading: (family: AddressFamily, attempts: Int)?
    var needsReading = false
    private var lastReading = Instant(nanoseconds: 0)
    /// Whether our own operations' notifications are followed too: after a reading, or once somebody else changed
    /// routes, they are part of a sequence of which every step counts.
    var followsEchoes = false
    /// Until when our own changes of routes are told to us too, because somebody else changed routes of ours.
    var hearsEchoesUntil = Instant(nanoseconds: 0)
    var linksChanged = false
    /// Next hops that do not forward, though their interfaces are up.
    private var unreachable: Set<DeadGateway> = []

    package init(
        _ configuration: KernelConfiguration, onTopology: @Sendable @escaping (Topology) -> Void,
        onEvent: @Sendable @escaping (KernelEvent) -> Void
    ) {
        self.configuration = configuration
        self.onTopology = onTopology
        self.onEvent = onEvent
        let settings = RouteSettings(
            table: configuration.table, metric: configuration.metric, owner: configuration.protocolID)
        ledger = RouteLedger(settings, seed: .random(in: .min ... .max))
        better = BetterRoutes(settings)
    }

    isolated deinit {
        source?.cancel()
        timer?.cancel()
    }

    /// Opens the sockets in the calling thread's network namespace, or in the one at the path `namespace`, and reads
    /// links, addresses and routes. `onTopology` hears of later changes only.
    package func start(namespace: String? = nil) throws -> KernelStart {
        self.namespace = namespace
        let commands = try RouteSocket(namespace: namespace)
        self.commands = commands
        let monitor = try NetlinkMonitor(ownPortID: commands.portID, namespace: namespace)
        links = try commands.topology()
        neighbors = try commands.neighbors()
        try chooseStyle(commands)
        try readRoutes(commands)
        needsReading = false
        topology = links.topology
        ledger.update(topology)
        followsEchoes = true
        lastReading = Self.now()
        listen(to: monitor)
        queueTurn()
        return KernelStart(
            topology: topology, adoptedIPv4: ledger.adopted(.ipv4), adoptedIPv6: ledger.adopted(.ipv6))
    }

    /// Reads all routes at once, at the start; without a FIB only for the default gateway's sake.
    private func readRoutes(_ commands: RouteSocket) throws {
        if configuration.enabled {
            ledger.beginReading()
            ledger.readNextHops(try readNextHops(commands))
        }
        links.beginReadingRoutes()
        better.beginReading()
        for family in AddressFamily.allCases {
            for route in try commands.routes(family) {
                links.read(complete(route), owner: configuration.protocolID)
                if configuration.enabled { ledger.read(route) }
                better.read(route)
            }
        }
        better.endReading()
        _ = links.endReadingRoutes()
        if configuration.enabled { ledger.endReading() }
    }

    private func listen(to monitor: NetlinkMonitor) {
        self.monitor = monitor
        let source = DispatchSource.makeReadSource(fileDescriptor: monitor.descriptor, queue: executor.queue)
        source.setEventHandler { [weak self] in self?.assumeIsolated { $0.turn() } }
        source.setCancelHandler { monitor.close() }
        source.resume()
        self.source = source
        let timer = DispatchSource.makeTimerSource(queue: executor.queue)
        timer.setEventHandler { [weak self] in self?.assumeIsolated { $0.turn() } }
        timer.schedule(deadline: .distantFuture)
        timer.resume()
        self.timer = timer
    }

    // MARK: Wishes

    /// Takes over new wishes; returns at once, the work is done in slices.
    package func apply(_ changes: [FIBChange]) {
        guard configuration.enabled else { return }
        inbox.append(contentsOf: changes)
        queueTurn()
    }

    /// Routes of others inside these prefixes are part of the topology from now on; the node's own come first.
    func watch(_ prefixes: [Prefix]) {
        guard configuration.enabled, links.watch(prefixes) else { return }
        needsReading = true
        queueTurn()
    }

    /// The node's own prefixes, each of which gets an `unreachable` route.
    package func setAggregates(_ prefixes: [Prefix]) {
        guard configuration.enabled else { return }
        ledger.setAggregates(prefixes)
        queueTurn()
    }

    /// The next hops that do not forward now, all of them: routes leave them out from this moment on, whoever announced
    /// the routes, and use those again that are not named any more. Peers need not have been told: it is quicker than
    /// the end of a session.
    package func setUnreachable(_ gateways: Set<DeadGateway>) {
        guard configuration.enabled, gateways != unreachable else { return }
        unreachable = gateways
        updateLedger()
        queueTurn()
    }

    /// Tells the ledger what can be reached.
    func updateLedger() {
        var topology = topology
        topology.unreachable = unreachable
        topology.leaving = leaving
        ledger.update(topology)
    }

    /// Every peer has converged: what an earlier run left and nobody wants is removed from now on.
    package func converged() {
        guard configuration.enabled else { return }
        isConverging = true
        queueTurn()
    }

    /// Removes every route of ours, aggregates included, and wants nothing from now on. `settled` tells when it is
    /// done.
    package func withdrawAll() {
        guard configuration.enabled else { return }
        inbox = []
        absorbed = 0
        ledger.withdrawAll()
        queueTurn()
    }

    package func snapshot() -> FIBSnapshot {
        var snapshot = ledger.snapshot()
        snapshot.fallback = support.reason
        snapshot.describe(better, neighbors, of: ledger)
        return snapshot
    }

    /// What was done since the start, without the price of a snapshot.
    package func counters() -> FIBCounters { ledger.counters }

    /// Routes desired and routes installed.
    package func totals() -> (desired: Int, installed: Int) { ledger.totals }

    /// Returns when all work that can be done now is done; failed operations may wait for their next attempt.
    package func settled() async {
        guard source != nil else { return }
        queueTurn()
        await withCheckedContinuation { waiters.append($0) }
    }

    /// Closes the sockets; all routes stay. The loop cannot be started again.
    package func stop() {
        for event in tally.take() { onEvent(event) }
        source?.cancel()
        timer?.cancel()
        (source, timer, monitor) = (nil, nil, nil)
        commands?.close()
        commands = nil
        resumeWaiters()
    }

    private func resumeWaiters() {
        for waiter in waiters { waiter.resume() }
        waiters = []
    }

    // MARK: Turns

    func queueTurn() {
        guard !isTurnQueued, source != nil else { return }
        isTurnQueued = true
        executor.queue.async { [weak self] in
            self?.assumeIsolated {
                $0.isTurnQueued = false
                $0.turn()
            }
        }
    }

    /// Works for about 5 ms; queues itself again when there is more to do.
    private func turn() {
        guard source != nil else { return }
        let deadline = Self.now() + .milliseconds(5)
        let isDone = work(until: deadline)
        guard source != nil else { return }
        guard isDone, !ledger.hasLeftovers else { return queueTurn() }
        tellTally()
        arm()
        resumeWaiters()
    }

    /// Says what was done: at once, but a peer that changes its routes all the time makes one account a second.
    private func tellTally() {
        guard !tally.isEmpty, reports.take(at: Self.now()) else { return }
        for event in tally.take() { onEvent(event) }
    }

    private func work(until deadline: Instant) -> Bool {
        guard continueReading(until: deadline), drain(until: deadline) else { return false }
        publishTopology()
        guard configuration.enabled else { return true }
        guard absorb(until: deadline) else { return false }
        let now = Self.now()
        if now - lastReading >= .seconds(60) { needsReading = true }
        if needsReading, now - lastReading >= .seconds(1) {
            beginReading()
            return false
        }
        return program(until: deadline)
    }

    private func publishTopology() {
        guard linksChanged else { return }
        linksChanged = false
        let topology = links.topology
        guard topology != self.topology else { return }
        self.topology = topology
        updateLedger()
        onTopology(topology)
    }

    /// Arms the timer for the next attempt or the next reading.
    private func arm() {
        guard configuration.enabled else { return }
        var due = lastReading + (needsReading ? .seconds(1) : .seconds(60))
        if let retry = ledger.nextRetry { due = min(due, retry) }
        if !tally.isEmpty { due = min(due, reports.next) }
        let wait = max((due - Self.now()).nanoseconds, 1_000_000)
        timer?.schedule(deadline: .now() + .nanoseconds(Int(wait)), leeway: .milliseconds(20))
    }

    static func now() -> Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    func readingEnded() { lastReading = Self.now() }

    /// Exchanges the socket for requests: a failed one may still have answers on their way.
    func reopenCommands() {
        commands?.close()
        commands = nil
        do throws(NetlinkError) {
            let fresh = try RouteSocket(namespace: namespace)
            monitor?.ownPortID = fresh.portID
            commands = fresh
        } catch {
            onEvent(.readFailed(error))
        }
    }

    func tell(_ event: KernelEvent) { onEvent(event) }
}
