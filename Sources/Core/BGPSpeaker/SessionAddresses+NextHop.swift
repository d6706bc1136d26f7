import BGPSession
import BGPWire
import NetTypes
import RIB

extension SessionAddresses {
    /// What we announce as next hop of a family; nil: nothing can be. IPv4 prefixes get our IPv6 address where both
    /// sides agreed on it (RFC 8950) and IPv4 is not spoken on the link: without an address of ours, or between two
    /// link-local addresses, where the peer may know no subnet of ours.
    package func nextHop(_ family: AddressFamily, _ negotiated: Negotiated) -> IPAddress? {
        let ipv6NextHop = ipv6 ?? ipv6LinkLocal.map(IPAddress.v6)
        guard family == .ipv4 else { return ipv6NextHop }
        guard negotiated.extendedNextHop.contains(.ipv4), let ipv6NextHop else { return ipv4 }
        let isUnnumbered = remote?.family == .ipv6 && remote?.isLinkLocal == true
        return isUnnumbered ? ipv6NextHop : ipv4 ?? ipv6NextHop
    }

    /// Whether a family has no next hop, in words for the operator.
    func obstacle(_ family: AddressFamily, _ negotiated: Negotiated) -> String? {
        guard nextHop(family, negotiated) == nil else { return nil }
        let text = "the session's interface has no \(family) address of ours to announce as next hop"
        guard family == .ipv4, remote?.family == .ipv6 else { return text }
        return text + ", and the peer has not offered to take an IPv6 one (RFC 8950)"
    }
}
