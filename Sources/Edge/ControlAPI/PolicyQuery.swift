import NetTypes

/// What `martletctl policy test` asks: a peer, a prefix, a direction, and a path that need not exist.
package struct PolicyQuery: Sendable, Equatable {
    /// Which policies of the peer are asked.
    package enum Direction: String, Codable, Sendable, CaseIterable {
        case `import`, export
    }

    /// Attributes as an operator types them; nil or empty: not given.
    package struct Path: Sendable, Equatable {
        /// AS numbers with spaces.
        package var asPath: String?
        package var nextHop: String?
        package var med: UInt32?
        package var localPref: UInt32?
        package var communities: [String] = []
        package var largeCommunities: [String] = []

        package init() {}

        /// Nothing is given: the path that the agent holds is meant.
        package var isEmpty: Bool { self == Path() }
    }

    /// Name or address of a peer.
    package var peer: String
    package var prefix: Prefix
    package var direction: Direction
    /// On export, the peer that the path is from; nil: whoever it is from, or this node.
    package var source: String?
    package var path = Path()

    package init(peer: String, prefix: Prefix, direction: Direction = .import) {
        (self.peer, self.prefix, self.direction) = (peer, prefix, direction)
    }

    /// What the arguments of `martletctl policy test` mean.
    package init(
        peer: String, prefix: String, isImport: Bool, isExport: Bool, source: String?, path: Path
    ) throws(UsageError) {
        guard !(isImport && isExport) else { throw UsageError(description: "Give one of --import and --export.") }
        guard source == nil || isExport else { throw UsageError(description: "--from needs --export.") }
        self.init(
            peer: peer, prefix: try DestinationArgument.prefix(prefix), direction: isExport ? .export : .import)
        self.source = source
        self.path = path
    }

    /// Parameters of the request, in a fixed order.
    var parameters: [(String, String)] {
        var list = [("direction", direction.rawValue)]
        if let source { list.append(("from", source)) }
        if let value = path.asPath { list.append(("asPath", value)) }
        if let value = path.nextHop { list.append(("nextHop", value)) }
        if let value = path.med { list.append(("med", String(value))) }
        if let value = path.localPref { list.append(("localPref", String(value))) }
        if !path.communities.isEmpty { list.append(("communities", path.communities.joined(separator: ","))) }
        if !path.largeCommunities.isEmpty {
            list.append(("largeCommunities", path.largeCommunities.joined(separator: ",")))
        }
        return list
    }

    /// Reads parameters; `take` removes one and gives its value.
    init(peer: String, prefix: Prefix, take: (String) -> String?) throws(ControlRequestError) {
        self.init(peer: peer, prefix: prefix)
        if let text = take("direction") {
            guard let direction = Direction(rawValue: text) else {
                throw Self.bad("direction must be import or export")
            }
            self.direction = direction
        }
        source = take("from")
        path.asPath = take("asPath")
        path.nextHop = take("nextHop")
        path.med = try Self.number("med", take("med"))
        path.localPref = try Self.number("localPref", take("localPref"))
        path.communities = take("communities").map { $0.split(separator: ",").map(String.init) } ?? []
        path.largeCommunities = take("largeCommunities").map { $0.split(separator: ",").map(String.init) } ?? []
    }

    private static func number(_ key: String, _ text: String?) throws(ControlRequestError) -> UInt32? {
        guard let text else { return nil }
        guard let number = UInt32(text) else { throw bad("\(key) must be a number from 0 to 4294967295") }
        return number
    }

    private static func bad(_ message: String) -> ControlRequestError {
        ControlRequestError(status: 400, message: message)
    }
}
