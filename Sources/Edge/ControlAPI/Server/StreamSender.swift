import CMicroHTTPD
import Dispatch
import Glibc

/// A stream on its way to one client. libmicrohttpd asks for octets within `MHD_run`; while there are none the
/// connection is suspended, and resumed when the stream wakes.
final class StreamSender {
    let connection: OpaquePointer
    let stream: ControlStream
    private unowned let server: ControlServer
    var isSuspended = false

    init(_ connection: OpaquePointer, _ stream: ControlStream, _ server: ControlServer) {
        (self.connection, self.stream, self.server) = (connection, stream, server)
    }

    /// Octets for the client; 0 suspends, -1 ends.
    fileprivate func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard let count = stream.read(into: buffer) else { return -1 }
        guard count == 0 else { return count }
        isSuspended = true
        MHD_suspend_connection(connection)
        let id = ObjectIdentifier(self)
        let server = self.server
        stream.whenReadable { server.wake(id) }
        return 0
    }

    /// While a connection is suspended libmicrohttpd does not see its client go.
    var isHungUp: Bool {
        var descriptor = pollfd(fd: cmicrohttpd_socket(connection), events: Int16(POLLIN), revents: 0)
        return poll(&descriptor, 1, 0) > 0 && descriptor.revents & Int16(POLLHUP | POLLERR | POLLNVAL) != 0
    }

    /// libmicrohttpd is done with it.
    fileprivate func end() {
        stream.abandon()
        let id = ObjectIdentifier(self)
        server.assumeIsolated { $0.streamEnded(id) }
    }
}

/// libmicrohttpd's question for octets: `context` is a `StreamSender`.
func readStream(
    _ context: UnsafeMutableRawPointer?, _: UInt64, _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int
) -> Int {
    guard let context, let buffer else { return -1 }
    let sender = Unmanaged<StreamSender>.fromOpaque(context).takeUnretainedValue()
    return sender.read(into: UnsafeMutableRawBufferPointer(start: buffer, count: size))
}

/// The response is gone: gives back the reference that it had.
func freeStream(_ context: UnsafeMutableRawPointer?) {
    guard let context else { return }
    Unmanaged<StreamSender>.fromOpaque(context).takeRetainedValue().end()
}
