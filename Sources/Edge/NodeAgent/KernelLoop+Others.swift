import FIB
import NetTypes

// What others do that our routes depend on, without being changed by it: better routes, and neighbours.
extension KernelLoop {
    /// Somebody's route goes before one of ours from now on.
    func noteBetter(_ observation: RouteObservation) {
        guard better.observe(observation), ledger.isDesired(observation.route.prefix) else { return }
        tally.noteBetter(observation.route)
    }

    /// A route of ours is new where somebody has a better one.
    func noteBetter(_ change: FIBChange) {
        guard !change.isRemoval, let other = better[change.prefix], !ledger.isDesired(change.prefix) else { return }
        tally.noteBetter(other)
    }

    /// Routes of ours that the kernel does not use because somebody has better ones, and next hops whose neighbour
    /// does not answer.
    package func troubles() -> (outranked: Int, failedNeighbors: Int) {
        let failed = ledger.nextHops.count { neighbors.state(of: $0) == .failed }
        return (ledger.outranked(by: better), failed)
    }
}

extension FIBSnapshot {
    /// Adds what others have to do with the routes.
    mutating func describe(_ better: BetterRoutes, _ table: NeighborTable, of ledger: RouteLedger) {
        if !better.isEmpty {
            for row in rows where row.desired != nil { self.better[row.prefix] = better[row.prefix] }
        }
        for hop in ledger.nextHops where hop.gateway != nil { neighbors.append((hop, table.state(of: hop))) }
    }
}

extension KernelTally {
    mutating func noteBetter(_ route: KernelRoute) {
        count(.outranked(Self.any, protocolID: route.protocolID, metric: 0, count: 0)) {
            .outranked(route.prefix, protocolID: route.protocolID, metric: route.key.metric, count: $0)
        }
    }
}
