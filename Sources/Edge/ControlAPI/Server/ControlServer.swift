import CMicroHTTPD
import Dispatch
import DispatchIO
import Glibc

/// The loop that owns the control socket: HTTP by libmicrohttpd, which has no thread here.
///
/// Its epoll descriptor lies under a read source on the loop's queue; a request is suspended while the provider thinks,
/// so a slow answer holds up nobody. GET asks, POST changes; requests are at most 16 KiB.
package actor ControlServer {
    private let executor = LoopExecutor(label: "control")
    private let provider: any ControlProvider
    private let surface: Surface
    private var running: Running?

    /// What a server offers.
    package enum Surface: Sendable {
        /// Everything, to whoever may open the UNIX socket.
        case control
        /// Metrics and health alone, to whoever reaches the TCP port.
        case metrics

        func offers(_ request: ControlRequest) -> Bool {
            self == .control || request == .metrics || request == .health || request == .ready
        }
    }

    /// What exists between `start` and `stop`.
    private struct Running {
        let socket: any ListeningSocket
        let daemon: OpaquePointer
        let source: any DispatchSourceRead
        let timer: any DispatchSourceTimer
        /// Requests that wait for the provider; their connections are suspended.
        var waiting: [ObjectIdentifier: PendingRequest] = [:]
    }

    /// Most answers without an end at a time.
    private static let mostStreams = 8

    /// Answers without an end that are on their way.
    private var senders: [ObjectIdentifier: StreamSender] = [:]
    /// Runs while there are any.
    private var pulse: (any DispatchSourceTimer)?

    nonisolated package var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Nothing happens before `start`.
    package init(provider: any ControlProvider, surface: Surface = .control) {
        (self.provider, self.surface) = (provider, surface)
    }

    /// Opens the socket (mode 0660) and serves it until `stop`; throws when another agent is alive on it.
    package func start(socket path: String) throws(ControlServerError) {
        guard running == nil else { throw .alreadyRunning(socket: path) }
        try serve(try ControlSocket(path: path))
    }

    /// Opens a TCP port and serves it until `stop`; returns the port, which the kernel chooses for port 0.
    @discardableResult
    package func start(on address: SocketAddress) throws(ControlServerError) -> UInt16 {
        guard running == nil else { throw .alreadyRunning(socket: "\(address)") }
        let socket = try TCPServerSocket(address)
        try serve(socket)
        return socket.port
    }

    private func serve(_ socket: any ListeningSocket) throws(ControlServerError) {
        // The daemon gets no reference that it would own: `stop` ends it before the actor can go.
        let context = Unmanaged.passUnretained(self).toOpaque()
        guard let daemon = cmicrohttpd_start(socket.descriptor, 128, 30, handleRequest, requestCompleted, context)
        else {
            socket.remove()
            close(socket.descriptor)
            throw .cannotOpen(socket: socket.name, reason: "libmicrohttpd does not start")
        }
        let source = DispatchSource.makeReadSource(
            fileDescriptor: cmicrohttpd_descriptor(daemon), queue: executor.queue)
        source.setEventHandler { self.assumeIsolated { $0.turn() } }
        let timer = DispatchSource.makeTimerSource(queue: executor.queue)
        timer.schedule(deadline: .distantFuture)
        timer.setEventHandler { self.assumeIsolated { $0.turn() } }
        running = Running(socket: socket, daemon: daemon, source: source, timer: timer)
        source.activate()
        timer.activate()
        turn()
    }

    /// Answers what waits with 503, closes all connections and removes the socket.
    package func stop() async {
        guard let running else { return }
        self.running = nil
        for request in running.waiting.values {
            request.reply = ControlReply.error(status: 503, message: "the agent is stopping").encoded()
            MHD_resume_connection(request.connection)
        }
        for sender in senders.values {
            sender.stream.finish()
            if sender.isSuspended { resume(sender) }
        }
        // One turn for the end of the answers, another for what it left.
        for _ in 0..<3 { MHD_run(running.daemon) }
        running.socket.remove()
        running.timer.cancel()
        // The descriptor may only be closed, which the daemon's end does, when the source has let go of it.
        nonisolated(unsafe) let daemon = running.daemon
        await withCheckedContinuation { continuation in
            running.source.setCancelHandler {
                MHD_stop_daemon(daemon)
                continuation.resume()
            }
            running.source.cancel()
        }
    }

    /// Lets libmicrohttpd do what is due. It may leave work for an immediate second turn, which its timeout then tells.
    private func turn() {
        guard let running else { return }
        MHD_run(running.daemon)
        let wait = cmicrohttpd_timeout(running.daemon)
        running.timer.schedule(deadline: wait < 0 ? .distantFuture : .now() + .milliseconds(Int(wait)))
    }

    /// One call of libmicrohttpd for a request; the last of several has no body data and finds a reply or asks for one.
    fileprivate func handle(_ request: PendingRequest) -> MHD_Result {
        if let reply = request.reply { return respond(request, reply) }
        guard running != nil else {
            return respond(request, ControlReply.error(status: 503, message: "the agent is stopping").encoded())
        }
        do throws(ControlRequestError) {
            let question = try ControlRequest(path: request.path, parameters: request.parameters)
            guard surface.offers(question) else {
                throw ControlRequestError(status: 404, message: "only /metrics, /healthz and /readyz are served here")
            }
            guard request.method == question.method else {
                var reply = ControlReply.error(status: 405, message: "only \(question.method) is served").encoded()
                reply.allow = question.method
                return respond(request, reply)
            }
            ask(request, question)
            return .YES
        } catch {
            return respond(request, ControlReply.error(status: error.status, message: error.message).encoded())
        }
    }

    private func ask(_ request: PendingRequest, _ question: ControlRequest) {
        let id = ObjectIdentifier(request)
        running?.waiting[id] = request
        MHD_suspend_connection(request.connection)
        let provider = self.provider
        Task.detached {
            // Answers can be long, so they are encoded off the loop as well.
            let reply = await provider.respond(to: question).encoded()
            await self.finish(id, reply)
        }
    }

    private func finish(_ id: ObjectIdentifier, _ reply: HTTPReply) {
        guard let request = running?.waiting.removeValue(forKey: id) else { return }
        request.reply = reply
        MHD_resume_connection(request.connection)
        turn()
    }

    private func respond(_ request: PendingRequest, _ reply: HTTPReply) -> MHD_Result {
        if let stream = reply.stream { return send(stream, to: request) }
        return reply.body.withUnsafeBytes {
            cmicrohttpd_respond(
                request.connection, UInt32(clamping: reply.status), $0.baseAddress, $0.count, reply.contentType,
                reply.allow)
        }
    }
}

