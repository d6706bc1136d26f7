/// The four states of a session; the raw values are those of a packet (RFC 5880 section 4.1).
package enum BFDState: UInt8, Hashable, Sendable, CaseIterable, BitwiseCopyable {
    case adminDown, down, initial, up
}

extension BFDState: CustomStringConvertible {
    package var description: String {
        switch self {
        case .adminDown: "AdminDown"
        case .down: "Down"
        case .initial: "Init"
        case .up: "Up"
        }
    }
}

/// What can move a session.
package enum BFDEvent: Hashable, Sendable, CaseIterable {
    /// A packet of the peer in that state was received.
    case peerAdminDown, peerDown, peerInitial, peerUp
    /// Nothing was received for the detection time.
    case detectionTimeExpired
    /// The operator takes the session out of use, or puts it back.
    case disable, enable

    init(receiving state: BFDState) {
        switch state {
        case .adminDown: self = .peerAdminDown
        case .down: self = .peerDown
        case .initial: self = .peerInitial
        case .up: self = .peerUp
        }
    }
}

extension BFDState {
    /// Where an event leads, and the diagnostic that goes with it; nil: nowhere (RFC 5880 sections 6.2, 6.8.4, 6.8.6
    /// and 6.8.16).
    package func next(_ event: BFDEvent) -> (state: BFDState, diagnostic: Diagnostic)? {
        switch (self, event) {
        case (.adminDown, .enable): (.down, .none)
        case (.adminDown, .peerAdminDown), (.adminDown, .peerDown), (.adminDown, .peerInitial), (.adminDown, .peerUp),
            (.adminDown, .detectionTimeExpired), (.adminDown, .disable):
            nil
        case (.down, .disable), (.initial, .disable), (.up, .disable): (.adminDown, .administrativelyDown)
        case (.down, .enable), (.initial, .enable), (.up, .enable): nil

        case (.down, .peerDown): (.initial, .none)
        case (.down, .peerInitial): (.up, .none)
        // Three packets make a session: a peer that is Up already has not heard yet that we are not.
        case (.down, .peerAdminDown), (.down, .peerUp), (.down, .detectionTimeExpired): nil

        case (.initial, .peerInitial), (.initial, .peerUp): (.up, .none)
        case (.initial, .peerDown): nil
        case (.initial, .peerAdminDown): (.down, .neighborSignaledDown)
        case (.initial, .detectionTimeExpired): (.down, .detectionTimeExpired)

        case (.up, .peerInitial), (.up, .peerUp): nil
        case (.up, .peerAdminDown), (.up, .peerDown): (.down, .neighborSignaledDown)
        case (.up, .detectionTimeExpired): (.down, .detectionTimeExpired)
        }
    }
}

/// A step of a session.
package struct BFDChange: Hashable, Sendable {
    package let from: BFDState
    package let to: BFDState
    /// What made it.
    package let event: BFDEvent
    /// What the peer said last of its own trouble.
    package let peerDiagnostic: Diagnostic
    /// The peer said that its BFD does not depend on its routing process (the C bit): its end says that packets are
    /// not forwarded, even while that process restarts (RFC 5882 section 4.3.1).
    package let peerIsIndependent: Bool

    /// The path that was there is not: a session was Up, and the peer has not merely switched it off (RFC 5882 sections
    /// 3.2 and 4.2).
    package var isFailure: Bool {
        guard from == .up else { return false }
        return switch event {
        case .peerDown, .detectionTimeExpired: true
        case .peerAdminDown, .peerInitial, .peerUp, .disable, .enable: false
        }
    }

    /// For people.
    package var reason: String {
        switch event {
        case .detectionTimeExpired: "nothing was received for the detection time"
        case .peerAdminDown: "the peer has switched it off (AdminDown)"
        case .peerDown:
            "the peer says Down" + (peerDiagnostic == .none ? "" : ": \(peerDiagnostic)")
        case .peerInitial, .peerUp: "the peer hears us"
        case .disable: "switched off here"
        case .enable: "switched on here"
        }
    }
}
