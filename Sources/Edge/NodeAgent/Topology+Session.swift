import BGPSpeaker
import FIB
import NetTypes

extension Topology {
    /// Our addresses on the interface that a session's local address belongs to: the next hops that we announce.
    func sessionAddresses(_ local: IPAddress?) -> SessionAddresses {
        guard let local,
            let interface = interfaces.first(where: { $0.addresses.contains { $0.address == local } })
        else {
            return SessionAddresses(
                ipv4: local?.family == .ipv4 ? local : nil, ipv6: local?.family == .ipv6 ? local : nil)
        }
        var result = SessionAddresses(interface: interface.name)
        for entry in interface.addresses {
            switch entry.address {
            case .v4 where result.ipv4 == nil: result.ipv4 = entry.address
            case .v6(let address) where address.isLinkLocal: result.ipv6LinkLocal = result.ipv6LinkLocal ?? address
            case .v6 where result.ipv6 == nil: result.ipv6 = entry.address
            case .v4, .v6: break
            }
        }
        // The address that the peer talks to is the best next hop of its family.
        switch local {
        case .v4: result.ipv4 = local
        case .v6(let address) where !address.isLinkLocal: result.ipv6 = local
        case .v6: break
        }
        return result
    }
}
