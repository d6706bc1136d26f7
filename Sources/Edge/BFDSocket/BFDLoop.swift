import BFD
import CLinux
import DispatchIO
import Glibc
import NetTypes
import Synchronization

/// The loop of all BFD sessions: a thread of its own with a timer of the kernel, which goes before all others where
/// that is allowed. Dispatch timers were measured 35 ms late under load, which is one packet in three at 50 ms.
///
/// Others talk to it through a list that it takes over between packets; it talks to others by the closures of its
/// orders.
package final class BFDLoop: Sendable {
    /// The shortest intervals without real-time priority: a thread of the normal class was measured up to 40 ms late.
    package static let slowLimit = Duration.milliseconds(100)
    /// Enough to go before everything of the normal class; kernel threads that matter have 50.
    static let priority: CInt = 10

    enum Command: Sendable {
        case set(String, BFDOrder)
        case remove(String)
        case readKeys
        case snapshot(@Sendable (BFDSnapshot) -> Void)
        case stop(isSilent: Bool, @Sendable () -> Void)
    }

    private struct Inbox {
        var commands: [Command] = []
        var isStopped = false
    }

    private let inbox = Mutex(Inbox())
    /// An eventfd: something is in the inbox.
    private let event: CInt
    private let poll: CInt
    private let timer: CInt
    private let onNotice: @Sendable (BFDNotice) -> Void

    /// Starts the thread, in the calling thread's network namespace. `onNotice` is called on it.
    package init(onNotice: @escaping @Sendable (BFDNotice) -> Void) throws(SystemError) {
        self.onNotice = onNotice
        event = try check("eventfd") { clinux_event_open() }
        poll = try check("epoll_create") { clinux_poll_open() }
        timer = try check("timerfd_create") { clinux_timer_open() }
        _ = try check("epoll_ctl") { clinux_poll_add(poll, event, BFDThread.eventTag) }
        _ = try check("epoll_ctl") { clinux_poll_add(poll, timer, BFDThread.timerTag) }
        try startThread()
    }

    deinit { for fd in [event, poll, timer] { close(fd) } }

    /// A session shall be, or be otherwise.
    package func set(_ name: String, _ order: BFDOrder) { send(.set(name, order)) }

    /// A session shall not be any more: its peer is told that this is no failure.
    package func remove(_ name: String) { send(.remove(name)) }

    /// Reads the key files again.
    package func readKeys() { send(.readKeys) }

    package func snapshot() async -> BFDSnapshot {
        await withCheckedContinuation { continuation in
            let sent = send(.snapshot { continuation.resume(returning: $0) })
            if !sent { continuation.resume(returning: BFDSnapshot()) }
        }
    }

    /// Ends the thread; tells every peer that this is no failure, or says nothing.
    package func stop(isSilent: Bool = false) async {
        await withCheckedContinuation { continuation in
            let sent = send(.stop(isSilent: isSilent) { continuation.resume() })
            if !sent { continuation.resume() }
        }
    }

    /// False after `stop`: nobody reads it any more.
    @discardableResult
    private func send(_ command: Command) -> Bool {
        let isStopped = inbox.withLock { inbox in
            guard !inbox.isStopped else { return true }
            inbox.commands.append(command)
            if case .stop = command { inbox.isStopped = true }
            return false
        }
        guard !isStopped else { return false }
        var one: UInt64 = 1
        _ = write(event, &one, MemoryLayout<UInt64>.size)
        return true
    }

    func takeCommands() -> [Command] {
        var count: UInt64 = 0
        _ = read(event, &count, MemoryLayout<UInt64>.size)
        return inbox.withLock { inbox in
            defer { inbox.commands = [] }
            return inbox.commands
        }
    }

    private func startThread() throws(SystemError) {
        var thread = pthread_t()
        let retained = Unmanaged.passRetained(self)
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<BFDLoop>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, retained.toOpaque())
        guard code == 0 else {
            retained.release()
            throw SystemError("pthread_create", code: code)
        }
        pthread_detach(thread)
    }

    private func run() {
        let code = clinux_be_punctual("martlet-bfd", Self.priority)
        if code != 0 { onNotice(.slow(Self.slowLimit, reason: SystemError("", code: code).reason)) }
        let thread = BFDThread(poll: poll, timer: timer, isPunctual: code == 0, onNotice: onNotice)
        thread.run { self.takeCommands() }
    }
}
