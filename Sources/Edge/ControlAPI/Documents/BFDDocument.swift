/// Answer of `/v1/bfd`: the BFD sessions (RFC 5880) of the peers that have one.
package struct BFDDocument: Codable, Sendable, Equatable {
    package var schema = ControlSchema.version
    /// By the peers' names.
    package var sessions: [BFDSessionDocument]
    /// Whether BFD's thread has real-time priority; without it intervals below 100 ms are not kept.
    package var realTime: Bool
    /// Packets that were none, and packets of nobody that is a peer.
    package var malformed: Int
    package var strangers: Int

    package init(sessions: [BFDSessionDocument], realTime: Bool, malformed: Int, strangers: Int) {
        self.sessions = sessions
        self.realTime = realTime
        self.malformed = malformed
        self.strangers = strangers
    }
}

/// One BFD session.
package struct BFDSessionDocument: Codable, Sendable, Equatable {
    /// The states of RFC 5880 section 4.1.
    package enum State: String, Codable, Sendable, CaseIterable {
        case adminDown, down, initial, up
    }

    package var peer: String
    package var address: String
    package var multihop = false
    package var state: State
    package var sinceSeconds = 0
    /// The state in the peer's last packet; absent: it is not heard.
    package var peerState: State?
    /// Why the session is not up, by us and by the peer; absent: nothing is said.
    package var diagnostic: String?
    package var peerDiagnostic: String?
    package var discriminator: UInt32
    package var peerDiscriminator: UInt32?
    /// Milliseconds between our packets, as agreed.
    package var transmitMilliseconds: Double = 0
    /// Milliseconds between packets that we can take.
    package var receiveMilliseconds: Double = 0
    package var multiplier: Int
    /// Milliseconds after which the peer is found gone; absent: it is not heard.
    package var detectionMilliseconds: Double?
    /// What the peer asks for: its intervals in milliseconds, and its multiplier.
    package var peerTransmitMilliseconds: Double?
    package var peerReceiveMilliseconds: Double?
    package var peerMultiplier: Int?
    /// `keyed-sha1` or `meticulous-keyed-sha1`; absent: packets are not signed.
    package var authentication: String?
    package var passive = false
    package var packetsReceived = 0
    package var packetsSent = 0
    /// Packets of the peer that were thrown away: wrong signature, number or hop limit.
    package var packetsDiscarded = 0
    /// How often it came up, and went down again.
    package var ups = 0
    package var downs = 0
    /// Why it left Up last, and when; absent: it never did.
    package var lastDown: String?
    package var lastDownSecondsAgo: Int?
    /// Why it cannot speak; absent: it can.
    package var problem: String?

    package init(peer: String, address: String, state: State, discriminator: UInt32, multiplier: Int) {
        self.peer = peer
        self.address = address
        self.state = state
        self.discriminator = discriminator
        self.multiplier = multiplier
    }
}
