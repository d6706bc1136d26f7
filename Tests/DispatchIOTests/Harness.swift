import Dispatch
import Glibc
import NetTypes
import Testing

@testable import DispatchIO

/// Runs a connection's owner: one queue, and what the connection told it, which tests wait for.
final class Recorder: @unchecked Sendable {
    let queue = DispatchQueue(label: "test")
    private let changed = DispatchSemaphore(value: 0)
    // Touched on the queue only.
    var received: [UInt8] = []
    var closedReasons: [String] = []
    var connectedCount = 0
    var drainedCount = 0
    /// What had come in when the connection said that this was all for now.
    var rests: [Int] = []
    var onReceived: (UnsafeRawBufferPointer) -> Void = { _ in }

    func handlers() -> TCPConnection.Handlers {
        TCPConnection.Handlers(
            connected: { self.connectedCount += 1 },
            received: { bytes in
                self.received += Array(bytes)
                self.onReceived(bytes)
            },
            rested: { self.rests.append(self.received.count) }, closed: { self.closedReasons.append($0) },
            drained: { self.drainedCount += 1 })
    }

    /// Asks on the queue, between events, until `condition` holds; false after ten seconds.
    func wait(for condition: @escaping (Recorder) -> Bool) -> Bool {
        let deadline = DispatchTime.now() + .seconds(10)
        while DispatchTime.now() < deadline {
            if queue.sync(execute: { condition(self) }) { return true }
            // Gives the queue a moment: an event later, not a time later, decides.
            _ = changed.wait(timeout: .now() + .milliseconds(2))
        }
        return false
    }
}

/// A plain blocking socket of the other side.
struct PlainSocket {
    let fd: CInt

    func send(_ bytes: [UInt8]) {
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(fd, $0.baseAddress.map { $0 + offset }, bytes.count - offset, CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            offset += count
        }
    }

    /// Everything until the other side closes.
    func readToEnd() -> (bytes: [UInt8], error: CInt) {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(fd, &buffer, buffer.count)
            if count == 0 { return (result, 0) }
            if count < 0 { return (result, errno) }
            result += buffer.prefix(count)
        }
    }

    /// Closes with a reset instead of a FIN.
    func reset() {
        var value = linger(l_onoff: 1, l_linger: 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
        Glibc.close(fd)
    }

    func close() { Glibc.close(fd) }
}

enum Loopback {
    static var address: IPAddress { .v4(IPv4Address(rawValue: 0x7f00_0001)) }

    /// A listening socket on a free port, blocking.
    static func listener() throws -> (fd: CInt, address: SocketAddress) {
        let fd = try TCPSocket.listen(on: SocketAddress(address, port: 0))
        let flags = fcntl(fd, F_GETFL)
        _ = fcntl(fd, F_SETFL, flags & ~O_NONBLOCK)
        return (fd, try #require(TCPSocket.localAddress(fd)))
    }

    /// A connection of `recorder`, and its other end, which blocks for at most ten seconds.
    static func pair(_ recorder: Recorder) throws -> (TCPConnection, PlainSocket) {
        let (listener, address) = try listener()
        defer { close(listener) }
        let fd = try TCPSocket.connect(to: address, from: nil)
        let connection = recorder.queue.sync {
            TCPConnection(fd: fd, connecting: true, queue: recorder.queue, handlers: recorder.handlers())
        }
        let other = accept(listener, nil, nil)
        var time = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(other, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(other, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        try #require(recorder.wait { $0.connectedCount == 1 })
        return (connection, PlainSocket(fd: other))
    }
}

/// Bytes in which a lost, doubled or misplaced one shows.
func pattern(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, length in
        for index in 0..<count { buffer[index] = UInt8(truncatingIfNeeded: index &* 31 ^ index >> 8 ^ index >> 16) }
        length = count
    }
}
