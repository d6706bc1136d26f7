import BGPSession
import BGPWire
import ControlAPI
import DispatchIO
import Glibc
import NetTypes

/// The file that a configuration came from, and how its last reading went.
struct ConfigurationSource {
    /// Path as it was given; nil: there is no file.
    var file: String?
    /// What is in use.
    var text = ""
    /// What was read last, in use or not.
    var lastText: String?
    /// When what is in use was taken over, in milliseconds since 1970.
    var loadedMilliseconds: Int64 = 0
    /// Why what was read last is not in use; empty: it is.
    var problems: [String] = []
    /// How often a file was taken over after the start, and how often not.
    var reloads = 0
    var refusals = 0

    var isStale: Bool { !problems.isEmpty }
}

/// What came of a reading of the configuration.
package enum ReloadOutcome: Sendable, Equatable {
    case unchanged
    case applied
    /// The running one stays.
    case refused
}

extension Agent {
    /// Names the file that the configuration came from, with its text.
    package func setSource(file: String, text: String?) {
        source.file = file
        source.text = text ?? ""
        source.lastText = text
        source.loadedMilliseconds = HistoryBook.now
    }

    /// Reads the file again and takes over what differs. `isOrdered`: somebody asks for it, and hears of problems that
    /// he has heard of already; otherwise a text that was read before is not looked at.
    @discardableResult
    package func reloadFile(isOrdered: Bool) async -> ReloadOutcome {
        guard let file = source.file else { return .unchanged }
        let read = Configuration.read(path: file, hostname: Process.hostname)
        if !isOrdered, read.text == source.lastText { return .unchanged }
        source.lastText = read.text
        guard let new = read.configuration else {
            // Warnings are said as well: they may explain the errors.
            return refuse(read.problems.map(\.description))
        }
        for problem in read.problems { LogLine.configurationProblem(problem.description).log(to: logger) }
        source.text = read.text ?? ""
        return await reload(new)
    }

    private func refuse(_ problems: [String]) -> ReloadOutcome {
        source.problems = problems
        source.refusals += 1
        for problem in problems { LogLine.configurationProblem(problem).log(to: logger) }
        LogLine.reloadFailed(problems: problems.count).log(to: logger)
        let more = problems.count > 1 ? " (and \(problems.count - 1) more)" : ""
        for peer in peers {
            history.note(
                peer.settings.name, .agent, "configuration not reloaded, the running one stays: \(problems[0])\(more)")
        }
        return .refused
    }

    /// Takes over a new configuration by difference: a session that nothing changes stays up.
    @discardableResult
    package func reload(_ new: Configuration) async -> ReloadOutcome {
        let plan = ReloadPlan(from: configuration, to: new)
        guard plan.fixed.isEmpty else {
            return refuse(plan.fixed.map { "\($0) changed: this needs a restart of martletd" })
        }
        source.problems = []
        readPasswords()
        bfd?.readKeys()
        guard !plan.isEmpty else {
            LogLine.unchanged.log(to: logger)
            return .unchanged
        }
        let old = configuration
        configuration = new
        logControl?.set(new.log)
        checkSettings()
        await applyPrefixes()
        writeSessions()
        await leaks?.change(new.ipam)
        startDiscovery()
        if old.metrics != new.metrics { await changeMetrics() }
        if old.cni != new.cni { cniConfigurationChanged() }
        if old.cni != new.cni || old.node.podCIDRs != new.node.podCIDRs {
            lookForOldPods()
            writeNodeState()
        }
        await exchangePeers(old, new)
        if old.bgp.clusterID != new.bgp.clusterID {
            // It stands in what reflected paths were told with.
            for peer in peers { _ = await speaker?.resend(to: peer.id) }
        }
        secureListener()
        readPasswords()
        updateBFD()
        source.reloads += 1
        source.loadedMilliseconds = HistoryBook.now
        LogLine.reloaded(
            added: plan.added.count, removed: plan.removed.count, changed: plan.resets.count
        ).log(to: logger)
        return .applied
    }

    /// Ends, opens and changes sessions as the difference asks for.
    private func exchangePeers(_ old: Configuration, _ new: Configuration) async {
        /// The entry that a peer goes on by.
        func successor(_ peer: PeerHandle) -> Configuration.PeerSettings? {
            new.bgp.peers.first { entry in
                entry.name == peer.configured.name && peer.configured.keepsSession(old.bgp, becoming: entry, new.bgp)
            }
        }
        let stay = peers.filter { successor($0) != nil }
        let go = peers.filter { successor($0) == nil }
        let come = new.bgp.peers.filter { entry in
            !entry.isRange && !stay.contains { $0.template == nil && $0.settings.name == entry.name }
        }
        let names = new.bgp.peers.map(\.name) + stay.map(\.settings.name)
        operatorShutdowns = operatorShutdowns.filter { names.contains($0.key) }
        for peer in stay {
            guard let entry = successor(peer) else { continue }
            await changeLive(peer, to: entry)
            await peer.loop.takeTimes(
                entry.sessionConfiguration(
                    new.bgp, routerID: routerID, hostName: new.node.name, keepsForwarding: new.fib.enabled))
        }
        // A session that begins anew brings the same routes back: the kernel keeps them meanwhile.
        let holds =
            drainState.state == .serving && go.contains { peer in come.contains { $0.name == peer.settings.name } }
        if holds { await speaker?.holdKernel() }
        for peer in go {
            let remains = new.bgp.peers.contains { $0.name == peer.configured.name }
            await stopPeer(peer, .cease(remains ? .configurationChange : .peerDeconfigured))
        }
        for settings in come { await startPeer(settings) }
        if holds { await speaker?.resumeKernel(awaitingCallers: hasRanges) }
    }

    // MARK: metrics

    /// Serves metrics where the configuration says so.
    func startMetrics() async throws(StartFailure) {
        guard let endpoint = configuration.metrics.listen else { return }
        let server = ControlServer(provider: ControlAnswers(agent: self), surface: .metrics)
        do {
            try await server.start(on: SocketAddress(endpoint.address, port: endpoint.port))
        } catch {
            throw StartFailure(description: "metrics.listen: \(error)")
        }
        metrics = server
    }

    private func changeMetrics() async {
        await metrics?.stop()
        metrics = nil
        do throws(StartFailure) {
            try await startMetrics()
        } catch {
            LogLine.setting("metrics.listen", failed: error.description).log(to: logger)
        }
    }

    /// What `/v1/configuration` answers.
    func configurationDocument() async -> ConfigurationDocument {
        var document = configurationState()
        document.text = source.text
        document.hostname = Process.hostname
        for peer in peers where await peer.loop.status().state == .established {
            document.established.append(peer.settings.name)
        }
        return document
    }

    /// The same without the text.
    func configurationState() -> ConfigurationDocument {
        ConfigurationDocument(
            file: source.file, loadedMilliseconds: source.loadedMilliseconds, problems: source.problems,
            reloads: source.reloads, refusals: source.refusals)
    }
}

extension PeerLoop {
    /// Takes over the times that OPEN does not say: they count from the next connection, or the next attempt, on.
    func takeTimes(_ configuration: PeerConfiguration) {
        machine.configuration.connectRetryTime = configuration.connectRetryTime
        machine.configuration.keepaliveTime = configuration.keepaliveTime
        machine.configuration.sendHoldTime = configuration.sendHoldTime
    }
}
