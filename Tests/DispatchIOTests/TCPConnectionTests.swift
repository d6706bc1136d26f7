import Dispatch
import Foundation
import Glibc
import NetTypes
import Testing

@testable import DispatchIO

/// One after the other: descriptors are counted, and ports are found free.
@Suite(.serialized) struct `TCP connection` {
    private func inBackground<Value: Sendable>(_ work: @escaping @Sendable () -> Value) -> () -> Value {
        let group = DispatchGroup()
        nonisolated(unsafe) var result: Value?
        group.enter()
        Thread.detachNewThread {
            result = work()
            group.leave()
        }
        return {
            group.wait()
            guard let result else { preconditionFailure("the work ends with a result") }
            return result
        }
    }

    @Test func `ten megabytes arrive whole at a slow reader, and what was queued is told to be drained`() throws {
        let recorder = Recorder()
        let (connection, other) = try Loopback.pair(recorder)
        let bytes = pattern(10_000_000)
        recorder.queue.sync {
            for start in stride(from: 0, to: bytes.count, by: 100_000) {
                connection.send(Array(bytes[start..<min(start + 100_000, bytes.count)]))
            }
            #expect(connection.isFull)
            connection.close()
        }
        #expect(other.readToEnd() == (bytes, 0), "close comes after the last byte")
        other.close()
    }

    @Test func `drained is told once the queue is short again and not before`() throws {
        let recorder = Recorder()
        let (connection, other) = try Loopback.pair(recorder)
        recorder.queue.sync { connection.send(pattern(10_000_000)) }
        #expect(recorder.queue.sync { recorder.drainedCount } == 0)
        let read = inBackground { other.readToEnd().bytes.count }
        #expect(recorder.wait { $0.drainedCount == 1 })
        #expect(recorder.queue.sync { !connection.isFull })
        recorder.queue.sync { connection.close() }
        #expect(read() == 10_000_000)
        #expect(recorder.queue.sync { recorder.drainedCount } == 1)
        other.close()
    }

    @Test func `a queue that is never empty does not keep what was sent`() throws {
        let recorder = Recorder()
        let (connection, other) = try Loopback.pair(recorder)
        let read = inBackground { other.readToEnd().bytes.count }
        let portion = pattern(300_000)
        for _ in 0..<200 {
            #expect(recorder.wait { _ in connection.backlog < 2_000_000 })
            recorder.queue.sync { connection.send(portion) }
        }
        recorder.queue.sync { connection.close() }
        #expect(read() == 200 * portion.count)
        other.close()
    }

    @Test func `megabytes arrive whole in spite of pauses in reading`() throws {
        let recorder = Recorder()
        let (connection, other) = try Loopback.pair(recorder)
        let bytes = pattern(5_000_000)
        recorder.queue.sync {
            recorder.onReceived = { _ in
                connection.setReading(false)
                recorder.queue.async { connection.setReading(true) }
            }
        }
        let sent = inBackground { other.send(bytes) }
        #expect(recorder.wait { $0.received.count == bytes.count })
        sent()
        #expect(recorder.queue.sync { recorder.received } == bytes)
        recorder.queue.sync { connection.setReading(false) }
        other.close()
        recorder.queue.sync { connection.setReading(true) }
        #expect(recorder.wait { $0.closedReasons == ["the peer closed the connection"] })
    }

    @Test func `the end of what came in is told after it, and before the end of the connection`() throws {
        let recorder = Recorder()
        let (connection, other) = try Loopback.pair(recorder)
        recorder.queue.sync { connection.setReading(false) }
        let bytes = pattern(3_000_000)
        let sent = inBackground { other.send(bytes) }
        #expect(recorder.wait { _ in connection.hasUnreadInput })
        recorder.queue.sync { connection.setReading(true) }
        #expect(recorder.wait { $0.received.count == bytes.count && $0.rests.last == bytes.count })
        sent()
        // A read is 16 KiB; what was there together is told of once, and a turn's share is a megabyte.
        #expect(recorder.queue.sync { recorder.rests.filter { $0 > 0 }.first ?? 0 } > 16384)
        recorder.queue.sync { recorder.rests = [] }
        other.close()
        #expect(recorder.wait { $0.closedReasons == ["the peer closed the connection"] })
        #expect(recorder.queue.sync { recorder.rests } == [bytes.count])
    }

    @Test func `while reading is paused nothing is told and unread input is seen`() throws {
        let recorder = Recorder()
        let (connection, other) = try Loopback.pair(recorder)
        #expect(!recorder.queue.sync { connection.hasUnreadInput })
        recorder.queue.sync { connection.setReading(false) }
        other.send([1, 2, 3])
        #expect(recorder.wait { _ in connection.hasUnreadInput })
        #expect(recorder.queue.sync { recorder.received }.isEmpty)
        recorder.queue.sync { connection.setReading(true) }
        #expect(recorder.wait { $0.received == [1, 2, 3] })
        recorder.queue.sync { connection.close() }
        other.close()
    }

