import NetTypes

/// A path or parameter that the control socket does not know.
package struct ControlRequestError: Error, Sendable, Equatable {
    /// HTTP status: 400 or 404.
    package let status: Int
    /// What is wrong, for a person.
    package let message: String

    package init(status: Int, message: String) { (self.status, self.message) = (status, message) }
}

extension ControlRequest {
    /// Reads a request: `path` without its parameters, everything already unescaped.
    package init(path: String, parameters: [(key: String, value: String)]) throws(ControlRequestError) {
        var parameters = try Parameters(parameters)
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        switch (parts.first == "v1", parts.dropFirst().first, parts.dropFirst(2).first, parts.count) {
        case (true, "status", nil, _): self = .status
        case (true, "sessions", nil, _): self = .sessions
        case (true, "sessions", let peer?, 3) where !peer.isEmpty: self = .session(peer)
        case (true, "routes", nil, _):
            self = .routes(
                RouteQuery(
                    table: try parameters.table(), selection: try parameters.selection(), limit: try parameters.limit())
            )
        case (true, "fib", nil, _): self = .fib(try parameters.selection())
        case (true, "pods", nil, _): self = .pods
        case (true, "bfd", nil, _): self = .bfd
        default: self = try Self.other(path, Array(parts), &parameters)
        }
        try parameters.finish()
    }

    private static func other(
        _ path: String, _ parts: [String], _ parameters: inout Parameters
    ) throws(ControlRequestError) -> ControlRequest {
        switch (parts.first, parts.dropFirst().first, parts.count) {
        case ("healthz", nil, _): return .health
        case ("readyz", nil, _): return .ready
        case ("metrics", nil, _): return .metrics
        case ("v1", "sessions", 4) where parts[3] == "history" && !parts[2].isEmpty: return .history(parts[2])
        case ("v1", "sessions", 4) where PeerOrder.verbs.contains(parts[3]) && !parts[2].isEmpty:
            return .order(try parameters.order(parts[3]), peer: parts[2])
        case ("v1", "fib", 3) where parts[2] == "verify": return .fibVerify
        case ("v1", "explain", 3...4):
            return .explain(try Parameters.destination(parts.dropFirst(2).joined(separator: "/")))
        case ("v1", "policy", 4...5) where !parts[2].isEmpty:
            let prefix = try Parameters.destination(parts.dropFirst(3).joined(separator: "/"))
            return .policyTest(try PolicyQuery(peer: parts[2], prefix: prefix, take: { parameters.take($0) }))
        case ("v1", "capture", 3) where !parts[2].isEmpty: return .capture(parts[2])
        case ("v1", "drain", 2): return .drain(try parameters.drainOrder())
        case ("v1", "undrain", 2): return .undrain
        case ("v1", "configuration", 2): return .configuration
        default:
            throw ControlRequestError(
                status: 404,
                message:
                    "no such path: \(path); there are /v1/status, /v1/sessions, /v1/sessions/PEER, "
                    + "/v1/sessions/PEER/history, /v1/capture/PEER, /v1/routes, /v1/fib, /v1/fib/verify, "
                    + "/v1/bfd, /v1/pods, "
                    + "/v1/explain/ADDRESS, /v1/policy/PEER/PREFIX, /v1/configuration, "
                    + "POST /v1/sessions/PEER/shutdown, POST /v1/sessions/PEER/enable, POST /v1/sessions/PEER/reset, "
                    + "POST /v1/drain, POST /v1/undrain, /healthz, /readyz, /metrics"
            )
        }
    }

    /// The HTTP method: POST for what changes something.
    package var method: String {
        switch self {
        case .drain, .undrain, .order: "POST"
        case .fibVerify, .bfd: "GET"
        case .status, .sessions, .session, .routes, .fib, .pods, .explain, .history, .policyTest, .capture, .health,
            .ready, .metrics, .configuration:
            "GET"
        }
    }

    /// Path and parameters as a client sends them: the reverse of the initializer.
    package var path: String {
        switch self {
        case .status: "/v1/status"
        case .sessions: "/v1/sessions"
        case .session(let peer): "/v1/sessions/\(Self.escape(peer))"
        case .routes(let query): "/v1/routes" + Self.text(query.parameters)
        case .fib(let selection): "/v1/fib" + Self.text(selection.parameters)
        case .fibVerify: "/v1/fib/verify"
        case .pods: "/v1/pods"
        case .bfd: "/v1/bfd"
        case .explain(let prefix):
            "/v1/explain/" + Self.escape(prefix.isHost ? prefix.address.description : prefix.description)
        case .history(let peer): "/v1/sessions/\(Self.escape(peer))/history"
        case .policyTest(let query):
            "/v1/policy/\(Self.escape(query.peer))/\(Self.escape(query.prefix.description))"
                + Self.text(query.parameters)
        case .capture(let peer): "/v1/capture/\(Self.escape(peer))"
        case .order(let order, let peer):
            "/v1/sessions/\(Self.escape(peer))/\(order.verb)" + Self.text(order.parameters)
        case .drain(let order):
            "/v1/drain"
                + Self.text([("wait", "\(order.waitMilliseconds)ms")] + (order.message.map { [("message", $0)] } ?? []))
        case .undrain: "/v1/undrain"
        case .health: "/healthz"
        case .ready: "/readyz"
        case .metrics: "/metrics"
        case .configuration: "/v1/configuration"
        }
    }

