import CLinux
import Dispatch
import Glibc

/// What `main` needs of the process it runs in.
package enum Process {
    /// Writes a line for a person to standard error.
    package static func complain(_ text: String) {
        var line = text + "\n"
        line.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
    }

    /// One heap for all threads, before the first of them starts. glibc gives each its own, and what one loop frees is
    /// then of no use to the others: 3 to 4 MB of an agent, for locks that its few threads hardly ever wait for.
    ///
    /// The threshold is fixed: by itself it rises with the tables, and then what a table leaves behind when it grows
    /// stays with the process. It is above what a batch of updates needs, which would else be mapped for each anew.
    package static func shareHeap() {
        clinux_share_heap()
        clinux_return_large_blocks(256 << 10)
    }

    /// Lets go of what only the start needed. An agent lives for months after that.
    package static func forgetStart() {
        clinux_trim_heap()
        forgetRareCode()
    }

    /// Unmaps the program's code and constants after something that is seldom done and needs much of them: the kernel
    /// maps 64 KiB around each page that is touched, and takes none back as long as it has others. What the loops run
    /// through comes back by itself, a hundred faults of a microsecond or two.
    static func forgetRareCode() { clinux_forget_program_pages() }

    /// Runs `body` on other threads, and ends the process with it.
    package static func run(_ body: @escaping @Sendable () async -> Void) -> Never {
        Task.detached {
            await body()
            exit(0)
        }
        dispatchMain()
    }

    /// The host's name, the default of `node.name`.
    package static var hostname: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
        return buffer.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "localhost" }
    }

    /// The signals that the agent obeys, in their order.
    package struct Signals {
        package enum Request: String, Sendable {
            case terminate = "SIGTERM"
            case interrupt = "SIGINT"
            case reload = "SIGHUP"
            /// No signal: the configuration's file changed.
            case fileChanged = "a changed file"
        }

        package let stream: AsyncStream<Request>
        private let continuation: AsyncStream<Request>.Continuation

        /// Asks for something as a signal would.
        package func request(_ request: Request) { continuation.yield(request) }

        package init() {
            let (stream, continuation) = AsyncStream.makeStream(of: Request.self)
            (self.stream, self.continuation) = (stream, continuation)
            signal(SIGPIPE, SIG_IGN)
            let requests: [(CInt, Request)] = [(SIGTERM, .terminate), (SIGINT, .interrupt), (SIGHUP, .reload)]
            let sources = requests.map { number, request in
                signal(number, SIG_IGN)
                let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
                source.setEventHandler { continuation.yield(request) }
                source.activate()
                return source
            }
            // They live as long as somebody listens, not only as long as this value.
            nonisolated(unsafe) let kept = sources
            continuation.onTermination = { _ in kept.forEach { $0.cancel() } }
        }
    }
}
