/// What `martletctl reset` asks for.
package struct ResetOrder: Sendable, Equatable {
    /// Which way routes are exchanged anew while the session stays.
    package enum Soft: String, Sendable, CaseIterable {
        /// The peer is asked for its routes (RFC 2918).
        case `in`
        /// Ours are told again.
        case out
        case both
    }

    /// nil: the session ends, and is opened again.
    package var soft: Soft?
    /// Text for the peer's operators (RFC 9003) when the session ends.
    package var message: String?

    package init(soft: Soft? = nil, message: String? = nil) {
        self.soft = soft
        self.message = message
    }
}

/// What an operator does with one session.
package enum PeerOrder: Sendable, Equatable {
    /// Ends it until `enable`, with a text for the peer's operators (RFC 9003).
    case shutdown(message: String?)
    case enable
    case reset(ResetOrder)

    /// The last part of `/v1/sessions/{peer}/...`.
    var verb: String {
        switch self {
        case .shutdown: "shutdown"
        case .enable: "enable"
        case .reset: "reset"
        }
    }

    var parameters: [(String, String)] {
        switch self {
        case .shutdown(let message): message.map { [("message", $0)] } ?? []
        case .enable: []
        case .reset(let order):
            (order.soft.map { [("soft", $0.rawValue)] } ?? []) + (order.message.map { [("message", $0)] } ?? [])
        }
    }

    static let verbs = ["shutdown", "enable", "reset"]

    /// Reads a verb with its parameters, which `take` gives out.
    init(verb: String, take: (String) -> String?) throws(ControlRequestError) {
        switch verb {
        case "shutdown": self = .shutdown(message: take("message"))
        case "enable": self = .enable
        default:
            let word = take("soft")
            let soft = word.flatMap(ResetOrder.Soft.init(rawValue:))
            if word != nil, soft == nil {
                throw ControlRequestError(status: 400, message: "soft must be in, out or both")
            }
            self = .reset(ResetOrder(soft: soft, message: take("message")))
        }
        if let problem { throw ControlRequestError(status: 400, message: problem) }
    }

    /// What is wrong with an order that can be written.
    package var problem: String? {
        let message: String? =
            switch self {
            case .shutdown(let message): message
            case .enable: nil
            case .reset(let order): order.message
            }
        if let message, message.utf8.count > 255 { return "the message has \(message.utf8.count) bytes, 255 at most" }
        if case .reset(let order) = self, order.soft != nil, order.message != nil {
            return "a soft reset sends no NOTIFICATION that could carry a message"
        }
        return nil
    }
}