    private static func text(_ parameters: [(String, String)]) -> String {
        guard !parameters.isEmpty else { return "" }
        return "?" + parameters.map { "\($0.0)=\(escape($0.1))" }.joined(separator: "&")
    }

    /// Percent-encodes all but the unreserved characters of RFC 3986 and those that addresses need.
    private static func escape(_ text: String) -> String {
        text.utf8.map { byte in
            let character = Character(UnicodeScalar(byte))
            let plain = byte < 0x80 && (character.isLetter || character.isNumber || "-._~:".contains(character))
            return plain ? String(character) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }.joined()
    }
}

extension RouteQuery {
    fileprivate var parameters: [(String, String)] {
        let table: [(String, String)] =
            switch table {
            case .all: []
            case .received(let peer): [("table", "received"), ("peer", peer)]
            case .rejected(nil): [("table", "rejected")]
            case .rejected(let peer?): [("table", "rejected"), ("peer", peer)]
            case .advertised(let peer): [("table", "advertised"), ("peer", peer)]
            }
        return table + selection.parameters + (limit.map { [("limit", String($0))] } ?? [])
    }
}

extension PrefixSelection {
    fileprivate var parameters: [(String, String)] {
        switch self {
        case .all: []
        case .exact(let prefix): [("prefix", prefix.description)]
        case .within(let prefix): [("prefix", prefix.description), ("longer", "true")]
        case .longestMatch(let address): [("address", address.description)]
        }
    }
}

/// The parameters of a request; what nobody asked for is an error.
private struct Parameters {
    private var values: [String: String] = [:]

    init(_ parameters: [(key: String, value: String)]) throws(ControlRequestError) {
        for (key, value) in parameters {
            guard values.updateValue(value, forKey: key) == nil else {
                throw Self.bad("the parameter \(key) is given twice")
            }
        }
    }

    mutating func table() throws(ControlRequestError) -> RouteQuery.Table {
        let (table, peer) = (take("table"), take("peer"))
        switch (table, peer) {
        case (nil, nil), ("all", nil): return .all
        case ("rejected", _): return .rejected(peer: peer)
        case ("received", let peer?): return .received(peer: peer)
        case ("advertised", let peer?): return .advertised(peer: peer)
        case ("received", nil), ("advertised", nil): throw Self.bad("name a peer: peer=NAME")
        case (nil, _?), ("all", _?): throw Self.bad("peer needs table=received, table=rejected or table=advertised")
        default: throw Self.bad("table must be all, received, rejected or advertised")
        }
    }

    mutating func selection() throws(ControlRequestError) -> PrefixSelection {
        let (prefix, longer, address) = (take("prefix"), take("longer"), take("address"))
        guard longer == nil || longer == "true" || longer == "false" else {
            throw Self.bad("longer must be true or false")
        }
        switch (prefix, address) {
        case (nil, nil):
            guard longer == nil else { throw Self.bad("longer needs prefix=PREFIX") }
            return .all
        case (let text?, nil):
            guard let prefix = Prefix(strict: text) else {
                throw Self.bad("\"\(text)\" is no prefix without host bits, such as 10.244.1.0/24")
            }
            return longer == "true" ? .within(prefix) : .exact(prefix)
        case (nil, let text?):
            guard longer == nil, let address = IPAddress(text) else { throw Self.bad("\"\(text)\" is no address") }
            return .longestMatch(address)
        case (_?, _?): throw Self.bad("give prefix or address, not both")
        }
    }

    static func destination(_ text: String) throws(ControlRequestError) -> Prefix {
        if let address = IPAddress(text) { return Prefix(host: address) }
        guard let prefix = Prefix(strict: text) else {
            throw bad("\"\(text)\" is neither an address nor a prefix without host bits, such as 10.244.1.0/24")
        }
        return prefix
    }

    mutating func drainOrder() throws(ControlRequestError) -> DrainOrder {
        var order = DrainOrder(message: take("message"))
        if let text = take("wait") {
            guard let wait = DrainOrder.milliseconds(text) else {
                throw Self.bad("wait must be a time up to 10m, such as 5s")
            }
            order.waitMilliseconds = wait
        }
        return order
    }

    mutating func order(_ verb: String) throws(ControlRequestError) -> PeerOrder {
        var rest = values
        defer { values = rest }
        return try PeerOrder(verb: verb) { rest.removeValue(forKey: $0) }
    }

    mutating func limit() throws(ControlRequestError) -> Int? {
        guard let text = take("limit") else { return nil }
        guard let limit = Int(text), limit >= 0 else { throw Self.bad("limit must be a number, 0 or more") }
        return limit
    }

    func finish() throws(ControlRequestError) {
        guard let key = values.keys.min() else { return }
        throw Self.bad("this path has no parameter \(key)")
    }

    mutating func take(_ key: String) -> String? { values.removeValue(forKey: key) }

    private static func bad(_ message: String) -> ControlRequestError {
        ControlRequestError(status: 400, message: message)
    }
}
