import Dispatch
import FIB
import Netlink

/// What an audit of the kernel found.
package struct FIBAudit: Sendable, Hashable {
    /// Routes of the kernel, whoever's.
    package var routes = 0
    /// Nexthop objects, whoever's.
    package var nextHops = 0
    package var differences: [FIBDifference] = []
}

extension KernelLoop {
    /// Reads the kernel afresh and compares it with what is desired. A difference counts when it is there three times
    /// in a row: routes are being changed all the time.
    nonisolated package func audit() async throws -> FIBAudit {
        var result = FIBAudit()
        for attempt in 1...3 {
            await settled()
            let (routes, nextHops) = try await readAfresh(await namespace)
            let found = await compare(routes, nextHops)
            result.routes = routes.count
            result.nextHops = nextHops.count
            let before = Set(result.differences)
            result.differences = attempt == 1 ? found : found.filter { before.contains($0) }
            if result.differences.isEmpty { break }
        }
        return result
    }

    private func compare(_ routes: [KernelRoute], _ nextHops: [KernelNextHop]) -> [FIBDifference] {
        ledger.audit(routes: routes, nextHops: nextHops)
    }

    /// On a thread of its own: a large table takes a while, and routes are written meanwhile.
    nonisolated private func readAfresh(
        _ namespace: String?
    ) async throws -> (routes: [KernelRoute], nextHops: [KernelNextHop]) {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    with: Result {
                        let socket = try RouteSocket(namespace: namespace)
                        defer { socket.close() }
                        let nextHops = (try? socket.nextHops()) ?? []
                        return (try socket.routes(.ipv4) + socket.routes(.ipv6), nextHops)
                    })
            }
        }
    }
}
