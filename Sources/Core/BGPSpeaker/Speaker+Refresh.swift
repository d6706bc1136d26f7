import BGPWire
import NetTypes
import RIB

/// Tables that are sent once more (RFC 2918), between a begin and an end where both sides can (RFC 7313).
extension Speaker {
    /// The peer asked for our table again.
    package mutating func refresh(_ family: AddressFamily, for id: PeerID) {
        guard let session = peers[id]?.session, session.negotiated.families.contains(family) else { return }
        if session.negotiated.enhancedRouteRefresh {
            peers[id]?.session?.owesRefresh.insert(FamilySet(family))
        } else {
            rib.resend(family, to: id)
        }
    }

    /// The peer begins to send its table again. From one that restarts gracefully that means nothing before its
    /// End-of-RIB (RFC 7313 section 4); others may never send that.
    package mutating func refreshBegan(_ family: AddressFamily, from id: PeerID, at now: Instant) {
        guard let session = peers[id]?.session,
            session.negotiated.peerGracefulRestart == nil || session.endOfRIBReceived.contains(family)
        else { return }
        peers[id]?.session?.refreshReceiving.insert(FamilySet(family))
        peers[id]?.retained?.refreshBegan(family, at: now)
        rib.markStale(family, of: id)
    }

    /// The peer has sent its table again: what it did not repeat is gone. An end whose begin meant nothing means
    /// nothing either.
    package mutating func refreshEnded(_ family: AddressFamily, from id: PeerID) {
        guard peers[id]?.session?.refreshReceiving.remove(FamilySet(family)) != nil else { return }
        peers[id]?.retained?.refreshEnded(family)
        if peers[id]?.retained?.isEmpty == true { peers[id]?.retained = nil }
        rib.sweepStale(family, of: id)
    }
}
