import NetTypes

/// Answers questions about the running agent: the loops' side of the control socket.
package protocol ControlProvider: Sendable {
    /// Called off every loop; other requests are served while it waits.
    func respond(to request: ControlRequest) async -> ControlReply
}

/// A question on the control socket.
package enum ControlRequest: Sendable, Equatable {
    /// `/v1/status`
    case status
    /// `/v1/sessions`
    case sessions
    /// `/v1/sessions/{peer}`: name or address of a peer.
    case session(String)
    /// `/v1/routes`
    case routes(RouteQuery)
    /// `/v1/fib`
    case fib(PrefixSelection)
    /// `/v1/fib/verify`: the kernel is read afresh.
    case fibVerify
    /// `/v1/pods`
    case pods
    /// `/v1/bfd`
    case bfd
    /// `/v1/explain/{address}`: an address is the prefix of its full length.
    case explain(Prefix)
    /// `/v1/sessions/{peer}/history`
    case history(String)
    /// `/v1/policy/{peer}/{prefix}`: a dry run.
    case policyTest(PolicyQuery)
    /// `/v1/capture/{peer}`: what is said on the peer's connections, as a pcap file without an end.
    case capture(String)
    /// `POST /v1/sessions/{peer}/shutdown`, `.../enable`, `.../reset`: answered with the session as it then is.
    case order(PeerOrder, peer: String)
    /// `POST /v1/drain`
    case drain(DrainOrder)
    /// `POST /v1/undrain`
    case undrain
    /// `/healthz`: does every part answer?
    case health
    /// `/readyz`: can the node be relied on?
    case ready
    /// `/metrics`: Prometheus text.
    case metrics
    /// `/v1/configuration`: the file as it is in use.
    case configuration
}

/// Which paths `/v1/routes` answers with.
package struct RouteQuery: Sendable, Equatable {
    /// Which table is asked.
    package enum Table: Sendable, Equatable {
        /// All accepted paths: our own and the peers'.
        case all
        /// What a peer announces, before and after the import policy.
        case received(peer: String)
        /// What the import policy refused, of one peer or of all.
        case rejected(peer: String?)
        /// What we announce to a peer.
        case advertised(peer: String)
    }

    /// Which table is asked.
    package var table: Table
    /// Which prefixes of it.
    package var selection: PrefixSelection
    /// Most paths in the answer; nil: all.
    package var limit: Int?

    package init(table: Table = .all, selection: PrefixSelection = .all, limit: Int? = nil) {
        self.table = table
        self.selection = selection
        self.limit = limit
    }
}

/// Which prefixes are asked for.
package enum PrefixSelection: Sendable, Equatable {
    case all
    /// Parameter `prefix=10.244.1.0/24`: this one.
    case exact(Prefix)
    /// Parameters `prefix=10.244.0.0/16&longer=true`: this one and all inside it.
    case within(Prefix)
    /// Parameter `address=10.244.1.7`: the longest one that the address lies in.
    case longestMatch(IPAddress)

    /// Whether a prefix is among those asked for; of a longest match, every prefix that the address lies in.
    package func includes(_ prefix: Prefix) -> Bool {
        switch self {
        case .all: true
        case .exact(let wanted): prefix == wanted
        case .within(let wanted): wanted.contains(prefix)
        case .longestMatch(let address): prefix.contains(address)
        }
    }

    /// Those of `items` that are asked for, in their order; of a longest match all with the longest prefix.
    package func select<Item>(_ items: [Item], prefix: (Item) -> Prefix) -> [Item] {
        let included = items.filter { includes(prefix($0)) }
        guard case .longestMatch = self, let longest = included.map({ prefix($0).length }).max() else {
            return included
        }
        return included.filter { prefix($0).length == longest }
    }
}

/// An answer on the control socket.
package enum ControlReply: Sendable, Equatable {
    case status(StatusDocument)
    /// Answers `sessions` and, with one element, `session`.
    case sessions(SessionsDocument)
    case routes(RoutesDocument)
    case fib(FIBDocument)
    case fibVerify(FIBVerifyDocument)
    case pods(PodsDocument)
    case bfd(BFDDocument)
    case explain(ExplainDocument)
    case history(HistoryDocument)
    case policy(PolicyDocument)
    case drain(DrainDocument)
    /// A pcap file that is written while it is read.
    case capture(ControlStream)
    /// HTTP status 200, or 503 when a check failed.
    case health(HealthDocument)
    /// Metrics in the text form of Prometheus.
    case metrics(String)
    case configuration(ConfigurationDocument)
    /// HTTP status (404: no such peer, 503: not ready) and what is wrong, for a person.
    case error(status: Int, message: String)
}

extension PrefixSelection {
    /// What an operator types: an address asks for its longest match, a prefix for itself, with `longer` for all in it.
    package init?(argument text: String, longer: Bool = false) {
        if let address = IPAddress(text), !longer {
            self = .longestMatch(address)
        } else if let prefix = Prefix(strict: text) {
            self = longer ? .within(prefix) : .exact(prefix)
        } else {
            return nil
        }
    }
}
