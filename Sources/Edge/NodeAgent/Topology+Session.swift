import BGPSpeaker
import DispatchIO
import FIB
import NetTypes

extension Topology {
    /// Our addresses on the interface that a session's local address belongs to: the next hops that we announce.
    func sessionAddresses(_ local: SocketAddress?, _ remote: IPAddress?) -> SessionAddresses {
        guard let local, let interface = interface(of: local) else {
            var result = SessionAddresses(
                ipv4: local?.address.family == .ipv4 ? local?.address : nil,
                ipv6: local?.address.family == .ipv6 ? local?.address : nil)
            result.remote = remote
            return result
        }
        var result = SessionAddresses(interface: interface.name)
        result.remote = remote
        let isOnLink = remote.map { interface.isOnLink($0) } ?? true
        for entry in interface.addresses {
            switch entry.address {
            case .v4 where result.ipv4 == nil: result.ipv4 = entry.address
            case .v6(let address) where address.isLinkLocal:
                // For a peer behind a router it would be nobody's (RFC 2545 section 3).
                if isOnLink { result.ipv6LinkLocal = result.ipv6LinkLocal ?? address }
            case .v6 where result.ipv6 == nil: result.ipv6 = entry.address
            case .v4, .v6: break
            }
        }
        // The address that the peer talks to is the best next hop of its family.
        switch local.address {
        case .v4: result.ipv4 = local.address
        case .v6(let address) where address.isLinkLocal: result.ipv6LinkLocal = address
        case .v6: result.ipv6 = local.address
        }
        return result
    }

    /// Two links may have the same link-local address: then the scope says which.
    private func interface(of local: SocketAddress) -> Interface? {
        if local.address.needsScope, local.scope != 0 { return interface(index: local.scope) }
        return interface(owning: local.address)
    }
}

extension Interface {
    /// Whether an address is a neighbour's on this link.
    fileprivate func isOnLink(_ address: IPAddress) -> Bool {
        address.needsScope || addresses.contains { $0.subnet.contains(address) }
    }
}