// MARK: - Streams

extension ControlServer {
    private func send(_ stream: ControlStream, to request: PendingRequest) -> MHD_Result {
        guard senders.count < Self.mostStreams else {
            stream.abandon()
            let message = "\(Self.mostStreams) captures run already; end one of them"
            return respond(request, ControlReply.error(status: 503, message: message).encoded())
        }
        let sender = StreamSender(request.connection, stream, self)
        senders[ObjectIdentifier(sender)] = sender
        watchClients()
        return cmicrohttpd_stream(
            request.connection, request.reply?.contentType ?? "", readStream, Unmanaged.passRetained(sender).toOpaque(),
            freeStream)
    }

    /// A stream has something to say; called on any queue.
    nonisolated func wake(_ id: ObjectIdentifier) {
        executor.queue.async {
            self.assumeIsolated { server in
                guard let sender = server.senders[id], sender.isSuspended else { return }
                server.resume(sender)
                server.turn()
            }
        }
    }

    private func resume(_ sender: StreamSender) {
        sender.isSuspended = false
        MHD_resume_connection(sender.connection)
    }

    func streamEnded(_ id: ObjectIdentifier) {
        senders[id] = nil
        guard senders.isEmpty else { return }
        pulse?.cancel()
        pulse = nil
    }

    /// Looks each second for clients that went away while nothing happened.
    private func watchClients() {
        guard pulse == nil else { return }
        let timer = DispatchSource.makeTimerSource(queue: executor.queue)
        timer.schedule(deadline: .now() + 1, repeating: 1)
        timer.setEventHandler { [weak self] in
            self?.assumeIsolated { server in
                for sender in server.senders.values where sender.isSuspended && sender.isHungUp {
                    sender.stream.abandon()
                }
            }
        }
        timer.activate()
        pulse = timer
    }
}

/// A request between its first line and its completion; libmicrohttpd keeps it alive by the pointer it hands back.
private final class PendingRequest {
    let connection: OpaquePointer
    let method: String
    let path: String
    let parameters: [(key: String, value: String)]
    /// Body bytes that were thrown away.
    var discarded = 0
    /// Set when the connection is resumed.
    var reply: HTTPReply?

    init(connection: OpaquePointer, method: String, path: String) {
        (self.connection, self.method, self.path) = (connection, method, path)
        var parameters: [(key: String, value: String)] = []
        withUnsafeMutablePointer(to: &parameters) {
            _ = MHD_get_connection_values(connection, .GET_ARGUMENT_KIND, collectParameter, $0)
        }
        self.parameters = parameters
    }
}

/// Adds one parameter to the array that `context` points to.
private func collectParameter(
    _ context: UnsafeMutableRawPointer?, _: MHD_ValueKind, _ key: UnsafePointer<CChar>?, _ value: UnsafePointer<CChar>?
) -> MHD_Result {
    guard let context, let key else { return .NO }
    let parameters = context.assumingMemoryBound(to: [(key: String, value: String)].self)
    parameters.pointee.append((String(cString: key), value.map { String(cString: $0) } ?? ""))
    return .YES
}

/// Called on the loop's queue, within `MHD_run`: once with the header, then for body data, then for the reply.
private func handleRequest(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?, _ url: UnsafePointer<CChar>?,
    _ method: UnsafePointer<CChar>?, _: UnsafePointer<CChar>?, _: UnsafePointer<CChar>?,
    _ size: UnsafeMutablePointer<Int>?, _ slot: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
    guard let context, let connection, let url, let method, let size, let slot else { return .NO }
    guard let opaque = slot.pointee else {
        let request = PendingRequest(
            connection: connection, method: String(cString: method), path: String(cString: url))
        slot.pointee = Unmanaged.passRetained(request).toOpaque()
        return .YES
    }
    nonisolated(unsafe) let request = Unmanaged<PendingRequest>.fromOpaque(opaque).takeUnretainedValue()
    if size.pointee > 0 {
        request.discarded += size.pointee
        size.pointee = 0
        return request.discarded > 16384 ? .NO : .YES
    }
    let server = Unmanaged<ControlServer>.fromOpaque(context).takeUnretainedValue()
    return server.assumeIsolated { $0.handle(request) }
}

/// Called when a request is done or its connection broke: gives back the reference of the first call.
private func requestCompleted(
    _: UnsafeMutableRawPointer?, _: OpaquePointer?, _ slot: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    _: MHD_RequestTerminationCode
) {
    guard let slot, let opaque = slot.pointee else { return }
    slot.pointee = nil
    Unmanaged<PendingRequest>.fromOpaque(opaque).release()
}
