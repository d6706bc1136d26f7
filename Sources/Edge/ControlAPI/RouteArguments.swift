/// Arguments that do not fit together, in words.
package struct UsageError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What does not fit, for a person.
    package let description: String
}

extension RouteQuery {
    /// The query that the arguments of `martletctl routes` mean. `rejected` is empty for the paths of all peers.
    package init(
        received: String?, rejected: String?, advertised: String?, prefix: String?, longer: Bool, limit: Int?
    ) throws(UsageError) {
        guard [received, rejected, advertised].count(where: { $0 != nil }) <= 1 else {
            throw UsageError(description: "Give one of --received, --rejected and --advertised.")
        }
        guard limit ?? 0 >= 0 else { throw UsageError(description: "--limit must be 0 or more.") }
        // `--rejected 10.0.0.0/8` means all peers and that prefix: no peer has such a name.
        let slipped = prefix == nil && rejected?.contains("/") == true
        let table: Table =
            switch (received, rejected, advertised) {
            case (let peer?, _, _): .received(peer: peer)
            case (_, let peer?, _): .rejected(peer: peer.isEmpty || slipped ? nil : peer)
            case (_, _, let peer?): .advertised(peer: peer)
            case (nil, nil, nil): .all
            }
        let selection = try PrefixSelection(prefix: slipped ? rejected : prefix, longer: longer)
        self.init(table: table, selection: selection, limit: limit)
    }
}

extension PrefixSelection {
    /// What `[PREFIX] [--longer]` mean.
    package init(prefix: String?, longer: Bool) throws(UsageError) {
        guard let prefix else {
            guard !longer else { throw UsageError(description: "--longer needs a prefix, such as 10.244.0.0/16.") }
            self = .all
            return
        }
        guard let selection = PrefixSelection(argument: prefix, longer: longer) else {
            let wanted = longer ? "a prefix" : "an address, or a prefix"
            throw UsageError(description: "\(prefix) is not \(wanted) without host bits, such as 10.244.1.0/24.")
        }
        self = selection
    }
}
