import BGPSession
import BGPWire
import DispatchIO
import NetTypes

/// Prefixes of a peer that are held, and those that are on their way to the speaker.
struct PrefixTally {
    private(set) var held = 0
    private(set) var inFlight = 0

    /// `count` announced prefixes go to the speaker.
    mutating func send(_ count: Int) { inFlight += count }

    /// The speaker has `count` of them, which may be of an earlier session.
    mutating func arrived(_ count: Int, held: Int) {
        self.held = held
        inFlight = max(0, inFlight - count)
    }
}

extension PeerLoop {
    /// What is on its way may be more than what shuts the session: nothing more is read until the speaker has counted.
    var isNearLimit: Bool {
        prefixLimit.map { $0.action == .shut && tally.held + tally.inFlight > Int($0.limit) } ?? false
    }

    /// Compares what is held from the peer with its limit: warns once on the way up, and shuts the session above it. A
    /// peer that leaks a table then costs us at most one batch more than the limit.
    func checkLimit(_ family: AddressFamily, held: Int) {
        guard let limit = prefixLimit, session != nil else { return }
        let maximum = Int(limit.limit)
        if held > maximum, limit.action == .shut {
            LogLine.prefixLimitExceeded(
                peer: name, family: family, held: held, limit: maximum, restartAfter: limit.restartAfter
            ).log(to: logger)
            hasWarnedOfLimit = false
            perform(machine.stop(.cease(.maximumPrefixes), at: .now))
            let timer = LoopTimer(queue: executor.queue) { [weak self] in self?.assumeIsolated { $0.tryAgain() } }
            timer.arm(.now + limit.restartAfter, at: .now)
            limitTimer = timer
        } else if held * 100 >= maximum * Int(limit.warnAt) {
            guard !hasWarnedOfLimit else { return }
            hasWarnedOfLimit = true
            LogLine.prefixLimitNear(peer: name, family: family, held: held, limit: maximum).log(to: logger)
        } else {
            hasWarnedOfLimit = false
        }
    }

    func tryAgain() {
        limitTimer?.cancel()
        limitTimer = nil
        startMachine()
    }
}

// What is over the limit is not taken, and the session goes on.
extension PeerLoop {
    /// The speaker has not taken all that the peer announced. It is asked for once more when some time has passed and
    /// there is room.
    func limitBlocks() {
        guard let limit = prefixLimit, limit.action == .block, session != nil, blockTimer == nil else { return }
        LogLine.prefixesBlocked(peer: name, limit: Int(limit.limit), restartAfter: limit.restartAfter).log(to: logger)
        history.note(name, .agent, "more prefixes than its limit of \(limit.limit): the others are not taken")
        awaitRoom(limit.restartAfter)
    }

    private func awaitRoom(_ time: Duration) {
        let timer = LoopTimer(queue: executor.queue) { [weak self] in self?.assumeIsolated { $0.lookForRoom() } }
        timer.arm(.now + time, at: .now)
        blockTimer = timer
    }

    private func lookForRoom() {
        blockTimer = nil
        guard session != nil, let limit = prefixLimit, limit.action == .block else { return }
        speaker.post { [id] in
            let blocked = $0.blocked(id)
            guard blocked.count > 0 else { return }
            self.post { $0.roomWasFound(blocked.hasRoom, limit) }
        }
    }

    private func roomWasFound(_ hasRoom: Bool, _ limit: Configuration.PrefixLimit) {
        // A peer that cannot be asked announces it at its next session.
        guard hasRoom, requestRefresh() else { return awaitRoom(limit.restartAfter) }
    }
}
