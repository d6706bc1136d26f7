import BGPSpeaker
import RIB

extension SpeakerLoop {
    /// A session ended and its routes go: the kernel's groups are told first which next hops that takes away. Not those
    /// that another peer names too, as a route reflector or a neighbour on the same link may.
    func tellLoss(of id: PeerID) {
        guard let kernel, held.mode == .nothing else { return }
        let gateways = speaker.soleNextHops(of: id)
        guard !gateways.isEmpty else { return }
        isTellingLoss = true
        kernel.post { $0.lose(gateways) }
    }

    /// Everything that follows from it has been handed over.
    func endLoss() {
        if !speaker.hasWork, !speaker.hasChanges { forgetLoss() }
    }

    /// Also when a session is new: it may be the same router's, and its next hops count again.
    func forgetLoss() {
        guard isTellingLoss else { return }
        isTellingLoss = false
        kernel?.post { $0.lossIsTold() }
    }
}
