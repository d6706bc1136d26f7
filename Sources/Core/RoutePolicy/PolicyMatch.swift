import BGPWire
import NetTypes

/// A path as policies look at it: where the decoded attributes stay for the next rule, and the next prefix.
package struct PolicyRoute {
    /// Prefixes that share the attributes are looked at one after the other.
    package var prefix: Prefix
    package let attributes: PathAttributes
    /// Name of the peer that the path came from; `local` for our own.
    package let source: String
    private var decoded: AttributeFields?

    package init(_ prefix: Prefix, _ attributes: PathAttributes, from source: String) {
        self.prefix = prefix
        self.attributes = attributes
        self.source = source
    }

    /// The name that stands for what the node originates.
    package static let local = "local"

    mutating func fields() -> AttributeFields {
        if let decoded { return decoded }
        let fields = AttributeFields(attributes)
        decoded = fields
        return fields
    }
}

/// What a rule is about: all of the conditions that are given must hold, and of the values of one any is enough.
package struct PolicyMatch: Sendable, Hashable {
    /// One of the conditions, by its key in the configuration.
    package enum Condition: String, Sendable, Hashable, CaseIterable {
        case families, peers, prefixes, nextHops, asPath, communities, largeCommunities
    }

    package var families: [AddressFamily] = []
    /// Peers that the path came from.
    package var peers: [String] = []
    package var prefixes: [PrefixPattern] = []
    package var nextHops: [Prefix] = []
    package var asPath = ASPathMatch()
    /// Each element: all of these.
    package var communities: [[CommunityPattern]] = []
    package var largeCommunities: [[LargeCommunityPattern]] = []

    package init() {}

    /// Whether every path matches.
    package var isEverything: Bool { self == PolicyMatch() }

    /// The first condition that does not hold; nil: the path matches. Cheap ones are looked at first.
    package func mismatch(_ route: inout PolicyRoute) -> Condition? {
        let prefix = route.prefix
        if !families.isEmpty, !families.contains(prefix.family) { return .families }
        if !peers.isEmpty, !peers.contains(route.source) { return .peers }
        if !prefixes.isEmpty, !prefixes.contains(where: { $0.matches(prefix) }) { return .prefixes }
        let nextHop = route.attributes.nextHop
        if !nextHops.isEmpty, !nextHops.contains(where: { $0.contains(nextHop) }) { return .nextHops }
        if !asPath.holds(for: &route) { return .asPath }
        if !communities.isEmpty {
            let present = route.fields().communities
            let matches = communities.contains { $0.allSatisfy { pattern in present.contains(where: pattern.matches) } }
            if !matches { return .communities }
        }
        if !largeCommunities.isEmpty {
            let present = route.fields().largeCommunities
            let matches = largeCommunities.contains {
                $0.allSatisfy { pattern in present.contains(where: pattern.matches) }
            }
            if !matches { return .largeCommunities }
        }
        return nil
    }
}

/// Conditions on AS_PATH.
package struct ASPathMatch: Sendable, Hashable {
    /// In hops, as the decision counts them: a set is one.
    package var lengths: ClosedRange<UInt16>?
    /// Any of these stands in the path.
    package var contains: [ASNumber] = []
    /// The leftmost AS, the neighbour, is one of these.
    package var startsWith: [ASNumber] = []
    /// The rightmost AS, where the path began, is one of these.
    package var endsWith: [ASNumber] = []
    package var patterns: [ASPathPattern] = []

    package init() {}

    func holds(for route: inout PolicyRoute) -> Bool {
        let attributes = route.attributes
        if let lengths, !lengths.contains(attributes.summary.asPathLength) { return false }
        if !startsWith.isEmpty, !startsWith.contains(attributes.summary.neighborAS) { return false }
        if !contains.isEmpty, !contains.contains(where: { attributes.containsAS($0) > 0 }) { return false }
        guard !endsWith.isEmpty || !patterns.isEmpty else { return true }
        let path = route.fields().asPath
        if !endsWith.isEmpty {
            // A path that ends with a set says of nobody that it began there (RFC 9774).
            guard let last = path.segments.last, last.kind == 2, let origin = last.numbers.last,
                endsWith.contains(origin)
            else { return false }
        }
        return patterns.isEmpty || patterns.contains { $0.matches(path) }
    }
}
