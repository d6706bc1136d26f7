import NetTypes

/// What the kernel knows of a neighbour's link address (`ndm_state`).
package enum NeighborState: UInt16, Sendable, Hashable {
    case incomplete = 0x01
    case reachable = 0x02
    case stale = 0x04
    case delay = 0x08
    case probe = 0x10
    /// It was asked for and did not answer.
    case failed = 0x20
    /// The link needs none.
    case noARP = 0x40
    case permanent = 0x80

    /// As `ip neighbour` says it.
    package var text: String {
        switch self {
        case .incomplete: "incomplete"
        case .reachable: "reachable"
        case .stale: "stale"
        case .delay: "delay"
        case .probe: "probe"
        case .failed: "failed"
        case .noARP: "noarp"
        case .permanent: "permanent"
        }
    }
}

/// A neighbour: its address on a link.
package struct NeighborKey: Sendable, Hashable {
    package let address: IPAddress
    package let interfaceIndex: UInt32

    package init(address: IPAddress, interfaceIndex: UInt32) {
        (self.address, self.interfaceIndex) = (address, interfaceIndex)
    }
}

/// What the kernel says about a neighbour; no state: it has forgotten it.
package struct NeighborObservation: Sendable, Hashable {
    package let key: NeighborKey
    package let state: NeighborState?

    package init(key: NeighborKey, state: NeighborState?) { (self.key, self.state) = (key, state) }
}

/// The neighbours of the node's links, pods apart: theirs are permanent.
package struct NeighborTable: Sendable {
    /// A link with more machines than this has its later ones untold.
    private static let limit = 8192

    private var states: [NeighborKey: NeighborState] = [:]

    package init() {}

    /// Takes one over; true: it does not answer any more, and had not been known for that.
    package mutating func observe(_ observation: NeighborObservation) -> Bool {
        let before = states[observation.key]
        guard let state = observation.state, state != .permanent, state != .noARP else {
            states[observation.key] = nil
            return false
        }
        guard before != nil || states.count < Self.limit else { return false }
        states[observation.key] = state
        return state == .failed && before != .failed
    }

    /// Nil: the kernel has had no need to ask for it yet, or it needs none.
    package func state(of hop: RouteNextHop) -> NeighborState? {
        hop.gateway.flatMap { states[NeighborKey(address: $0, interfaceIndex: hop.interfaceIndex)] }
    }
}

extension RouteLedger {
    /// The next hops of all desired routes, each once, in order.
    package var nextHops: [RouteNextHop] {
        let all = sets.resolved.joined().map { RouteNextHop(gateway: $0.gateway, interfaceIndex: $0.interfaceIndex) }
        return Set(all).sorted()
    }

    /// Whether a desired route goes by a neighbour.
    package func uses(_ neighbor: NeighborKey) -> Bool {
        sets.resolved.joined().contains {
            $0.gateway == neighbor.address && $0.interfaceIndex == neighbor.interfaceIndex
        }
    }
}
