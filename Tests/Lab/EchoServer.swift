import CLinux
import Foundation
import NetTypes
import TestKit

/// Answers UDP and TCP on port 7007 of a namespace, over IPv4 and IPv6, and tells whom it answered:
/// `PAYLOAD` -> `PAYLOAD from ADDRESS hops N`, padded to the length of the question, so that a full-sized question
/// proves both ways.
package final class EchoServer: @unchecked Sendable {
    package static let port: UInt16 = 7007

    private let lock = NSLock()
    private var stopped = false
    private let wake: [Int32]
    private let finished = DispatchSemaphore(value: 0)

    package init(in namespace: Namespace) throws {
        var datagrams: [Int32] = []
        var listeners: [Int32] = []
        for family in AddressFamily.allCases {
            datagrams.append(try namespace.udp(.any(family, Self.port)))
            listeners.append(try namespace.listener(.any(family, Self.port)))
        }
        var pair: [Int32] = [0, 0]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else {
            throw LabError("socketpair: \(errorText())")
        }
        wake = pair
        let (sockets, accepting, stop) = (datagrams, listeners, pair[1])
        Thread.detachNewThread { [finished] in
            Self.serve(datagrams: sockets, listeners: accepting, until: stop)
            finished.signal()
        }
    }

    /// Closes its sockets; the namespace can go then.
    package func stop() {
        let first = lock.withLock {
            defer { stopped = true }
            return !stopped
        }
        guard first else { return }
        close(wake[0])
        finished.wait()
    }

    deinit { stop() }

    private static func serve(datagrams: [Int32], listeners: [Int32], until stop: Int32) {
        var connections: [Int32] = []
        defer { for descriptor in datagrams + listeners + connections + [stop] { close(descriptor) } }
        while true {
            var entries = ([stop] + datagrams + listeners + connections).map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            guard poll(&entries, nfds_t(entries.count), -1) > 0 else { continue }
            let ready = Set(entries.filter { $0.revents != 0 }.map(\.fd))
            if ready.contains(stop) { return }
            for descriptor in datagrams where ready.contains(descriptor) { answerDatagrams(descriptor) }
            for descriptor in listeners where ready.contains(descriptor) {
                let accepted = clinux_accept(descriptor, nil, nil)
                if accepted >= 0 { connections.append(accepted) }
            }
            connections.removeAll { descriptor in
                guard ready.contains(descriptor), !answerStream(descriptor) else { return false }
                close(descriptor)
                return true
            }
        }
    }

    private static func answerDatagrams(_ descriptor: Int32) {
        while receiveError(descriptor) != nil {}
        while let question = receive(descriptor), let source = question.source {
            let text = String(decoding: question.payload.prefix { $0 != UInt8(ascii: " ") && $0 != 0 }, as: UTF8.self)
            var answer = Array("\(text) from \(source.address) hops \(question.hopLimit) ".utf8)
            answer += [UInt8](repeating: UInt8(ascii: "."), count: max(0, question.payload.count - answer.count))
            _ = source.withSocketAddress { sendto(descriptor, answer, answer.count, 0, $0, $1) }
        }
    }

    /// False when the connection is over.
    private static func answerStream(_ descriptor: Int32) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 2048)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return count < 0 && errno == EAGAIN }
        var peer = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        _ = withUnsafeMutableBytes(of: &peer) { raw in
            raw.withMemoryRebound(to: sockaddr.self) { getpeername(descriptor, $0.baseAddress, &length) }
        }
        let text = String(decoding: buffer.prefix(count).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        let answer = Array("\(text) from \(Endpoint(peer).map(\.address.description) ?? "?") hops 0 \n".utf8)
        return send(descriptor, answer, answer.count, Int32(MSG_NOSIGNAL)) == answer.count
    }
}

/// What an echo server answered.
package struct Echo: Hashable, Sendable {
    /// The address that the server saw: the asker's own, if nobody translated it.
    package let seenSource: IPAddress?
    /// Hop limit of the question on arrival (UDP; 0 for TCP).
    package let hopsThere: Int
    /// Hop limit of the answer on arrival (UDP; 0 for TCP).
    package let hopsBack: Int

    /// Parses `PAYLOAD from ADDRESS hops N ...`; nil if it answers another question.
    init?(_ payload: [UInt8], to question: String, hopLimit: Int) {
        let words = String(decoding: payload, as: UTF8.self).split(separator: " ")
        guard words.count >= 5, words[0] == question, words[1] == "from", words[3] == "hops" else { return nil }
        seenSource = IPAddress(words[2])
        hopsThere = Int(words[4]) ?? -1
        hopsBack = hopLimit
    }
}