    @Test func `close delivers the last bytes though the peer still sends`() throws {
        let recorder = Recorder()
        let (connection, other) = try Loopback.pair(recorder)
        // Octets that nobody reads would turn the close into a reset, which destroys the NOTIFICATION on its way.
        recorder.queue.sync { connection.setReading(false) }
        other.send(pattern(100_000))
        let notification = pattern(21)
        recorder.queue.sync {
            connection.send(notification)
            connection.close()
            connection.send([9, 9, 9])
        }
        recorder.queue.sync {}
        // Would meet a closed socket, and be answered with a reset that ends the stream before its end is read.
        other.send(pattern(1000))
        #expect(other.readToEnd() == (notification, 0))
        #expect(recorder.queue.sync { recorder.closedReasons }.isEmpty, "nothing is told after close")
        other.close()
    }

    @Test func `a reset is told once`() throws {
        let recorder = Recorder()
        let (connection, other) = try Loopback.pair(recorder)
        other.reset()
        #expect(recorder.wait { $0.closedReasons.count == 1 })
        recorder.queue.sync {
            connection.send([1])
            connection.close()
            connection.cancel()
            connection.setReading(true)
        }
        #expect(recorder.queue.sync { recorder.closedReasons } == ["Connection reset by peer"])
    }

    @Test func `a failing send tells once that the connection is closed`() throws {
        let recorder = Recorder()
        let (connection, other) = try Loopback.pair(recorder)
        recorder.queue.sync { connection.setReading(false) }
        other.reset()
        // Reading is paused, so that only a send can find out.
        let isTold = recorder.wait {
            connection.send([1])
            return $0.closedReasons.count == 1
        }
        #expect(isTold)
        recorder.queue.sync { connection.send([1]) }
        #expect(recorder.queue.sync { recorder.closedReasons }.count == 1)
    }

    @Test func `a refused connection is told in words`() throws {
        let (listener, address) = try Loopback.listener()
        close(listener)
        let recorder = Recorder()
        let fd = try TCPSocket.connect(to: address, from: nil)
        let connection = recorder.queue.sync {
            TCPConnection(fd: fd, connecting: true, queue: recorder.queue, handlers: recorder.handlers())
        }
        #expect(recorder.wait { $0.closedReasons == ["Connection refused"] && $0.connectedCount == 0 })
        recorder.queue.sync { connection.close() }
    }

    @Test func `what is sent while connecting goes out first`() throws {
        let (listener, address) = try Loopback.listener()
        defer { close(listener) }
        let recorder = Recorder()
        let fd = try TCPSocket.connect(to: address, from: SocketAddress(Loopback.address, port: 0))
        let connection = recorder.queue.sync {
            let connection = TCPConnection(
                fd: fd, connecting: true, queue: recorder.queue, handlers: recorder.handlers())
            connection.send([1, 2])
            connection.send([3])
            return connection
        }
        let other = PlainSocket(fd: accept(listener, nil, nil))
        #expect(recorder.wait { $0.connectedCount == 1 })
        recorder.queue.sync { connection.close() }
        #expect(other.readToEnd() == ([1, 2, 3], 0))
        other.close()
    }

