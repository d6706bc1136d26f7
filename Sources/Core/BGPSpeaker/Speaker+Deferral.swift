import NetTypes
import RIB

/// RFC 4724 section 4.1: who has restarted says End-of-RIB when it has chosen its routes anew, which it can when its
/// peers have told theirs.
extension Speaker {
    /// Whether a peer that keeps our routes has to wait for our End-of-RIB, because it would take those for gone that
    /// we have not learned again. The routes themselves are told as they come.
    ///
    /// Where a peer is told nothing but what the node has of its own there is nothing to wait for. Nor for a peer that
    /// has restarted, too: it keeps nothing of ours, and two that wait for each other wait for the end of the deferral.
    func holdsEndOfRIB(_ record: Record) -> Bool {
        guard isDeferring, let negotiated = record.session?.negotiated, negotiated.gracefulRestart,
            negotiated.peerGracefulRestart?.restarted == false
        else { return false }
        return record.peer.exportMode == .all || rib.hasAggregates
    }
}
