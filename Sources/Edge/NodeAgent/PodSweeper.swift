import CLinux
import Dispatch
import DispatchIO
import Glibc
import Logging
import NetTypes
import Netlink
import PodWiring

/// Deletes what the plugin's DELs have left to the agent, a moment after they did, and at its start what was left while
/// no agent ran. It touches no link that is in use, and no route: those of a deleted link went when it was set aside.
///
/// While it runs it holds a lock in the state directory, by which the plugin knows that it may leave its links.
package actor PodSweeper: Loop {
    package nonisolated let executor = LoopExecutor(label: "martlet.sweeper")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// How long links are gathered: one deletion of a hundred costs as much waiting as one of one.
    private static let gathering = Duration.milliseconds(200)
    private static let retry = Duration.seconds(1)

    private let lockPath: String
    private let logger: Logger
    private var links: DeletedLinks?
    private var lock: CInt = -1
    private var source: (any DispatchSourceRead)?
    private var timer: LoopTimer?
    private var isArmed = false
    private var lastProblem = ""

    package init(stateDirectory: String, logger: Logger) {
        lockPath = "\(stateDirectory)/\(PodLink.agentLock)"
        self.logger = logger
    }

    /// Works in the calling thread's network namespace, or in the one at the path `namespace`.
    package func start(namespace: String? = nil) throws {
        let links = try DeletedLinks(namespace: namespace)
        self.links = links
        let timer = LoopTimer(queue: executor.queue) { [weak self] in self?.assumeIsolated { $0.turn() } }
        self.timer = timer
        let source = DispatchSource.makeReadSource(fileDescriptor: links.descriptor, queue: executor.queue)
        source.setEventHandler { [weak self] in self?.assumeIsolated { $0.hear() } }
        source.setCancelHandler { links.close() }
        source.resume()
        self.source = source
        turn()
    }

    /// From now on DELs delete for themselves.
    package func stop() {
        releaseLock()
        source?.cancel()
        timer?.cancel()
        (source, timer, links) = (nil, nil, nil)
    }

    isolated deinit {
        releaseLock()
        source?.cancel()
    }

    private func hear() {
        guard let links, links.hasNews() else { return }
        arm(after: Self.gathering)
    }

    /// An armed timer keeps its time: news every moment must not put the sweep off for ever.
    private func arm(after wait: Duration) {
        guard !isArmed else { return }
        isArmed = true
        let now = Instant.now
        timer?.arm(now + wait, at: now)
    }

    private func turn() {
        isArmed = false
        guard let links else { return }
        do {
            try takeLock()
            let count = try links.sweep()
            if count > 0 { LogLine.podLinksDeleted(count).log(to: logger) }
            lastProblem = ""
        } catch {
            tell("\(error)")
            arm(after: Self.retry)
        }
    }

    /// Another agent on this node, or the one before us, may have it for now.
    private func takeLock() throws(SystemError) {
        guard lock < 0 else { return }
        let descriptor = clinux_open(lockPath, O_RDWR | O_CREAT, 0o644)
        guard descriptor >= 0 else { throw SystemError("open \(lockPath)") }
        guard clinux_lock(descriptor) == 0 else {
            let error = SystemError("lock \(lockPath)")
            close(descriptor)
            throw error
        }
        lock = descriptor
    }

    private func releaseLock() {
        if lock >= 0 { close(lock) }
        lock = -1
    }

    /// Each trouble once, not every second.
    private func tell(_ problem: String) {
        guard problem != lastProblem else { return }
        lastProblem = problem
        LogLine.podLinksStay(problem).log(to: logger)
    }
}
