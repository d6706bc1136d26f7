/// Answer of `/v1/sessions` and `/v1/sessions/{peer}`: the configured peers.
package struct SessionsDocument: Codable, Sendable, Equatable {
    /// Version of all documents; grows when the meaning of a key changes or a key goes.
    package var schema = ControlSchema.version
    /// In the order of the configuration.
    package var sessions: [SessionDocument]
    /// Where a goodbye stands; absent while the node serves.
    package var drain: DrainDocument?
    /// Configured ranges, whose callers become peers; absent where there are none.
    package var ranges: [RangeDocument]?

    package init(sessions: [SessionDocument], drain: DrainDocument? = nil) {
        self.sessions = sessions
        self.drain = drain
    }
}

/// States of a session (RFC 4271 section 8.2.2), and one for peers that an operator shut down.
package enum SessionStateDocument: String, Codable, Sendable, CaseIterable {
    case shutDown, idle, connect, active, openSent, openConfirm, established
}

/// One configured peer.
package struct SessionDocument: Codable, Sendable, Equatable {
    /// Configured name.
    package var peer: String
    /// The peer's address.
    package var address: String
    /// The peer's AS number: as configured, or as its OPEN says; 0 while any external AS is accepted.
    package var asn: UInt32
    /// Our AS number in this session.
    package var localASN: UInt32
    /// Whether the peer is in another AS.
    package var external: Bool
    /// State of the connection that is furthest.
    package var state: SessionStateDocument
    /// Seconds since the session came up or went down; since the agent knows the peer where it never was up.
    package var sinceSeconds: Int
    /// Seconds since the session came up; absent when it is not established.
    package var uptimeSeconds: Int?
    /// Why the session last went down or could not come up; kept while it is up again.
    package var lastError: SessionErrorDocument?
    /// The last NOTIFICATION, sent or received: attempts to connect that fail afterwards do not overwrite it.
    package var lastNotification: SessionErrorDocument?
    /// Who keeps the session down, and the text for the peer's operators; absent when nobody does.
    package var shutdown: ShutdownDocument?
    /// Our role towards the peer's AS (RFC 9234).
    package var role: String?
    /// Our address in the session.
    package var localAddress: String?
    /// The peer's BGP identifier from its OPEN.
    package var peerRouterID: String?
    /// Whether we only wait for the peer to connect.
    package var passive: Bool = false
    /// Negotiated hold time in seconds, or the configured one while the session is down; 0: none.
    package var holdTime: Int
    /// Seconds between our KEEPALIVEs; 0: none.
    package var keepaliveTime: Int
    /// Capabilities of the OPEN that we sent, in words.
    package var capabilitiesSent: [String] = []
    /// Capabilities of the OPEN that we received, in words.
    package var capabilitiesReceived: [String] = []
    /// Running timers.
    package var timers: [TimerDocument] = []
    /// One for each configured family.
    package var families: [SessionFamilyDocument] = []
    /// Messages of all connections since the agent started.
    package var messagesReceived: MessageCountsDocument = MessageCountsDocument()
    /// As `messagesReceived`.
    package var messagesSent: MessageCountsDocument = MessageCountsDocument()
    /// How often the session came up since the agent started.
    package var establishedCount: Int = 0
    /// How often it went down again.
    package var dropCount: Int = 0
    /// `route reflector` or `route server` where the peer is a client of this one (RFC 4456, RFC 7947).
    package var clientOf: String?
    /// What is missing before the peer can be called: its address is not known yet.
    package var waiting: String?
    /// The BFD session with the peer; absent where none is configured.
    package var bfd: BFDSessionDocument?
    /// What stays of a peer that is away and will be back (RFC 4724, RFC 9494); absent when nothing does.
    package var kept: KeptPathsDocument?

    package init(
        peer: String, address: String, asn: UInt32, localASN: UInt32, external: Bool, state: SessionStateDocument,
        sinceSeconds: Int, uptimeSeconds: Int? = nil, lastError: SessionErrorDocument? = nil,
        localAddress: String? = nil, peerRouterID: String? = nil, passive: Bool = false, holdTime: Int,
        keepaliveTime: Int, capabilitiesSent: [String] = [], capabilitiesReceived: [String] = [],
        timers: [TimerDocument] = [], families: [SessionFamilyDocument] = [],
        messagesReceived: MessageCountsDocument = MessageCountsDocument(),
        messagesSent: MessageCountsDocument = MessageCountsDocument(), establishedCount: Int = 0, dropCount: Int = 0
    ) {
        self.peer = peer
        self.address = address
        self.asn = asn
        self.localASN = localASN
        self.external = external
        self.state = state
        self.sinceSeconds = sinceSeconds
        self.uptimeSeconds = uptimeSeconds
        self.lastError = lastError
        self.localAddress = localAddress
        self.peerRouterID = peerRouterID
        self.passive = passive
        self.holdTime = holdTime
        self.keepaliveTime = keepaliveTime
        self.capabilitiesSent = capabilitiesSent
        self.capabilitiesReceived = capabilitiesReceived
        self.timers = timers
        self.families = families
        self.messagesReceived = messagesReceived
        self.messagesSent = messagesSent
        self.establishedCount = establishedCount
        self.dropCount = dropCount
    }

    /// Whether the session is up.
    package var isEstablished: Bool { state == .established }
}

