import AgentClient
import Foundation
import Synchronization
import TestKit
import Testing

@testable import ControlAPI

/// Answers without an end.
struct StreamTests {
    /// Streams that a server was asked for.
    private final class Streams: Sendable {
        private let list = Mutex<[ControlStream]>([])
        var all: [ControlStream] { list.withLock { $0 } }

        func provider() -> ClosureProvider {
            ClosureProvider { request in
                guard case .capture = request else { return .error(status: 404, message: "\(request)") }
                let stream = ControlStream()
                self.list.withLock { $0.append(stream) }
                return .capture(stream)
            }
        }
    }

    /// What a client has got so far.
    private final class Received: Sendable {
        private let octets = Mutex<[UInt8]>([])
        func add(_ more: [UInt8]) { octets.withLock { $0 += more } }
        var all: [UInt8] { octets.withLock { $0 } }
    }

    @Test func `octets reach the client as they come, until the stream is finished`() async throws {
        let streams = Streams()
        try await withServer(streams.provider()) { socket, _ async throws in
            let received = Received()
            async let end: Void = blocking {
                try ControlClient(socket: socket).stream(.capture("tor")) {
                    received.add($0)
                    return true
                }
            }
            #expect(try await poll(within: 20) { streams.all.count == 1 })
            let stream = try #require(streams.all.first)
            for number in 0..<50 as Range<UInt8> {
                #expect(stream.offer([number]))
                #expect(try await poll(within: 20) { received.all.last == number })
            }
            let large = [UInt8](repeating: 7, count: 1 << 20)
            #expect(stream.offer(large))
            stream.finish()
            try await end
            #expect(received.all == Array(0..<50) + large)
        }
    }

    @Test func `a client that goes away is noticed, though nothing is said`() async throws {
        let streams = Streams()
        try await withServer(streams.provider()) { socket, _ async throws in
            try await blocking {
                let path = "http://martletd/v1/capture/tor"
                let done = try run(["curl", "-sS", "-m", "1", "--unix-socket", socket, path])
                #expect(done.status == 28)
            }
            let stream = try #require(streams.all.first)
            let isGone = Atomic(false)
            stream.onAbandon { isGone.store(true, ordering: .relaxed) }
            #expect(try await poll(within: 20) { isGone.load(ordering: .relaxed) })
            #expect(!stream.offer([1]))
        }
    }

    @Test func `a client that does not read costs a bounded number of octets`() {
        let stream = ControlStream()
        let piece = [UInt8](repeating: 1, count: 1 << 20)
        #expect((0..<4).allSatisfy { _ in stream.offer(piece) })
        #expect(!stream.offer(piece))
        #expect(!stream.offer([1]))
        var buffer = [UInt8](repeating: 0, count: 2)
        #expect(buffer.withUnsafeMutableBytes { stream.read(into: $0) } == 2)
        #expect(stream.offer([9, 9]))
        #expect(!stream.offer([9]))
    }

    @Test func `more captures than there may be are refused, and end with the server`() async throws {
        let streams = Streams()
        try await withServer(streams.provider()) { socket, server async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 1...8 {
                    group.addTask {
                        try await blocking { try ControlClient(socket: socket).stream(.capture("tor")) { _ in true } }
                    }
                    #expect(try await poll(within: 20) { streams.all.count == number })
                    // The answer's head has been sent when the first octet has been read.
                    let stream = try #require(streams.all.last)
                    #expect(stream.offer([1]))
                    #expect(try await poll(within: 20) { stream.isRead })
                }
                await #expect(throws: ControlError.self) {
                    try await blocking { try ControlClient(socket: socket).stream(.capture("tor")) { _ in true } }
                }
                await server.stop()
                try await group.waitForAll()
            }
        }
    }
}
