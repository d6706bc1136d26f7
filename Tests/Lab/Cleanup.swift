import Foundation

/// What must be undone when this process ends, however it ends: namespaces, processes, directories.
/// Runs at exit and on SIGINT and SIGTERM; a process that was killed is cleaned up by the next one (`LabName.sweep`).
package final class Cleanup: @unchecked Sendable {
    /// Names one entry, so that it can be taken back when it was undone earlier.
    package struct Token: Hashable, Sendable {
        fileprivate let number: Int
    }

    package static let shared = Cleanup()

    private let lock = NSLock()
    private var number = 0
    private var undo: [(number: Int, action: @Sendable () -> Void)] = []
    private var signals: [any DispatchSourceSignal] = []
    private var ending = false

    private init() {
        atexit { Cleanup.shared.runAll() }
        for code in [SIGINT, SIGTERM, SIGHUP] {
            signal(code, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: code, queue: .global())
            source.setEventHandler { @Sendable in
                Cleanup.shared.lock.withLock { Cleanup.shared.ending = true }
                FileHandle.standardError.write(Data("\nInterrupted: cleaning up.\n".utf8))
                Cleanup.shared.runAll()
                _exit(128 + code)
            }
            source.resume()
            signals.append(source)
        }
    }

    /// Registers `action`; entries run last first.
    package func add(_ action: @escaping @Sendable () -> Void) -> Token {
        lock.withLock {
            number += 1
            undo.append((number, action))
            return Token(number: number)
        }
    }

    /// Runs the entry now, once.
    package func run(_ token: Token) {
        let entry = lock.withLock {
            undo.firstIndex { $0.number == token.number }.map { undo.remove(at: $0) }
        }
        entry?.action()
    }

    /// Forgets the entry: what it stands for is meant to stay (`demo --keep`).
    package func forget(_ token: Token) {
        lock.withLock { undo.removeAll { $0.number == token.number } }
    }

    /// Whether a signal is ending this process: what fails now fails because its ground is taken away.
    package var isEnding: Bool { lock.withLock { ending } }

    /// Undoes all that is left, last first.
    package func runAll() {
        while let entry = lock.withLock({ undo.popLast() }) { entry.action() }
    }
}
