import BGPWire
import NetTypes

extension Peer {
    /// The path to the peer is dead, as BFD says: what is up or coming up ends with Cease / BFD Down (RFC 9384), and
    /// nothing of the peer is kept, restart or not. It is tried again at the pace of ConnectRetry.
    package mutating func pathFailed(because text: String, at now: Instant) -> [PeerAction] {
        let failure = Failure(.pathFailed, text)
        for id in connections.map(\.id) { handle(.stop(failure), on: id, at: now) }
        return finish(at: now)
    }
}
