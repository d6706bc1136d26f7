import Dispatch
import Glibc
import NetTypes
import Synchronization
import Testing

@testable import DispatchIO

/// A listener that hangs up on whoever calls, at different moments of the first exchange.
@Suite(.serialized) struct `A caller that is hung up on` {
    enum Manner: CaseIterable {
        /// FIN, then a reset for what comes.
        case atOnce
        /// A reset in place of FIN.
        case reset
        /// FIN after the caller's octets were read.
        case afterReading
    }

    private static func hangUp(_ fd: CInt, _ manner: Manner) {
        let other = PlainSocket(fd: fd)
        switch manner {
        case .atOnce: other.close()
        case .reset: other.reset()
        case .afterReading:
            var octets = [UInt8](repeating: 0, count: 64)
            _ = read(fd, &octets, octets.count)
            other.close()
        }
    }

    @Test(arguments: Manner.allCases)
    func `is told so every time`(manner: Manner) throws {
        let (listener, address) = try Loopback.listener()
        let calls = 500
        DispatchQueue(label: "hang up").async {
            for _ in 0..<calls { Self.hangUp(accept(listener, nil, nil), manner) }
            close(listener)
        }
        for call in 0..<calls {
            let recorder = Recorder()
            let told = DispatchSemaphore(value: 0)
            nonisolated(unsafe) var connection: TCPConnection?
            try recorder.queue.sync {
                let fd = try TCPSocket.connect(to: address, from: nil)
                let handlers = TCPConnection.Handlers(
                    connected: { connection?.send(pattern(64)) }, received: { _ in },
                    closed: { _ in told.signal() }, drained: {})
                connection = TCPConnection(fd: fd, connecting: true, queue: recorder.queue, handlers: handlers)
            }
            #expect(told.wait(timeout: .now() + 10) == .success, "call \(call)")
            recorder.queue.sync { connection?.cancel() }
        }
    }
}
