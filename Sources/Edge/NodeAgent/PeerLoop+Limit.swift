import BGPSession
import BGPWire
import DispatchIO
import NetTypes

/// Prefixes of a peer that are held, and those that are on their way to the speaker.
struct PrefixTally {
    private(set) var held = 0
    private(set) var inFlight = 0

    /// Updates go to the speaker; returns how many prefixes they announce.
    mutating func send(_ updates: [Update]) -> Int {
        let count = updates.reduce(0) { $1.announced.reduce($0) { $0 + $1.prefixes.count } }
        inFlight += count
        return count
    }

    /// The speaker has `count` of them, which may be of an earlier session.
    mutating func arrived(_ count: Int, held: Int) {
        self.held = held
        inFlight = max(0, inFlight - count)
    }
}

extension PeerLoop {
    /// What is on its way may be more than the peer's limit allows: nothing more is read until the speaker has counted.
    var isNearLimit: Bool { prefixLimit.map { tally.held + tally.inFlight > Int($0.limit) } ?? false }

    /// Compares what is held from the peer with its limit: warns once on the way up, and shuts the session above it. A
    /// peer that leaks a table then costs us at most one batch more than the limit.
    func checkLimit(_ family: AddressFamily, held: Int) {
        guard let limit = prefixLimit, session != nil else { return }
        let maximum = Int(limit.limit)
        if held > maximum {
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
