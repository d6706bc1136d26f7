import Foundation

/// Asks again until `condition` holds or the time is over, and returns whether it holds; for what has no event to wait
/// for, such as the kernel's tables or another process's files seen from outside.
package func poll(within seconds: Double, _ condition: () async throws -> Bool) async throws -> Bool {
    let end = Date(timeIntervalSinceNow: seconds)
    while try await !condition() {
        guard Date() < end else { return false }
        try await Task.sleep(for: .milliseconds(10))
    }
    return true
}
