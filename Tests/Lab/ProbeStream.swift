import CLinux
import Foundation
import NetTypes
import TestKit

/// What a stream of questions lost.
package struct StreamReport: Sendable, CustomStringConvertible {
    package let sent: Int
    package let answered: Int
    /// Questions whose answer never came (lost on either way).
    package var lost: Int { sent - answered }
    /// The longest run of lost questions.
    package let longestGap: Int
    /// Questions that the kernel did not take, with its first error.
    package let refused: Int
    package let firstError: DeliveryError?

    package var description: String {
        "\(sent) sent, \(answered) answered, \(lost) lost (longest gap \(longestGap))"
            + (firstError.map { ", first error: \($0)" } ?? "")
    }
}

/// A stream of numbered UDP questions from one namespace to an echo server, on one thread, until it is stopped.
package final class ProbeStream: @unchecked Sendable {
    private let lock = NSLock()
    private var stopping = false
    private var sentSoFar = 0
    private var answeredSoFar = 0
    private var report: StreamReport?
    private let finished = DispatchSemaphore(value: 0)

    /// - Parameter rate: questions per second.
    package init(from namespace: Namespace, to target: IPAddress, rate: Int = 500) throws {
        let descriptor = try namespace.udp(.any(target.family), to: Endpoint(target, EchoServer.port))
        Thread.detachNewThread { [self] in
            let report = stream(descriptor, interval: 1 / Double(rate))
            close(descriptor)
            lock.withLock { self.report = report }
            finished.signal()
        }
    }

    /// Questions sent, and answers that came, up to now.
    package var progress: (sent: Int, answered: Int) { lock.withLock { (sentSoFar, answeredSoFar) } }

    /// Waits until so many more questions were sent.
    package func advance(by count: Int) throws {
        let goal = progress.sent + count
        try eventually("the stream has sent \(count) more", within: 30) { progress.sent >= goal }
    }

    /// Stops sending, waits a second for the last answers, and tells what was lost.
    package func stop() -> StreamReport {
        lock.withLock { stopping = true }
        finished.wait()
        return lock.withLock { report }
            ?? StreamReport(sent: 0, answered: 0, longestGap: 0, refused: 0, firstError: nil)
    }

    private func stream(_ descriptor: Int32, interval: Double) -> StreamReport {
        var answered: [Bool] = []
        var refused = 0
        var firstError: DeliveryError?
        func drain() {
            while let error = receiveError(descriptor) { firstError = firstError ?? error }
            while let datagram = receive(descriptor) {
                let number = String(decoding: datagram.payload.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)
                if let index = Int(number), answered.indices.contains(index) { answered[index] = true }
            }
        }
        let start = Date()
        while !lock.withLock({ stopping }) {
            let due = start.addingTimeInterval(Double(answered.count) * interval)
            if ready(descriptor, POLLIN, within: due.timeIntervalSinceNow) { drain() }
            while Date() >= start.addingTimeInterval(Double(answered.count) * interval) {
                let question = Array("\(answered.count) ".utf8)
                answered.append(false)
                // A pending ICMP error is reported by the next send, which then takes nothing: it is asked again.
                if send(descriptor, question, question.count, Int32(MSG_NOSIGNAL)) >= 0 { continue }
                drain()
                if send(descriptor, question, question.count, Int32(MSG_NOSIGNAL)) < 0 { refused += 1 }
            }
            let count = answered.count, got = answered.lazy.filter { $0 }.count
            lock.withLock { (sentSoFar, answeredSoFar) = (count, got) }
        }
        let end = Date().addingTimeInterval(1)
        while answered.contains(false), ready(descriptor, POLLIN, within: end.timeIntervalSinceNow) { drain() }
        let gaps = answered.split(separator: true).map(\.count)
        return StreamReport(
            sent: answered.count, answered: answered.filter { $0 }.count, longestGap: gaps.max() ?? 0, refused: refused,
            firstError: firstError)
    }
}
