import ControlAPI
import Glibc

/// Forms in which an answer is printed.
package enum OutputFormat: String, Sendable, CaseIterable {
    /// A table of what is asked most.
    case table
    /// More columns.
    case wide
    /// The agent's document as it came.
    case json
}

/// Asks the agent and prints the answer: what the commands of `martletctl` have in common.
package struct Console: Sendable {
    /// Asks on the socket of this console.
    package let client: ControlClient
    private let format: OutputFormat

    /// Questions go to the agent on `socket`.
    package init(socket: String, format: OutputFormat) {
        (client, self.format) = (ControlClient(socket: socket), format)
    }

    /// Prints the answer, and returns it as it came.
    @discardableResult
    package func show(_ request: ControlRequest) throws(ControlError) -> [UInt8] {
        let answer = try client.get(request)
        Self.write(format == .json ? answer : Array(try text(request, answer).utf8))
        return answer
    }

    /// Prints the sessions; false when a configured peer is down.
    package func showSessions() throws(ControlError) -> Bool {
        let answer = try show(.sessions)
        return try client.decode(SessionsDocument.self, answer).sessions.allSatisfy(\.isEstablished)
    }

    /// Prints an audit of the kernel; false when something is not as desired.
    package func showVerification() throws(ControlError) -> Bool {
        let answer = try show(.fibVerify)
        return try client.decode(FIBVerifyDocument.self, answer).differences.isEmpty
    }

    /// Prints the checks; false when one failed.
    package func showHealth(_ request: ControlRequest) throws(ControlError) -> Bool {
        let answer = try show(request)
        return try client.decode(HealthDocument.self, answer).ok
    }

    /// Writes to a descriptor as much as its reader takes.
    package static func write(_ bytes: [UInt8], to descriptor: Int32 = STDOUT_FILENO) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { return }
            rest = rest.dropFirst(max(0, count))
        }
    }

    /// The answer as a table.
    private func text(_ request: ControlRequest, _ answer: [UInt8]) throws(ControlError) -> String {
        let wide = format == .wide
        return switch request {
        case .status: Render.status(try client.decode(StatusDocument.self, answer))
        case .sessions: Render.sessions(try client.decode(SessionsDocument.self, answer), wide: wide)
        case .session:
            try client.decode(SessionsDocument.self, answer).sessions.map { Render.session($0) }.joined(separator: "\n")
        case .routes: Render.routes(try client.decode(RoutesDocument.self, answer), wide: wide)
        case .fib: Render.fib(try client.decode(FIBDocument.self, answer))
        case .fibVerify: Render.verify(try client.decode(FIBVerifyDocument.self, answer))
        case .pods: Render.pods(try client.decode(PodsDocument.self, answer), wide: wide)
        case .bfd: Render.bfd(try client.decode(BFDDocument.self, answer), wide: wide)
        case .explain: Render.explain(try client.decode(ExplainDocument.self, answer))
        case .policyTest: Render.policy(try client.decode(PolicyDocument.self, answer))
        case .history: Render.history(try client.decode(HistoryDocument.self, answer))
        case .order: Render.sessions(try client.decode(SessionsDocument.self, answer))
        case .drain, .undrain: Render.drain(try client.decode(DrainDocument.self, answer))
        case .health, .ready: Render.health(try client.decode(HealthDocument.self, answer))
        case .configuration: Render.configuration(try client.decode(ConfigurationDocument.self, answer))
        case .capture, .metrics: String(decoding: answer, as: UTF8.self)
        }
    }
}
