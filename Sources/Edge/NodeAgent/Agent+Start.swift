import CNIInstaller
import ControlAPI
import DispatchIO
import NetTypes

// The way to readiness: data plane, announcements, End-of-RIB, list of plugins. Nothing of it holds back what the
// peers are told.
extension Agent {
    /// How soon a list that could not be written is tried again.
    private static let cniRetry = Duration.seconds(5)

    /// The own prefixes are in the kernel as `unreachable` before anybody is told that we answer for them.
    func prepareDataPlane() async {
        await speaker?.installAggregates()
        await kernel?.settled()
        sequence.step = .endOfRIB
    }

    /// Sessions are being opened.
    func beginSequence() { onSequence?(sequence) }

    func endSequence() {
        for timer in [cniTimer, oldPodTimer] { timer?.cancel() }
        (cniTimer, oldPodTimer, onSequence) = (nil, nil, nil)
    }

    /// Every peer has told all that it has, or has had its time.
    func routesAreComplete() {
        sequence.isConverged = true
        advance()
    }

    /// Goes as far as it can. A node none of whose peers has ever been there is no good to any pod.
    func advance() {
        guard sequence.step == .endOfRIB, sequence.isConverged else { return }
        guard tally.hadSession || configuration.bgp.peers.allSatisfy(\.isRange) else {
            onSequence?(sequence)
            return
        }
        sequence.step = .cni
        writeList()
    }

    /// Another list, or none, is wanted from now on.
    func cniConfigurationChanged() {
        guard sequence.step >= .cni else { return }
        writeList()
    }

    /// Plugins are asked for their versions, which takes its time: not in this loop.
    private func writeList() {
        let settings = configuration.cni
        guard settings.write else { return listIsWritten([]) }
        Task.detached { [weak self] in
            let result = Result { () throws(InstallError) in try settings.installer.writeList() }
            self?.post { agent in
                guard agent.configuration.cni == settings else { return }
                switch result {
                case .success(let report): agent.listIsWritten(report)
                case .failure(let error): agent.listIsMissing("\(error)")
                }
            }
        }
    }

    private func listIsWritten(_ report: [String]) {
        for line in report { LogLine.cniList(line).log(to: logger) }
        sequence.problem = nil
        guard sequence.step == .cni else { return }
        sequence.step = .ready
        LogLine.ready.log(to: logger)
        writeSessions()
        onSequence?(sequence)
    }

    private func listIsMissing(_ problem: String) {
        if problem != sequence.problem { LogLine.setting("the list of plugins", failed: problem).log(to: logger) }
        sequence.problem = problem
        onSequence?(sequence)
        let timer =
            cniTimer
            ?? LoopTimer(queue: executor.queue) { [weak self] in self?.assumeIsolated { $0.writeList() } }
        cniTimer = timer
        timer.arm(.now + Self.cniRetry, at: .now)
    }

    /// Tells of every step from now on; the present one at once.
    func observeSequence(_ body: @Sendable @escaping (StartSequence) -> Void) {
        onSequence = body
        body(sequence)
    }
}

extension Configuration.CNISettings {
    var installer: Installer {
        var installer = Installer(sourceDirectory: binDir)
        (installer.binDirectory, installer.confDirectory) = (binDir, confDir)
        (installer.name, installer.conflist) = (name, template)
        return installer
    }
}
