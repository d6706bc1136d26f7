import BGPSession
import BGPWire
import DispatchIO
import NetTypes

extension PeerLoop {
    /// Where the peer is now; nil: not known.
    var target: PeerTarget? { place.target }

    /// The peer is somewhere else, cannot be reached any more, or was found. What is up ends: with `notification`, or
    /// where nobody is left to read one, without.
    func setPlace(_ new: PeerPlace, _ notification: NotificationMessage?) {
        guard new != place else { return }
        let (old, reason) = (place.target, new.waiting)
        place = new
        if let reason { LogLine.peerWaits(peer: name, reason).log(to: logger) }
        if case .at(let target) = new {
            LogLine.peerFound(peer: name, address: target.description).log(to: logger)
            history.note(name, .agent, "found at \(target)")
        }
        if old != nil {
            perform(machine.stop(notification, because: reason ?? "the peer has another address now", at: .now))
        } else if let reason {
            history.note(name, .agent, reason)
        }
        startMachine()
    }

    /// Lets the machine run if the peer's place is known and nothing else holds it.
    func startMachine() {
        guard isStarted, limitTimer == nil, let target else { return }
        machine.configuration.extendedNextHop = settings.extendedNextHop ?? (target.address.family == .ipv6)
        perform(machine.start(at: .now))
    }

    /// What the peer waits for before a session can be opened; nil: nothing, or the session is up.
    var waiting: String? { isStarted && session == nil ? place.waiting : nil }
}
