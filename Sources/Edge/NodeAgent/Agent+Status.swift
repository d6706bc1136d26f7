import DispatchIO
import Glibc

/// How the sessions are, as the plugin's STATUS must know it.
struct SessionTally {
    var established = 0
    /// Whether one has ever been established since the agent started.
    var hadSession = false
}

extension Agent {
    func sessionsChanged(_ established: Int) {
        let hadSession = tally.hadSession || established > 0
        guard established != tally.established || hadSession != tally.hadSession else { return }
        (tally.established, tally.hadSession) = (established, hadSession)
        writeSessions()
        advance()
    }

    /// `sessions.json` in the state directory: a plugin that is asked for its STATUS every few seconds reads a small
    /// file and asks nobody.
    func writeSessions() {
        let text =
            "{\"schema\":1,\"configured\":\(configuration.bgp.peers.count),\"established\":\(tally.established),"
            + "\"hadSession\":\(tally.hadSession),\"ready\":\(sequence.isReady),\"pid\":\(getpid())}\n"
        do throws(SystemError) {
            try StateFile.write(Array(text.utf8), to: "\(configuration.node.stateDir)/sessions.json")
        } catch {
            LogLine.setting("sessions.json", failed: error.description).log(to: logger)
        }
    }

    /// Without it the addresses of pods whose DEL never came stay taken.
    func startLeakSweeper() async {
        let sweeper = LeakSweeper(
            stateDirectory: configuration.node.stateDir, settings: configuration.ipam, logger: logger)
        leaks = sweeper
        await sweeper.start()
    }
}
