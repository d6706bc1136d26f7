import NetTypes

/// What a speaker is to the AS on the other side of an external session (RFC 9234 section 3.1). The raw value stands in
/// the capability (section 4.1).
package enum BGPRole: UInt8, Sendable, Hashable, CaseIterable, BitwiseCopyable {
    case provider = 0
    case routeServer = 1
    case routeServerClient = 2
    case customer = 3
    case peer = 4

    /// The role that the other side must have (RFC 9234 section 4.2, table 2).
    package var counterpart: BGPRole {
        switch self {
        case .provider: .customer
        case .customer: .provider
        case .routeServer: .routeServerClient
        case .routeServerClient: .routeServer
        case .peer: .peer
        }
    }

    /// Whether a route with ONLY_TO_CUSTOMER is a leak when it comes in on a session of this role of ours (RFC 9234
    /// section 5, ingress 1 and 2).
    package func isLeak(_ onlyToCustomer: ASNumber?, from peerAS: ASNumber) -> Bool {
        switch self {
        case .provider, .routeServer: onlyToCustomer != nil
        case .peer: onlyToCustomer.map { $0 != peerAS } ?? false
        case .customer, .routeServerClient: false
        }
    }

    /// A route without the attribute gets it, with the peer's AS, when it comes in (section 5, ingress 3).
    package var marksReceived: Bool { self == .customer || self == .peer || self == .routeServerClient }

    /// A route without the attribute gets it, with our AS, when it goes out (section 5, egress 1).
    package var marksSent: Bool { self == .provider || self == .peer || self == .routeServer }

    /// A route with the attribute may not go out (section 5, egress 2).
    package var withholdsMarked: Bool { self == .customer || self == .peer || self == .routeServerClient }
}

extension BGPRole: CustomStringConvertible {
    package var description: String {
        switch self {
        case .provider: "provider"
        case .routeServer: "route-server"
        case .routeServerClient: "route-server-client"
        case .customer: "customer"
        case .peer: "peer"
        }
    }
}
