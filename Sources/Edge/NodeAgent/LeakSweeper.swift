import AddressAudit
import AddressStore
import DispatchIO
import IPAM
import Logging
import NetTypes
import Nftables
import PodWiring

/// Takes back the addresses of pods that are gone: a runtime that was killed, or a machine's that lost its state, never
/// calls DEL, and containerd never calls GC. The links and routes of such pods went with their namespaces.
///
/// It reads the plugin's records and the kernel's links every now and then, without any lock; a record whose pod has
/// neither link nor namespace for long enough is looked at once more and then released.
package actor LeakSweeper: Loop {
    package nonisolated let executor = LoopExecutor(label: "martlet.leaks")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// What the last look has found.
    struct Tally: Sendable, Equatable {
        /// Attachments with addresses.
        var attachments = 0
        /// Those that seem to be leaked.
        var suspects = 0
        /// Those of which nothing can be said.
        var unknown = 0
        /// Addresses taken back since the start.
        var swept = 0
    }

    private let stateDirectory: String
    private var settings: Configuration.IPAMSettings
    private let logger: Logger
    private var namespace: String?
    private var watch: LeakWatch
    private var timer: LoopTimer?
    private var lastProblem = ""
    private(set) var tally = Tally()

    package init(stateDirectory: String, settings: Configuration.IPAMSettings, logger: Logger) {
        self.stateDirectory = stateDirectory
        self.settings = settings
        self.logger = logger
        watch = LeakWatch(grace: settings.sweepGrace)
    }

    /// Looks at the links of the calling thread's network namespace, or of the one at the path `namespace`.
    package func start(namespace: String? = nil) {
        self.namespace = namespace
        timer = LoopTimer(queue: executor.queue) { [weak self] in self?.assumeIsolated { $0.turn() } }
        turn()
    }

    package func stop() {
        timer?.cancel()
        timer = nil
    }

    /// Takes over new settings; what was seen so far counts.
    func change(_ new: Configuration.IPAMSettings) {
        guard new != settings else { return }
        settings = new
        watch.grace = new.sweepGrace
        if timer != nil { turn() }
    }

    private func turn() {
        guard settings.sweepInterval > .zero else { return }
        do {
            try look()
            lastProblem = ""
        } catch {
            tell("\(error)")
        }
        let now = Instant.now
        timer?.arm(now + settings.sweepInterval, at: now)
    }

    private func look() throws {
        var audit = try AddressAudit(directories: directories, namespace: namespace)
        let records = try audit.records()
        let gone = records.filter(\.life.isGone).map(\.suspect)
        let certain = watch.observe(gone, now: AddressStore.now)
        (tally.attachments, tally.suspects) = (records.count, gone.count)
        tally.unknown = records.count { if case .unknown = $0.life { true } else { false } }
        guard !certain.isEmpty else { return }
        // Once more: a link may have come while the others were looked at.
        audit = try AddressAudit(directories: directories, namespace: namespace)
        for suspect in certain { try sweep(suspect, audit) }
    }

    private func sweep(_ suspect: StoredSuspect, _ audit: AddressAudit) throws {
        let file = StoredRecord(name: suspect.name, text: suspect.text)
        guard let found = audit.audit(file, suspect.network), found.life.isGone else { return }
        for (network, store) in audit.stores where network == suspect.network {
            guard try store.release(file) else { continue }
            tally.swept += found.record.addresses.count
            LogLine.addressesSwept(found.record, network: network, reason: found.life.reason).log(to: logger)
        }
        closePorts(found.record)
    }

    /// The pod's host ports, if it had any: all else of it went with its namespace.
    private func closePorts(_ record: AddressRecord) {
        let name = PodIdentity(containerID: record.containerID, ifname: record.ifname, network: "").hostName
        let ports = HostPorts(stateDirectory: stateDirectory)
        guard namespace == nil, ports.isMarked(name) else { return }
        do { try ports.close(name) } catch { tell("\(error)") }
    }

    private var directories: [String] { ["\(stateDirectory)/ipam"] + settings.directories }

    /// Each trouble once.
    private func tell(_ problem: String) {
        guard problem != lastProblem else { return }
        lastProblem = problem
        LogLine.sweepFailed(problem).log(to: logger)
    }
}

extension AuditedRecord {
    fileprivate var suspect: StoredSuspect { StoredSuspect(network: network, name: file.name, text: file.text) }
}
