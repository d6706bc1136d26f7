import BGPWire
import DispatchIO
import NetTypes

/// What an operator does with a session that runs.
extension PeerLoop {
    /// Ends the session until `enable`; the peer's operators read `message` (RFC 9003).
    func shutDown(message: String?) {
        isStarted = false
        limitTimer?.cancel()
        limitTimer = nil
        history.note(name, .agent, "shut down by the operator" + (message.map { ": \"\($0)\"" } ?? ""))
        LogLine.operation(peer: name, "shut down").log(to: logger)
        perform(machine.stop(.cease(.administrativeShutdown, text: message), at: .now))
    }

    /// Takes a shutdown back.
    func enable() {
        history.note(name, .agent, "enabled by the operator")
        LogLine.operation(peer: name, "enabled").log(to: logger)
        start()
    }

    /// Ends the session and opens it again; one that its prefix limit has shut is opened too.
    func reset(message: String?) {
        history.note(name, .agent, "reset by the operator")
        LogLine.operation(peer: name, "reset").log(to: logger)
        guard limitTimer == nil else { return tryAgain() }
        perform(machine.reset(.cease(.administrativeReset, text: message), at: .now))
    }

    /// Asks the peer for all its routes again (RFC 2918); false when there is no session, or the peer cannot.
    func requestRefresh() -> Bool {
        let actions = settings.configuration.families.families.flatMap { machine.requestRefresh($0) }
        perform(actions)
        speaker.post { [id] in $0.forgetBlocked(id) }
        return !actions.isEmpty
    }

    /// The link to the peer is there again.
    func linkCameUp() { perform(machine.linkCameUp(at: .now)) }
}
