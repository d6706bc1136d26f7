import DispatchIO
import FIB
import NetTypes
import Netlink

/// Owner of the kernel's routes: the mirror of what is installed, and the way to what is desired.
package actor KernelLoop {
    let executor = LoopExecutor(label: "martlet.kernel")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let configuration: KernelConfiguration
    let onTopology: @Sendable (Topology) -> Void
    let onEvent: @Sendable (KernelEvent) -> Void

    package init(
        _ configuration: KernelConfiguration, onTopology: @Sendable @escaping (Topology) -> Void,
        onEvent: @Sendable @escaping (KernelEvent) -> Void
    ) {
        self.configuration = configuration
        self.onTopology = onTopology
        self.onEvent = onEvent
    }

    /// Opens the sockets in the calling thread's network namespace, or in the one at the path `namespace`, and reads links,
    /// addresses and routes.
    package func start(namespace: String? = nil) throws -> KernelStart {
        KernelStart(topology: Topology(), adoptedIPv4: 0, adoptedIPv6: 0)
    }

    /// Takes over new wishes; returns at once, the work is done in slices.
    package func apply(_ changes: [FIBChange]) {}

    /// The node's own prefixes, each of which gets an `unreachable` route.
    package func setAggregates(_ prefixes: [Prefix]) {}

    /// Every peer has converged: what an earlier run left and nobody wants is removed from now on.
    package func converged() {}

    package func snapshot() -> FIBSnapshot { FIBSnapshot(rows: [], counters: FIBCounters(), isConverged: false) }

    /// Closes the sockets; all routes stay.
    package func stop() {}

    /// Removes every route of ours, aggregates included, and wants nothing from now on.
    package func withdrawAll() {}
}
