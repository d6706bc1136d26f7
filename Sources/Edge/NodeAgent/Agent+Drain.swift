import BGPWire
import ControlAPI
import DispatchIO
import NetTypes

extension Agent {
    /// Longest wait for the peers to take the withdrawals.
    private static let flushTime = Duration.seconds(5)

    /// Says goodbye (RFC 8326): GRACEFUL_SHUTDOWN on all that is announced, a wait, withdrawals, Cease with a text (RFC
    /// 9003). What was learned stays in the kernel.
    func drain(_ order: DrainOrder) async -> ControlReply {
        guard drainState.state == .serving else {
            return .error(status: 409, message: "the node is \(drainState.state.rawValue) already; undo it by undrain")
        }
        guard let speaker else { return .error(status: 503, message: "the speaker has not started yet") }
        drainState = DrainDocument(state: .draining, message: order.message)
        var established = 0
        for peer in peers where await peer.loop.status().state == .established { established += 1 }
        drainState.sessions = established
        say("drain: announcing GRACEFUL_SHUTDOWN")
        if established > 0 {
            await speaker.setFarewell(.announced)
            await pause(.milliseconds(order.waitMilliseconds))
        }
        say("drain: withdrawing")
        await speaker.setFarewell(.withdrawn)
        let deadline = Instant.now + Self.flushTime
        while await !speaker.isQuiet, Instant.now < deadline { await pause(.milliseconds(10)) }
        await speaker.holdKernel()
        // From here on a reload starts no session either.
        drainState.state = .drained
        updateBFD()
        for peer in peers { await peer.loop.stop(.cease(.administrativeShutdown, text: order.message)) }
        say("drain: done")
        return .drain(drainState)
    }

    /// Takes the goodbye back: sessions are opened again, and get everything.
    func undrain() async -> ControlReply {
        guard drainState.state == .drained else {
            let message =
                drainState.state == .serving ? "the node is not drained" : "the node is still draining; ask again soon"
            return .error(status: 409, message: message)
        }
        drainState = DrainDocument(state: .serving)
        await speaker?.setFarewell(.none)
        await speaker?.resumeKernel(awaitingCallers: hasRanges)
        for peer in peers { await open(peer) }
        updateBFD()
        say("undrain: sessions are opened")
        return .drain(drainState)
    }

    private func say(_ text: String) {
        LogLine.farewell(text).log(to: logger)
        for peer in peers { history.note(peer.settings.name, .agent, text) }
    }

    private func pause(_ time: Duration) async {
        // Fails only when the task is cancelled, which nobody does.
        try? await Task.sleep(for: time)
    }
}
