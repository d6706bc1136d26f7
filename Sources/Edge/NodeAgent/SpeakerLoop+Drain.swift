import BGPSpeaker
import DispatchIO
import NetTypes

extension SpeakerLoop {
    /// Takes the next step of the goodbye; the peers are told in turns as always.
    func setFarewell(_ step: Farewell) {
        speaker.setFarewell(step)
        wake()
    }

    /// From now on nothing that the sessions lose is taken out of the kernel.
    func holdKernel() { setHold(.everything) }

    /// The sessions come back: removals wait until all peers have converged, or the deferral time is over.
    func resumeKernel(awaitingCallers: Bool) {
        awaitsCallers = awaitingCallers
        setHold(.removals)
        let timer = LoopTimer(queue: executor.queue) { [weak self] in self?.assumeIsolated { $0.endHold() } }
        timer.arm(.now + deferralTime, at: .now)
        holdTimer = timer
        wake()
    }

    /// All peers have converged; for some their End-of-RIB comes before their table (docs/decisions/0005).
    func endHoldSoon() {
        guard !isHoldEnding else { return }
        isHoldEnding = true
        holdTimer?.arm(.now + Speaker.sweepGrace, at: .now)
    }

    /// Everything reaches the kernel again.
    func endHold() {
        holdTimer?.cancel()
        holdTimer = nil
        setHold(.nothing)
    }

    private func setHold(_ mode: HeldChanges.Mode) {
        isHoldEnding = false
        let routes = held.set(mode)
        if !routes.isEmpty { kernel?.post { $0.apply(routes) } }
    }
}
