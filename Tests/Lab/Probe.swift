import CLinux
import Foundation
import NetTypes
import TestKit

/// Asks echo servers from inside a namespace. UDP and TCP, never ICMP echo: its replies get lost on a busy machine.
package struct Probe: Sendable {
    package let namespace: Namespace
    /// The address to ask from; nil: the kernel's choice.
    package let source: IPAddress?
    /// The port to ask: an echo server's own, or one that leads to it.
    package var port = EchoServer.port

    package init(from namespace: Namespace, source: IPAddress? = nil) {
        (self.namespace, self.source) = (namespace, source)
    }

    /// What became of one question.
    package enum Outcome: Hashable, Sendable, CustomStringConvertible {
        case answered(Echo)
        /// A router, or the own kernel, said that it cannot be delivered.
        case refused(DeliveryError)
        case silence

        package var echo: Echo? {
            if case .answered(let echo) = self { echo } else { nil }
        }

        package var description: String {
            switch self {
            case .answered(let echo):
                "answered, seen as \(echo.seenSource.map(\.description) ?? "?"), "
                    + "hop limit \(echo.hopsThere) there, \(echo.hopsBack) back"
            case .refused(let error): "\(error)"
            case .silence: "no answer"
            }
        }
    }

    /// Asks by UDP, `attempts` times at most. `octets` is the length of the whole IP packet to send with DF, 0: a
    /// short one.
    package func udp(_ target: IPAddress, octets: Int = 0, attempts: Int = 3, within seconds: Double = 0.5) throws
        -> Outcome
    {
        let local = source.map { Endpoint($0, 0) } ?? .any(target.family)
        let descriptor: Int32
        do { descriptor = try namespace.udp(local, to: Endpoint(target, port)) } catch let error as LabError {
            // connect(2) of a datagram socket looks up the route: none is an answer too.
            guard
                error.description.contains(errorText(ENETUNREACH))
                    || error.description.contains(errorText(EHOSTUNREACH))
            else {
                throw error
            }
            return .refused(DeliveryError(code: ENETUNREACH, icmpType: 0, icmpCode: 0, from: nil))
        }
        defer { close(descriptor) }
        var outcome = Outcome.silence
        for attempt in 1...max(1, attempts) {
            let question = "q\(getpid())-\(attempt)"
            var payload = Array((question + " ").utf8)
            let headers = target.family == .ipv4 ? 28 : 48
            payload += [UInt8](repeating: UInt8(ascii: "."), count: max(0, octets - headers - payload.count))
            guard send(descriptor, payload, payload.count, Int32(MSG_NOSIGNAL)) == payload.count else {
                outcome = .refused(
                    receiveError(descriptor) ?? DeliveryError(code: errno, icmpType: 0, icmpCode: 0, from: nil))
                continue
            }
            outcome = answer(descriptor, question, within: seconds)
            if outcome.echo != nil { return outcome }
        }
        return outcome
    }

    private func answer(_ descriptor: Int32, _ question: String, within seconds: Double) -> Outcome {
        let deadline = Date().addingTimeInterval(seconds)
        while ready(descriptor, POLLIN, within: deadline.timeIntervalSinceNow) {
            if let error = receiveError(descriptor) { return .refused(error) }
            guard let datagram = receive(descriptor) else { continue }
            if let echo = Echo(datagram.payload, to: question, hopLimit: datagram.hopLimit) { return .answered(echo) }
        }
        return .silence
    }

    /// Asks by TCP: connects, sends a line, reads the answer.
    package func tcp(_ target: IPAddress, within seconds: Double = 3) throws -> Outcome {
        let descriptor = try namespace.tcp(to: Endpoint(target, port))
        defer { close(descriptor) }
        guard ready(descriptor, POLLOUT, within: seconds) else { return .silence }
        let question = "t\(getpid())"
        let line = Array((question + "\n").utf8)
        guard send(descriptor, line, line.count, Int32(MSG_NOSIGNAL)) == line.count else {
            return .refused(DeliveryError(code: errno, icmpType: 0, icmpCode: 0, from: nil))
        }
        guard ready(descriptor, POLLIN, within: seconds) else { return .silence }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return .silence }
        return Echo(Array(buffer.prefix(count)), to: question, hopLimit: 0).map(Outcome.answered) ?? .silence
    }
}
