import BGPWire
import NetTypes

/// Which of two connections lives (RFC 4271 section 6.8): the one that the side with the higher BGP identifier opened.
///
/// The RFC lets both sides decide when an OPEN meets a connection in OpenConfirm. Messages of two connections overtake
/// each other, so by the letter one side can establish the weaker connection, and close the stronger, while the other
/// side does the opposite, and both are dead. Here the weaker connection waits with its KEEPALIVE, without which the
/// peer cannot establish it, until the stronger one has shown an OPEN (the weaker is closed) or is gone (it goes on).
extension Peer {
    /// Longest wait for the stronger connection; shorter than the shortest hold time, 3 s.
    private static let collisionTime = Duration.seconds(2)

    /// The loser's end: Cease, connection collision resolution.
    var collision: Failure { Failure(.collision, "another connection to the peer is preferred") }

    /// A valid OPEN came on this connection: it goes on, waits, or ends.
    mutating func settle(_ id: ConnectionID, at now: Instant) {
        guard let connection = connections.first(where: { $0.id == id }) else { return }
        guard let other = connections.first(where: { $0.id != id }) else { return handle(.release, on: id, at: now) }
        switch other.state {
        case .idle, .active, .connect:
            // Its OPEN has not gone out, so the peer cannot prefer it.
            drop(other.id, collision, at: now)
        case .openSent where prefers(other, over: connection):
            timers.start(.collision, after: Self.collisionTime, at: now)
        case .openSent, .established:
            // Beside an established session stands a connection of a peer that has restarted: KEEPALIVE will prove it.
            handle(.release, on: id, at: now)
        case .openConfirm:
            drop(prefers(other, over: connection) ? id : other.id, collision, at: now)
        }
    }

    /// One connection is left: if it waited for another one, it need not any more.
    mutating func releaseSurvivor(at now: Instant) {
        guard mode == .running, connections.count == 1, let survivor = connections.first, survivor.isWithheld else {
            return
        }
        timers.stop(.collision)
        handle(.release, on: survivor.id, at: now)
    }

    /// The stronger connection has not shown an OPEN in time.
    mutating func abandonStalled(at now: Instant) {
        guard connections.contains(where: \.isWithheld) else { return }
        for stalled in connections where !stalled.isWithheld { drop(stalled.id, collision, at: now) }
    }

    /// Ends one connection for the sake of another; what happens to the other stays the reason of this call.
    mutating func drop(_ id: ConnectionID, _ failure: Failure, at now: Instant) {
        let why = reason
        handle(.stop(failure), on: id, at: now)
        reason = why
    }

    /// Identifiers compare as unsigned numbers; equal ones of different AS by AS (RFC 6286 section 2.3).
    private func prefers(_ other: Connection, over connection: Connection) -> Bool {
        guard other.direction != connection.direction, let peer = connection.negotiated else { return false }
        let ours = (configuration.routerID, configuration.localAS)
        return (ours > (peer.peerRouterID, peer.peerAS)) == (other.direction == .outgoing)
    }
}
