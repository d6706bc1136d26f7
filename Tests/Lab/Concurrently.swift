import Foundation

/// Runs bodies at once, each on a thread of its own, and returns when all have ended; throws what the first of them in
/// the list threw, with the others' errors behind it.
package func concurrently(_ bodies: [@Sendable () throws -> Void]) throws {
    let errors = ErrorList()
    let group = DispatchGroup()
    for (index, body) in bodies.enumerated() {
        group.enter()
        let thread = Thread {
            do { try body() } catch { errors.add(index, error) }
            group.leave()
        }
        thread.stackSize = 8 << 20
        thread.start()
    }
    group.wait()
    let all = errors.all
    guard all.count > 1 else {
        if let only = all.first { throw only }
        return
    }
    throw LabError(all.map { "\($0)" }.joined(separator: "\n"))
}

private final class ErrorList: @unchecked Sendable {
    private let lock = NSLock()
    private var errors: [Int: any Error] = [:]

    func add(_ index: Int, _ error: any Error) { lock.withLock { errors[index] = error } }
    var all: [any Error] { lock.withLock { errors.sorted { $0.key < $1.key }.map(\.value) } }
}