/// Stale paths of a peer that is away.
package struct KeptPathsDocument: Codable, Sendable, Equatable {
    /// Paths of all families, rejected ones too.
    package var paths: Int
    /// Seconds until the next of them may go; absent where nothing limits that.
    package var endsInSeconds: Int?

    package init(paths: Int, endsInSeconds: Int? = nil) {
        self.paths = paths
        self.endsInSeconds = endsInSeconds
    }
}

/// Why a session is, or was, down.
package struct SessionErrorDocument: Codable, Sendable, Equatable {
    /// Who found the fault.
    package enum Direction: String, Codable, Sendable {
        /// The peer sent a NOTIFICATION.
        case received
        /// We sent a NOTIFICATION.
        case sent
        /// No NOTIFICATION: the network or an operator of this node.
        case local
    }

    /// Who found the fault.
    package var direction: Direction
    /// NOTIFICATION error code (RFC 4271 section 4.5).
    package var code: Int?
    /// NOTIFICATION error subcode.
    package var subcode: Int?
    /// In words, with the peer's shutdown text where it sent one (RFC 9003).
    package var text: String
    /// Seconds since it happened.
    package var secondsAgo: Int

    package init(direction: Direction, code: Int? = nil, subcode: Int? = nil, text: String, secondsAgo: Int) {
        self.direction = direction
        self.code = code
        self.subcode = subcode
        self.text = text
        self.secondsAgo = secondsAgo
    }
}

/// A running timer of a session.
package struct TimerDocument: Codable, Sendable, Equatable {
    /// `hold`, `keepalive`, `connectRetry`, ...
    package var name: String
    /// Whole seconds until it is due.
    package var remainingSeconds: Int

    package init(name: String, remainingSeconds: Int) {
        self.name = name
        self.remainingSeconds = remainingSeconds
    }
}

/// What a session carries of one address family: from what came in to what is used, and what goes out.
package struct SessionFamilyDocument: Codable, Sendable, Equatable {
    /// `ipv4-unicast` or `ipv6-unicast`.
    package var family: String
    /// Whether both sides offered the family; false while the session is down.
    package var negotiated: Bool
    /// Prefixes that the peer announces now.
    package var received: Int = 0
    /// Those that the import policy let through.
    package var accepted: Int = 0
    /// Those that it did not.
    package var rejected: Int = 0
    /// Those that are best or in the best set.
    package var best: Int = 0
    /// Prefixes that we announce to the peer.
    package var advertised: Int = 0
    /// The peer's End-of-RIB (RFC 4724 section 2) came in this session.
    package var endOfRIBReceived: Bool = false
    /// Ours was sent.
    package var endOfRIBSent: Bool = false
    /// Prefixes kept from before the peer restarted.
    package var stale: Int = 0

    /// Where a prefix may have several paths (RFC 7911), as this node sees it.
    package enum AddPath: String, Codable, Sendable, CaseIterable {
        case receive
        case send
        case both
    }

    /// What was negotiated; absent: one path in both directions.
    package var addPath: AddPath?
    /// Announcements that were not taken because of `maxPrefixes` with `action: block`; absent where there were none.
    package var blocked: Int?

    package init(
        family: String, negotiated: Bool, received: Int = 0, accepted: Int = 0, rejected: Int = 0, best: Int = 0,
        advertised: Int = 0, endOfRIBReceived: Bool = false, endOfRIBSent: Bool = false, stale: Int = 0
    ) {
        self.family = family
        self.negotiated = negotiated
        self.received = received
        self.accepted = accepted
        self.rejected = rejected
        self.best = best
        self.advertised = advertised
        self.endOfRIBReceived = endOfRIBReceived
        self.endOfRIBSent = endOfRIBSent
        self.stale = stale
    }
}

/// Messages by type.
package struct MessageCountsDocument: Codable, Sendable, Equatable {
    package var open: Int = 0
    package var update: Int = 0
    package var notification: Int = 0
    package var keepalive: Int = 0
    package var routeRefresh: Int = 0

    package init(open: Int = 0, update: Int = 0, notification: Int = 0, keepalive: Int = 0, routeRefresh: Int = 0) {
        self.open = open
        self.update = update
        self.notification = notification
        self.keepalive = keepalive
        self.routeRefresh = routeRefresh
    }

    /// All messages.
    package var total: Int { open + update + notification + keepalive + routeRefresh }
}