    @Test func `an address that is not ours cannot be connected from`() {
        #expect(throws: SystemError.self) {
            try TCPSocket.connect(
                to: SocketAddress(Loopback.address, port: 179),
                from: SocketAddress(.v4(IPv4Address(rawValue: 0xc633_6401)), port: 0))
        }
    }

    /// Descriptors of this process that are sockets of a port: other tests of the process do not count.
    private func descriptors(_ port: UInt16) -> Int {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return all.compactMap { CInt($0) }.count { fd in
            TCPSocket.localAddress(fd)?.port == port || TCPSocket.remoteAddress(fd)?.port == port
        }
    }

    @Test func `a thousand connections leave no descriptor, however they end`() throws {
        let recorder = Recorder()
        nonisolated(unsafe) var open: [TCPConnection] = []
        nonisolated(unsafe) var count = 0
        let probe = try Loopback.listener()
        close(probe.fd)
        let listener = try TCPListener(on: probe.address, queue: recorder.queue) { fd, _ in
            let connection = TCPConnection(
                fd: fd, connecting: false, queue: recorder.queue, handlers: recorder.handlers())
            // Kept, closed, cancelled, or let go at once.
            count += 1
            switch count % 4 {
            case 0: open.append(connection)
            case 1: connection.close()
            case 2: connection.cancel()
            default: break
            }
        }
        for index in 0..<1000 {
            let fd = try TCPSocket.connect(to: probe.address, from: nil)
            let client = recorder.queue.sync {
                TCPConnection(fd: fd, connecting: true, queue: recorder.queue, handlers: recorder.handlers())
            }
            switch index % 3 {
            case 0: recorder.queue.sync { client.close() }
            case 1: recorder.queue.sync { client.cancel() }
            default: break
            }
            if index.isMultiple(of: 100) { recorder.queue.sync { open.removeAll() } }
        }
        listener.cancel()
        let isClean = recorder.wait { _ in
            open.removeAll()
            return self.descriptors(probe.address.port) == 0
        }
        #expect(isClean)
    }

    @Test func `a listener tells the address of who connects, as IPv4 on a socket of both families`() throws {
        let recorder = Recorder()
        nonisolated(unsafe) var remotes: [IPAddress] = []
        let wildcard = SocketAddress(IPAddress(leftAligned: 0, family: .ipv6), port: 0)
        let probe = try TCPSocket.listen(on: wildcard)
        let port = try #require(TCPSocket.localAddress(probe)).port
        close(probe)
        let listener = try TCPListener(on: SocketAddress(wildcard.address, port: port), queue: recorder.queue) {
            fd, remote in
            remotes.append(remote.address)
            close(fd)
        }
        defer { listener.cancel() }
        let fd = try TCPSocket.connect(to: SocketAddress(Loopback.address, port: port), from: nil)
        #expect(recorder.wait { _ in remotes == [Loopback.address] })
        close(fd)
    }

    @Test func `a port in use is an error that names it`() throws {
        let (fd, address) = try Loopback.listener()
        defer { close(fd) }
        let error = #expect(throws: SystemError.self) {
            _ = try TCPListener(on: address, queue: .global()) { fd, _ in close(fd) }
        }
        #expect(
            error?.description == "bind to \(address): Address already in use" || error?.call == "listen on \(address)")
    }
}

@Suite struct `Loop timer` {
    @Test func `fires at the deadline, again when armed again, and not when disarmed`() throws {
        let recorder = Recorder()
        nonisolated(unsafe) var fired: [Instant] = []
        let timer = recorder.queue.sync { LoopTimer(queue: recorder.queue) { fired.append(.now) } }
        let start = Instant.now
        let late = start + .milliseconds(60)
        let early = start + .milliseconds(30)
        recorder.queue.sync {
            timer.arm(late, at: start)
            timer.arm(early, at: start)
        }
        #expect(recorder.wait { _ in fired.count == 1 })
        #expect(fired.first.map { $0 >= early } == true)
        recorder.queue.sync { timer.arm(late, at: .now) }
        #expect(recorder.wait { _ in fired.count == 2 })
        #expect(fired.last.map { $0 >= late } == true)
        // A deadline that has passed fires at once, one that was taken back never.
        recorder.queue.sync {
            timer.arm(.now + .milliseconds(5), at: .now)
            timer.arm(nil, at: .now)
        }
        let other = recorder.queue.sync { LoopTimer(queue: recorder.queue) { fired.append(start) } }
        recorder.queue.sync { other.arm(.now + .milliseconds(30), at: .now) }
        #expect(recorder.wait { _ in fired.count >= 3 })
        #expect(fired.dropFirst(2) == [start])
        recorder.queue.sync { timer.arm(Instant(nanoseconds: 0), at: .now) }
        #expect(recorder.wait { _ in fired.count == 4 })
        recorder.queue.sync {
            timer.cancel()
            other.cancel()
        }
    }

    @Test func `earlier deadlines fire first`() throws {
        let recorder = Recorder()
        nonisolated(unsafe) var fired: [Int] = []
        let start = Instant.now
        let timers = (0..<5).map { index in
            recorder.queue.sync { LoopTimer(queue: recorder.queue) { fired.append(index) } }
        }
        recorder.queue.sync {
            for (index, timer) in timers.enumerated() { timer.arm(start + .milliseconds(20 * (5 - index)), at: start) }
        }
        #expect(recorder.wait { _ in fired.count == 5 })
        #expect(fired == [4, 3, 2, 1, 0])
        recorder.queue.sync { timers.forEach { $0.cancel() } }
    }

    @Test func `extreme deadlines do not trap`() {
        let recorder = Recorder()
        recorder.queue.sync {
            let timer = LoopTimer(queue: recorder.queue) {}
            timer.arm(Instant(nanoseconds: .max), at: Instant(nanoseconds: .min))
            timer.arm(Instant(nanoseconds: .min), at: Instant(nanoseconds: .max))
            timer.arm(Instant(nanoseconds: .max), at: .now)
        }
    }
}

@Suite struct `Posts to a loop` {
    actor Counter: Loop {
        nonisolated let executor = LoopExecutor(label: "counter")
        nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
        var values: [Int] = []

        func add(_ value: Int) { values.append(value) }
    }

    @Test func `keep their order`() async {
        let counter = Counter()
        for value in 0..<10_000 { counter.post { $0.add(value) } }
        #expect(await counter.values == Array(0..<10_000))
    }
}
