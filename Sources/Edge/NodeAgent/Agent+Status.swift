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
        // What is in it was parsed from addresses and numbers, or is a peer's name: nothing needs escaping.
        let conflict = conflicts.first.map { "\"conflict\":\"\($0)\"," } ?? ""
        let sessions = "\"configured\":\(configuration.bgp.peers.count),\"established\":\(tally.established)"
        let state = "\"hadSession\":\(tally.hadSession),\"ready\":\(sequence.isReady),\"pid\":\(getpid())"
        let text = "{\(conflict)\"schema\":1,\(sessions),\(state)}\n"
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
