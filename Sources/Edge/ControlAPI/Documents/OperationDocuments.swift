/// Answer of `POST /v1/drain` and `POST /v1/undrain`.
package struct DrainDocument: Codable, Sendable, Equatable {
    /// Where the node's goodbye stands.
    package enum State: String, Codable, Sendable, CaseIterable {
        case serving
        /// Peers were asked to prefer others.
        case draining
        /// Nothing is announced, and all sessions are shut down.
        case drained
    }

    package var schema = ControlSchema.version
    package var state: State
    /// Text for the peers (RFC 9003).
    package var message: String?
    /// Sessions that were established when it began.
    package var sessions: Int

    package init(state: State, message: String? = nil, sessions: Int = 0) {
        self.state = state
        self.message = message
        self.sessions = sessions
    }
}

/// Why a session is administratively down.
package struct ShutdownDocument: Codable, Sendable, Equatable {
    /// Who shut it down.
    package enum Source: String, Codable, Sendable, CaseIterable {
        /// `shutdown` in the configuration.
        case configuration
        /// `martletctl shutdown`.
        case `operator`
    }

    package var by: Source
    /// Text for the peer's operators (RFC 9003).
    package var message: String?

    package init(by source: Source, message: String? = nil) {
        by = source
        self.message = message
    }
}

/// Answer of `/v1/sessions/{peer}/history`: what happened to a session, the oldest first.
package struct HistoryDocument: Codable, Sendable, Equatable {
    package var schema = ControlSchema.version
    /// Name of the peer.
    package var peer: String
    /// At most the last 1,000.
    package var events: [SessionEventDocument]

    package init(peer: String, events: [SessionEventDocument]) {
        self.peer = peer
        self.events = events
    }
}

/// Something that happened to a session, once or several times in a row.
package struct SessionEventDocument: Codable, Sendable, Equatable {
    /// What sort of thing.
    package enum Kind: String, Codable, Sendable, CaseIterable {
        /// The session machine moved (RFC 4271 section 8.2.2).
        case state
        case up
        case down
        case notificationSent
        case notificationReceived
        /// A malformed attribute, and what was done about it (RFC 7606).
        case fault
        /// The BFD session with the peer (RFC 5880).
        case bfd
        /// The agent itself: started, stopped, drained.
        case agent
    }

    /// First time: wall clock, milliseconds since 1970.
    package var firstMilliseconds: Int64
    /// Last time.
    package var lastMilliseconds: Int64
    /// How often; more than 1 where the same happened again and again.
    package var count: Int
    package var kind: Kind
    /// In words.
    package var text: String
    /// The whole message in hexadecimal, where one was at fault.
    package var message: String?

    package init(
        firstMilliseconds: Int64, lastMilliseconds: Int64? = nil, count: Int = 1, kind: Kind, text: String
    ) {
        self.firstMilliseconds = firstMilliseconds
        self.lastMilliseconds = lastMilliseconds ?? firstMilliseconds
        self.count = count
        self.kind = kind
        self.text = text
    }
}

/// Answer of `/healthz` and `/readyz`.
package struct HealthDocument: Codable, Sendable, Equatable {
    package var schema = ControlSchema.version
    /// All checks are good.
    package var ok: Bool
    package var checks: [CheckDocument]

    package init(checks: [CheckDocument]) {
        ok = checks.allSatisfy(\.ok)
        self.checks = checks
    }
}

/// One thing that was looked at.
package struct CheckDocument: Codable, Sendable, Equatable {
    /// As `loop speaker` or `sessions`.
    package var name: String
    package var ok: Bool
    /// What is wrong, or what was found.
    package var detail: String

    package init(_ name: String, ok: Bool, _ detail: String) {
        self.name = name
        self.ok = ok
        self.detail = detail
    }
}
