import NetTypes

/// What the kernel says about a link or an address.
package enum LinkObservation: Hashable, Sendable {
    /// A link as it is now; its `addresses` are told apart and empty here.
    case link(Interface)
    case linkGone(UInt32)
    case address(UInt32, InterfaceAddress)
    case addressGone(UInt32, InterfaceAddress)
}

/// Keeps a topology up to date from single observations, so that a node with hundreds of pods reads its links once.
package struct TopologyBuilder: Sendable {
    private var interfaces: [UInt32: Interface] = [:]
    /// Addresses may be told before their link is.
    private var addresses: [UInt32: [InterfaceAddress]] = [:]

    /// Default routes of others.
    var defaults = DefaultRoutes()
    /// Routes of others that lead beyond the links.
    var gatewayRoutes = GatewayRoutes()

    package init() {}

    package var topology: Topology {
        var topology = Topology(
            interfaces: interfaces.values.map { interface in
                var interface = interface
                interface.addresses = (addresses[interface.index] ?? []).sorted {
                    ($0.address, $0.subnet) < ($1.address, $1.subnet)
                }
                return interface
            })
        topology.defaultGateways = defaults.gateways { interfaces[$0] }
        topology.gatewayRoutes = gatewayRoutes.usable { interfaces[$0] }
        return topology
    }

    /// Takes one over. Returns the interface that cannot be used any more as it could before: down, gone, or with an
    /// address less.
    @discardableResult
    package mutating func observe(_ observation: LinkObservation) -> UInt32? {
        switch observation {
        case .link(let link):
            let wasUsable = interfaces[link.index]?.isUsable ?? false
            interfaces[link.index] = link
            return wasUsable && !link.isUsable ? link.index : nil
        case .linkGone(let index):
            addresses[index] = nil
            return interfaces.removeValue(forKey: index) == nil ? nil : index
        case .address(let index, let address):
            addresses[index]?.removeAll { $0.isSamePlace(as: address) }
            addresses[index, default: []].append(address)
            return nil
        case .addressGone(let index, let address):
            addresses[index]?.removeAll { $0.isSamePlace(as: address) }
            return index
        }
    }
}

extension InterfaceAddress {
    fileprivate func isSamePlace(as other: Self) -> Bool { address == other.address && subnet == other.subnet }
}
