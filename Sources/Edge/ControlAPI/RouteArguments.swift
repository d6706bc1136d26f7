import NetTypes

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

/// What `martletctl explain` is asked about.
package enum DestinationArgument {
    /// An address as the prefix of its full length, or a prefix.
    package static func prefix(_ text: String) throws(UsageError) -> Prefix {
        if let address = IPAddress(text) { return Prefix(host: address) }
        guard let prefix = Prefix(strict: text) else {
            throw UsageError(
                description: "\(text) is neither an address nor a prefix without host bits, such as 10.244.1.0/24.")
        }
        return prefix
    }
}

extension DrainOrder {
    /// What the arguments of `martletctl drain` mean.
    package init(wait: String, message: String?) throws(UsageError) {
        guard let milliseconds = Self.milliseconds(wait) else {
            throw UsageError(description: "--wait is \"\(wait)\"; write a time up to 10m, such as 5s.")
        }
        guard message?.utf8.count ?? 0 <= 255 else {
            throw UsageError(description: "--message is longer than 255 bytes, which is all that peers get (RFC 9003).")
        }
        self.init(waitMilliseconds: milliseconds, message: message)
    }
}
