import CLinux
import Dispatch
import Glibc
import NetTypes

/// One TCP connection on a loop's queue: reading that drains, writing that queues, closing after the last byte.
///
/// All methods and handlers run on the queue, which is what makes it safe to call it Sendable (a block put back on that
/// queue must be); the descriptor is closed in the last cancel handler.
package final class TCPConnection: @unchecked Sendable {
    package struct Handlers {
        /// Connected (outgoing only).
        package var connected: () -> Void
        /// Bytes came in; valid during the call.
        package var received: (UnsafeRawBufferPointer) -> Void
        /// All that had come in was given out, or a turn's share of it: the time to pass on what was made of it.
        package var rested: () -> Void
        /// The peer closed, or an error: nothing follows.
        package var closed: (String) -> Void
        /// The bytes queued fell below the low mark after they were above it.
        package var drained: () -> Void

        package init(
            connected: @escaping () -> Void, received: @escaping (UnsafeRawBufferPointer) -> Void,
            rested: @escaping () -> Void = {}, closed: @escaping (String) -> Void, drained: @escaping () -> Void
        ) {
            self.connected = connected
            self.received = received
            self.rested = rested
            self.closed = closed
            self.drained = drained
        }
    }

    /// Octets that one turn reads before others get theirs.
    private static let octetsPerTurn = 1 << 20
    private static let lowMark = 1 << 16

    private let fd: CInt
    private let queue: DispatchQueue
    private let reader: any DispatchSourceRead
    private let writer: (any DispatchSourceWrite)?
    private var handlers: Handlers?
    private var isConnecting: Bool
    private var isWriterRunning = false
    private var isReaderRunning = true
    private var isClosing = false
    private var userTimeout: Duration?
    private var isCancelled = false
    private var output: [UInt8] = []
    private var outputStart = 0
    private var wasFull = false

    /// Takes over `fd`. `connecting`: a connect is in progress.
    package init(fd: CInt, connecting: Bool, queue: DispatchQueue, handlers: Handlers) {
        self.fd = fd
        self.queue = queue
        self.handlers = handlers
        isConnecting = connecting
        reader = DispatchSource.makeReadSource(fileDescriptor: fd, queue: queue)
        reader.setCancelHandler { Glibc.close(fd) }
        // Two sources of one descriptor share what Dispatch knows of it: a hang-up that comes while one of them rests
        // is lost for the other. So the writer has a descriptor of its own.
        let twin = fcntl(fd, F_DUPFD_CLOEXEC, 0)
        guard twin >= 0 else {
            writer = nil
            let reason = SystemError("fcntl").description
            reader.resume()
            queue.async { [weak self] in self?.finish(reason) }
            return
        }
        let writer = DispatchSource.makeWriteSource(fileDescriptor: twin, queue: queue)
        writer.setCancelHandler { Glibc.close(twin) }
        self.writer = writer
        reader.setEventHandler { [weak self] in self?.readable() }
        writer.setEventHandler { [weak self] in self?.writable() }
        if connecting {
            isReaderRunning = false
            isWriterRunning = true
            writer.resume()
        } else {
            reader.resume()
        }
    }

    /// An owner that lets go without closing loses the connection, not the process.
    deinit { cancel() }

    package var localAddress: SocketAddress? { TCPSocket.localAddress(fd) }
    package var remoteAddress: SocketAddress? { TCPSocket.remoteAddress(fd) }

    /// Octets that wait to be sent.
    package var backlog: Int { output.count - outputStart }

    /// More waits than should be added to; `drained` will be called.
    package var isFull: Bool { backlog > Self.lowMark }

    /// Whether octets wait in the kernel that were not read yet: evidence that the peer is alive.
    package var hasUnreadInput: Bool {
        var byte: UInt8 = 0
        return recv(fd, &byte, 1, CInt(MSG_PEEK) | CInt(MSG_DONTWAIT)) > 0
    }

    // MARK: options

    /// A new key for the live connection; the peer must change its own before data stays unacknowledged too long.
    package func setKey(_ key: TCPKey, for peer: IPAddress) throws(SystemError) {
        guard !isCancelled else { return }
        try TCPSocket.setKey(key, on: fd, for: peer)
    }

    /// Hands out the descriptor for keys, while it is open.
    func withDescriptor(_ body: (CInt) throws(SystemError) -> Void) throws(SystemError) {
        if !isCancelled { try body(fd) }
    }

    /// How long sent octets may stay unacknowledged before the connection ends; nil: as long as the kernel tries.
    ///
    /// Not while octets queue up here: the kernel would also end a connection whose peer answers but does not read, and
    /// how long that may last is for the send hold timer to say (RFC 9687).
    package func setUserTimeout(_ time: Duration?) throws(SystemError) {
        guard !isCancelled else { return }
        userTimeout = time
        try TCPSocket.setUserTimeout(fd, isWriterRunning ? nil : time)
    }

    // MARK: writing

    package func send(_ bytes: [UInt8]) {
        guard !isCancelled, !isClosing else { return }
        if outputStart > Self.lowMark, outputStart > output.count / 2 {
            // A slow reader's queue may never be quite empty: what is sent must go all the same.
            output.removeSubrange(..<outputStart)
            outputStart = 0
        }
        if output.isEmpty { output = bytes } else { output += bytes }
        if !isConnecting { flush() }
    }

    private func flush() {
        while backlog > 0 {
            let sent = output.withUnsafeBytes { buffer in
                Glibc.send(fd, buffer.baseAddress.map { $0 + outputStart }, backlog, CInt(MSG_NOSIGNAL))
            }
            if sent < 0 {
                if errno == EINTR { continue }
                if errno != EAGAIN { return finish(SystemError("send").reason) }
                wasFull = wasFull || isFull
                return runWriter(true)
            }
            outputStart += sent
        }
        // The next to be sent takes its place as it is; the octets of a portion may be those of a hundred connections.
        output = []
        outputStart = 0
        runWriter(false)
        if isClosing { return shutDown() }
        if wasFull {
            wasFull = false
            handlers?.drained()
        }
    }

    private func writable() {
        if isConnecting {
            if let error = TCPSocket.pendingError(fd) { return finish(error.reason) }
            isConnecting = false
            runWriter(false)
            runReader(true)
            handlers?.connected()
            if !isCancelled, backlog > 0 { flush() }
        } else {
            flush()
            if wasFull, !isFull {
                wasFull = false
                handlers?.drained()
            }
        }
    }

    // MARK: reading

    /// Stops or starts reading: backpressure, by closing TCP's window in the end.
    package func setReading(_ on: Bool) {
        guard !isConnecting, !isCancelled else { return }
        runReader(on)
        if on { queue.async { [weak self] in self?.readable() } }
    }

    private func readable() {
        var total = 0
        while isReaderRunning, !isCancelled {
            let count = Self.withBuffer { buffer in
                let count = read(fd, buffer.baseAddress, buffer.count)
                if count > 0, !isClosing { handlers?.received(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
                return count
            }
            if count == 0 {
                handlers?.rested()
                return finish("the peer closed the connection")
            }
            if count < 0 {
                if errno == EINTR { continue }
                let reason = errno == EAGAIN ? nil : SystemError("read").reason
                handlers?.rested()
                if let reason { finish(reason) }
                return
            }
            total += count
            if total >= Self.octetsPerTurn {
                queue.async { [weak self] in self?.readable() }
                break
            }
        }
        handlers?.rested()
    }

    private static func withBuffer<Result>(_ body: (UnsafeMutableRawBufferPointer) -> Result) -> Result {
        // More than an empty socket usually has, and little enough for what is made of it to be small too.
        withUnsafeTemporaryAllocation(byteCount: 16384, alignment: 16, body)
    }

    // MARK: closing

    /// Closes after everything queued is sent. No handler is called any more.
    package func close() {
        guard !isCancelled, !isClosing else { return }
        handlers = nil
        isClosing = true
        if isConnecting || backlog == 0 { return shutDown() }
        // A peer that does not read must not keep the descriptor for ever.
        queue.asyncAfter(deadline: .now() + 5) { self.cancel() }
    }

    /// Sends FIN and drains what the peer still sends for a moment: a reset would destroy a NOTIFICATION on its way.
    private func shutDown() {
        guard !isCancelled else { return }
        if isConnecting { return cancel() }
        shutdown(fd, CInt(SHUT_WR))
        runReader(true)
        queue.asyncAfter(deadline: .now() + 1) { self.cancel() }
    }

    private func finish(_ reason: String) {
        guard !isCancelled else { return }
        let closed = handlers?.closed
        handlers = nil
        cancel()
        closed?(reason)
    }

    /// Closes at once.
    package func cancel() {
        guard !isCancelled else { return }
        isCancelled = true
        handlers = nil
        reader.cancel()
        writer?.cancel()
        // A suspended source never runs its cancel handler.
        if !isReaderRunning { reader.resume() }
        if !isWriterRunning { writer?.resume() }
    }

    private func runReader(_ on: Bool) {
        guard on != isReaderRunning, !isCancelled else { return }
        isReaderRunning = on
        if on { reader.resume() } else { reader.suspend() }
    }

    private func runWriter(_ on: Bool) {
        guard on != isWriterRunning, !isCancelled else { return }
        isWriterRunning = on
        if on { writer?.resume() } else { writer?.suspend() }
        if let userTimeout { try? TCPSocket.setUserTimeout(fd, on ? nil : userTimeout) }
    }
}
