import Synchronization

/// Octets of an answer that are made while a client reads them.
///
/// What was made and not yet read is bounded: who makes them never waits, and is told when something found no room.
package final class ControlStream: Sendable {
    /// Most octets that wait for the client.
    package static let capacity = 4 << 20

    private struct State {
        var octets: [UInt8] = []
        var start = 0
        var isFinished = false
        var isAbandoned = false
        var wake: (@Sendable () -> Void)?
        var leave: (@Sendable () -> Void)?

        var count: Int { octets.count - start }

        mutating func takeWake() -> (@Sendable () -> Void)? {
            defer { wake = nil }
            return wake
        }
    }

    private let state = Mutex(State())

    package init() {}

    // MARK: who makes the octets

    /// Takes all of `octets`, or none where they find no room or nobody reads any more: then it is false.
    package func offer(_ octets: [UInt8]) -> Bool {
        let (isTaken, wake) = state.withLock { state -> (Bool, (@Sendable () -> Void)?) in
            guard !state.isAbandoned, !state.isFinished, state.count + octets.count <= Self.capacity else {
                return (false, nil)
            }
            if state.start > state.octets.count / 2 {
                state.octets.removeSubrange(..<state.start)
                state.start = 0
            }
            state.octets += octets
            return (true, state.takeWake())
        }
        wake?()
        return isTaken
    }

    /// Nothing will follow.
    package func finish() {
        let wake = state.withLock { state in
            state.isFinished = true
            return state.takeWake()
        }
        wake?()
    }

    /// Called once when the client is gone; at once when it is already.
    package func onAbandon(_ leave: @escaping @Sendable () -> Void) {
        let isGone = state.withLock { state in
            if !state.isAbandoned { state.leave = leave }
            return state.isAbandoned
        }
        if isGone { leave() }
    }

    // MARK: who reads them

    /// Copies what is there; 0: nothing yet, nil: nothing will follow.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        state.withLock { state in
            let count = min(buffer.count, state.count)
            guard count > 0 else { return state.isFinished || state.isAbandoned ? nil : 0 }
            state.octets.withUnsafeBytes {
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[state.start..<(state.start + count)]))
            }
            state.start += count
            if state.count == 0 {
                state.octets.removeAll(keepingCapacity: false)
                state.start = 0
            }
            return count
        }
    }

    /// Everything that was offered has been read.
    var isRead: Bool { state.withLock { $0.count == 0 } }

    /// Calls `wake` once as soon as `read` has something to say; at once when it has already.
    func whenReadable(_ wake: @escaping @Sendable () -> Void) {
        let isReadable = state.withLock { state in
            let isReadable = state.count > 0 || state.isFinished || state.isAbandoned
            if !isReadable { state.wake = wake }
            return isReadable
        }
        if isReadable { wake() }
    }

    /// The client is gone: nothing more is taken.
    func abandon() {
        let (wake, leave) = state.withLock { state in
            defer {
                state.isAbandoned = true
                state.octets = []
                state.start = 0
                state.leave = nil
            }
            return (state.takeWake(), state.leave)
        }
        wake?()
        leave?()
    }
}

extension ControlStream: Equatable {
    package static func == (a: ControlStream, b: ControlStream) -> Bool { a === b }
}
