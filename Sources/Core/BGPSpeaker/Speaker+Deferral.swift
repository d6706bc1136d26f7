import NetTypes
import RIB

/// RFC 4724 section 4.1: who has restarted says End-of-RIB when it has chosen its routes anew, which it can when its
/// peers have told theirs.
extension Speaker {
    /// Whether a peer that keeps our routes has to wait for our End-of-RIB, because it would take those for gone that
    /// we have not learned again. The routes themselves are told as they come. Where a peer is told nothing but what
    /// the node has of its own there is nothing to wait for.
    func holdsEndOfRIB(_ record: Record) -> Bool {
        guard isDeferring, let session = record.session, session.negotiated.gracefulRestart else { return false }
        return record.peer.exportMode == .all || rib.hasAggregates
    }

    /// Whether every configured peer is up and has sent its End-of-RIB, but for those that have restarted, too: two
    /// would wait for each other.
    package var hasHeardAll: Bool {
        peers.values.allSatisfy { record in
            guard let session = record.session else { return record.isShut }
            return session.negotiated.peerGracefulRestart?.restarted == true
                || session.endOfRIBReceived.isSuperset(of: session.negotiated.families)
        }
    }
}
