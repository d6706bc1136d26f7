import NetTypes

/// How routes carry their next hops, and how several of them share the traffic (`fib.ecmp`).
package enum GroupStyle: String, Hashable, Sendable, CaseIterable {
    /// Nexthop groups with a table of buckets: the loss of a next hop moves no flow of the others.
    case resilient
    /// Nexthop groups that divide the range of the hash: the loss of one of three or more moves flows of the others.
    case hash
    /// No nexthop objects: every route carries its next hops itself.
    case inline
}

/// One member of a nexthop group.
package struct NextHopMember: Hashable, Sendable, BitwiseCopyable {
    /// Id of a nexthop object that is no group.
    package let id: UInt32
    /// 1...255.
    package let weight: UInt16

    package init(id: UInt32, weight: UInt16) { (self.id, self.weight) = (id, weight) }
}

/// A nexthop object as the kernel holds it: routes name it by its id, and follow when it changes.
package struct KernelNextHop: Hashable, Sendable {
    package enum Body: Hashable, Sendable {
        /// One next hop; its weight means nothing here.
        case single(RouteNextHop)
        /// Several, to share the traffic.
        case group([NextHopMember], isResilient: Bool)
        /// What we never make: drops, bridges' entries, encapsulations.
        case other
    }

    package let id: UInt32
    /// Who made it (`nh_protocol`), as of a route.
    package let protocolID: UInt8
    package let body: Body

    package init(id: UInt32, protocolID: UInt8, body: Body) {
        (self.id, self.protocolID, self.body) = (id, protocolID, body)
    }

    /// The ids that we give: far from those that others count up from 1, and easy to know by the eye.
    package static let ownIDs: ClosedRange<UInt32> = 1_790_000_000...1_799_999_999
    /// Buckets of a resilient group of ours; they cannot be changed while a group lives.
    package static let buckets: UInt16 = 128
    /// A bucket that carried nothing for so many seconds may go to a next hop that has too few.
    package static let idleSeconds: UInt32 = 30
    /// After so many seconds of imbalance busy buckets go too, so that a router that is back gets its share.
    package static let unbalancedSeconds: UInt32 = 120
}

/// What the kernel says about one nexthop object. It says nothing when a link takes its objects away.
package enum NextHopObservation: Hashable, Sendable {
    case present(KernelNextHop)
    case absent(UInt32)
}

/// One change of the kernel's nexthop objects.
package enum NextHopOperation: Hashable, Sendable {
    /// Makes one under an id that nobody has; the kernel refuses it otherwise.
    case add(KernelNextHop)
    /// Exchanges the contents of ours in place: all its routes follow at once.
    case replace(KernelNextHop)
    /// Removes ours, and with it every route that still uses it.
    case delete(KernelNextHop)

    package var object: KernelNextHop {
        switch self {
        case .add(let object), .replace(let object), .delete(let object): object
        }
    }
}

extension NextHopOperation: CustomStringConvertible {
    package var description: String {
        let what =
            switch object.body {
            case .single(let hop): "next hop " + (hop.gateway?.description ?? "of interface \(hop.interfaceIndex)")
            case .group(let members, _): "group \(object.id) of \(members.count) next hops"
            case .other: "nexthop \(object.id)"
            }
        return switch self {
        case .add: "make \(what)"
        case .replace: "change \(what)"
        case .delete: "remove \(what)"
        }
    }
}
