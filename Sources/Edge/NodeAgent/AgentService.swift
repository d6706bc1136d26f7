import ControlAPI
import Dispatch
import DispatchIO
import Glibc
import Logging
import NetTypes
import Synchronization

/// The agent as a process: its configuration file, signals, and the service manager that may have started it.
package enum AgentService {
    /// The agent cannot start; the text says why, and is empty where all was said.
    package struct Failure: Error {
        package let text: String
    }

    /// Runs until somebody ends it.
    package static func run(file: String) async throws(Failure) {
        let read = Configuration.read(path: file, hostname: Process.hostname)
        for problem in read.problems { Process.complain(problem.description) }
        guard let configuration = read.configuration else { throw Failure(text: "") }
        let control = LogControl(configuration.log)
        let logger = Logger(label: "martletd") { _ in StructuredLogHandler(control: control) }
        let agent = Agent(configuration, logger: logger, logControl: control)
        await agent.setSource(file: file, text: read.text)
        let signals = Process.Signals()
        let manager = ServiceManager()
        manager?.extendStart(by: configuration.bgp.gracefulRestart.deferralTime + .seconds(60))
        do {
            try await agent.start()
        } catch {
            throw Failure(text: "\(error)")
        }
        Process.forgetStart()
        let herald = manager.map { Herald($0, agent) }
        if let herald { await agent.observeSequence { herald.sequenceChanged($0) } }
        herald?.watch()
        let watcher = watch(file, signals, logger)
        for await request in signals.stream {
            switch request {
            case .terminate, .interrupt:
                herald?.stop(request.rawValue)
                watcher?.queue.sync { watcher?.watcher.cancel() }
                return await agent.stop(reason: request.rawValue)
            case .reload:
                herald?.reloading()
                await agent.reloadFile(isOrdered: true)
                await herald?.reloaded()
            case .fileChanged: await agent.reloadFile(isOrdered: false)
            }
            watcher?.queue.async { [watcher] in _ = watcher?.watcher.watch([file]) }
        }
    }

    /// A watcher and the queue that it belongs to.
    private struct Watch: @unchecked Sendable {
        let watcher: FileWatcher
        let queue: DispatchQueue
    }

    private static func watch(_ file: String, _ signals: Process.Signals, _ logger: Logger) -> Watch? {
        let queue = DispatchQueue(label: "martlet.configuration")
        do throws(SystemError) {
            let watcher = try FileWatcher(queue: queue) { signals.request(.fileChanged) }
            let watch = Watch(watcher: watcher, queue: queue)
            guard queue.sync(execute: { watch.watcher.watch([file]) }) else {
                LogLine.setting("a watch on \(file)", failed: "only SIGHUP reads it again").log(to: logger)
                return watch
            }
            return watch
        } catch {
            LogLine.setting("a watch on \(file)", failed: "\(error); only SIGHUP reads it again").log(to: logger)
            return nil
        }
    }
}

/// Tells the service manager how the agent is.
private final class Herald: Sendable {
    private let manager: ServiceManager
    private let agent: Agent
    private let hasSaidReady = Mutex(false)
    private let watchdog = Mutex<Task<Void, Never>?>(nil)

    init(_ manager: ServiceManager, _ agent: Agent) { (self.manager, self.agent) = (manager, agent) }

    /// The service is up once the agent is ready, or once it has waited as long as it may: what other machines lack
    /// must not make a manager kill it.
    func sequenceChanged(_ sequence: StartSequence) {
        guard sequence.isReady || sequence.isConverged else { return manager.status(sequence.text) }
        let isFirst = hasSaidReady.withLock { said in
            defer { said = true }
            return !said
        }
        // The list of plugins is a matter of a moment when nothing is wrong.
        if isFirst { manager.ready(sequence.text) } else { manager.status(sequence.text) }
    }

    func reloading() { manager.reloading() }

    func reloaded() async {
        let state = await agent.configurationState()
        let problem = state.problems.first.map { "configuration not reloaded: \($0)" }
        manager.ready(problem ?? "configuration in use")
    }

    func stop(_ reason: String) {
        watchdog.withLock { $0?.cancel() }
        manager.stopping(reason)
    }

    /// A manager that waits in vain kills the agent: that is right only when a loop hangs.
    func watch() {
        guard let interval = manager.watchdogInterval else { return }
        let (manager, answers) = (manager, ControlAnswers(agent: agent))
        let task = Task.detached {
            while !Task.isCancelled {
                if await answers.loopChecks().allSatisfy(\.ok) { manager.alive() }
                // Ends early when it is cancelled, which the loop looks at.
                try? await Task.sleep(for: interval)
            }
        }
        watchdog.withLock { $0 = task }
    }
}
