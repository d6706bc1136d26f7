import BGPWire
import NetTypes

/// What a rule changes of the paths that it accepts.
package struct PolicyActions: Sendable, Hashable {
    /// Where traffic is sent.
    package enum NextHop: Sendable, Hashable {
        /// Our address on the session; on export only.
        case own
        case address(IPAddress)
    }

    package var localPref: UInt32?
    package var med: UInt32?
    package var nextHop: NextHop?
    /// How often AS_PATH gets one more: on export our own AS, on import the neighbour's.
    package var prependTimes = 0
    /// Put in front of AS_PATH as they stand.
    package var prepend: [ASNumber] = []
    package var communities = ListEdit<UInt32, CommunityPattern>()
    package var largeCommunities = ListEdit<LargeCommunity, LargeCommunityPattern>()
    /// Share of the traffic among equally good paths, 1...256; means something on import only.
    package var weight: UInt16?

    package init() {}

    package var isNothing: Bool { self == PolicyActions() }
}

/// A change of a list of communities: first it is replaced, then some are removed, then some added.
package struct ListEdit<Element: Hashable & Sendable, Pattern: Hashable & Sendable>: Sendable, Hashable {
    package var replacement: [Element]?
    package var remove: [Pattern] = []
    package var add: [Element] = []

    package init() {}

    package var isNothing: Bool { replacement == nil && remove.isEmpty && add.isEmpty }

    func apply(to list: inout [Element], matches: (Pattern, Element) -> Bool) {
        if let replacement { list = replacement }
        if !remove.isEmpty { list.removeAll { element in remove.contains { matches($0, element) } } }
        for element in add where !list.contains(element) { list.append(element) }
    }
}

extension PolicyActions {
    /// The attributes as the decision sees them. LOCAL_PREF is ours to give, whoever sent the path.
    package func imported(_ attributes: PathAttributes, family: AddressFamily) -> PathAttributes {
        guard !isNothing else { return attributes }
        var fields = AttributeFields(attributes)
        if let localPref { fields.localPref = localPref }
        if let med { fields.med = med }
        let neighbor = attributes.summary.neighborAS
        let repeated = neighbor.rawValue == 0 ? [] : Array(repeating: neighbor, count: prependTimes)
        fields.asPath.prepend(prepend + repeated)
        editCommunities(of: &fields)
        var (nextHop, linkLocal) = (attributes.nextHop, attributes.linkLocalNextHop)
        if case .address(let address) = self.nextHop, address.canCarry(family) { (nextHop, linkLocal) = (address, nil) }
        var result = PathAttributes(fields, nextHop: nextHop, linkLocalNextHop: linkLocal)
        result.weight = weight ?? attributes.weight
        return result
    }

    /// How a path is written for a peer, by the built-in rules and then by these. `own` is our address on the session.
    package func adjust(_ rewrite: inout ExportRewrite, localAS: ASNumber, own: IPAddress?, family: AddressFamily) {
        if let localPref, !rewrite.isExternal { rewrite.localPref = localPref }
        if let med { rewrite.med = med }
        // Behind what a peer wants to see in front: our own AS towards external ones.
        rewrite.prepend += Array(repeating: localAS, count: prependTimes) + prepend
        switch nextHop {
        case .own:
            if let own { (rewrite.nextHop, rewrite.linkLocalNextHop) = (own, nil) }
        case .address(let address) where address.canCarry(family):
            (rewrite.nextHop, rewrite.linkLocalNextHop) = (address, nil)
        case .address, nil: break
        }
    }

    /// The communities of a path that was rewritten for a peer.
    package func exported(_ attributes: PathAttributes) -> PathAttributes {
        guard !communities.isNothing || !largeCommunities.isNothing else { return attributes }
        var fields = AttributeFields(attributes)
        editCommunities(of: &fields)
        return PathAttributes(
            fields, nextHop: attributes.nextHop, linkLocalNextHop: attributes.linkLocalNextHop)
    }

    private func editCommunities(of fields: inout AttributeFields) {
        communities.apply(to: &fields.communities) { $0.matches($1) }
        largeCommunities.apply(to: &fields.largeCommunities) { $0.matches($1) }
    }
}

extension IPAddress {
    /// Whether it can be the next hop of a family: IPv6 can be of both (RFC 8950).
    fileprivate func canCarry(_ family: AddressFamily) -> Bool { self.family == family || self.family == .ipv6 }
}

extension ASPath {
    /// Puts numbers in front, as part of the first sequence where there is one.
    fileprivate mutating func prepend(_ numbers: [ASNumber]) {
        guard !numbers.isEmpty else { return }
        if let first = segments.first, first.kind == 2 {
            segments[0].numbers = numbers + first.numbers
        } else {
            segments.insert(Segment(kind: 2, numbers: numbers), at: 0)
        }
    }
}
