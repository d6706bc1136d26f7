import NetTypes
import RIB

extension SpeakerLoop {
    /// Whether a peer announced more than it may have, and whether there is room for some of it now.
    func blocked(_ id: PeerID) -> (count: Int, hasRoom: Bool) { speaker.blocked(id) }

    /// The peer is asked for all its paths again.
    func forgetBlocked(_ id: PeerID) { speaker.forgetBlocked(id) }
}
