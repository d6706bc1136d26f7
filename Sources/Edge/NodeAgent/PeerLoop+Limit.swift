import BGPSession
import BGPWire
import DispatchIO
import NetTypes

extension PeerLoop {
    /// Compares what is held from the peer with its limit: warns once on the way up, and shuts the session above it. A
    /// peer that leaks a table then costs us at most one batch more than the limit.
    func checkLimit(_ family: AddressFamily, held: Int) {
        guard let limit = settings.prefixLimit, session != nil else { return }
        let maximum = Int(limit.limit)
        if held > maximum {
            LogLine.prefixLimitExceeded(peer: name, family: family, limit: maximum, restartAfter: limit.restartAfter)
                .log(to: logger)
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
