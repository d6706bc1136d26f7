import NetTypes

/// A next hop that is known not to forward: liveness detection says so, and the interface does not know it.
package struct DeadGateway: Hashable, Sendable {
    package let address: IPAddress
    /// The name of the interface; nil: it is dead whichever way it is reached. Link-local addresses name one.
    package let interface: String?

    package init(address: IPAddress, interface: String? = nil) {
        self.address = address
        self.interface = interface
    }
}

extension Topology {
    /// Whether packets to `gateway` through the interface of that name are lost.
    func isDead(_ gateway: IPAddress, through interface: String) -> Bool {
        guard !unreachable.isEmpty else { return false }
        return unreachable.contains(DeadGateway(address: gateway))
            || unreachable.contains(DeadGateway(address: gateway, interface: interface))
    }
}
