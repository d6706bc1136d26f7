import Dispatch

/// The executor of a loop: an actor whose jobs run on one private serial queue, together with its Dispatch sources.
///
/// A loop returns `executor.asUnownedSerialExecutor()` as its `unownedExecutor` and makes its sources on
/// `executor.queue`: their handlers then touch the actor's state without a hop, and the runtime checks that they may.
/// (`DispatchSerialQueue`, which is such an executor, does not exist on Linux.)
package final class LoopExecutor: SerialExecutor {
    package let queue: DispatchQueue

    /// `sharesThreads`: for loops of which there are many and that never wait for the kernel. They take turns on as
    /// many threads as there are cores; all others get a thread each while they have something to do, and a hundred
    /// peers that all speak at once then were a hundred threads with their stacks. The threads are not those of Swift's
    /// tasks, which have the default class: a task that blocks must not hold up a session.
    package init(label: String, sharesThreads: Bool = false) {
        queue = DispatchQueue(label: label, target: sharesThreads ? .global(qos: .userInitiated) : nil)
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    package func checkIsolated() { dispatchPrecondition(condition: .onQueue(queue)) }
}

/// An actor that runs on a `LoopExecutor`.
package protocol Loop: Actor {
    nonisolated var executor: LoopExecutor { get }
}

extension Loop {
    /// Runs `body` in the loop, after everything that was posted before: unlike tasks, posts keep their order.
    package nonisolated func post(_ body: @escaping @Sendable (isolated Self) -> Void) {
        executor.queue.async { self.assumeIsolated(body) }
    }
}
