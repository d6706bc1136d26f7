import Dispatch
import Glibc
import NetTypes

extension Instant {
    /// The monotonic clock, read once per turn of a loop.
    package static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}

/// The one operating-system timer of a loop, armed to the loop's earliest deadline.
package final class LoopTimer {
    private let source: any DispatchSourceTimer
    private var armed: Instant?

    /// `handler` runs on `queue`, which must be the owner's.
    package init(queue: DispatchQueue, handler: @escaping () -> Void) {
        source = DispatchSource.makeTimerSource(queue: queue)
        source.setEventHandler { [weak self] in
            self?.armed = nil
            handler()
        }
        source.activate()
    }

    /// Fires at `deadline` (at once when it has passed); nil disarms.
    package func arm(_ deadline: Instant?, at now: Instant) {
        guard deadline != armed else { return }
        armed = deadline
        guard let deadline else {
            source.schedule(deadline: .distantFuture)
            return
        }
        let wait = max(0, (deadline - now).nanoseconds)
        source.schedule(deadline: .now() + .nanoseconds(Int(min(wait, 1 << 62))), leeway: .milliseconds(5))
    }

    package func cancel() { source.cancel() }

    deinit { source.cancel() }
}
