import BGPWire
import NetTypes

extension ExportPolicy {
    /// Looks at a next hop that is to be passed on unchanged, which not every peer can use: a link-local address means
    /// nothing on another link (RFC 2545 section 3), and IPv4 prefixes have IPv6 next hops only where both sides agreed
    /// (RFC 8950 section 4). Then ours takes its place; false when we have none either, or when a route server must not
    /// put itself in the way (RFC 7947 section 2.2.1).
    func mendNextHop(
        of rewrite: inout ExportRewrite, _ attributes: PathAttributes, _ family: AddressFamily, isTransparent: Bool
    ) -> Bool {
        guard rewrite.nextHop == nil else { return true }
        let nextHop = attributes.nextHop
        let isForeign = family == .ipv4 && nextHop.family == .ipv6 && !extendedNextHop.contains(.ipv4)
        if isForeign || nextHop.family == .ipv6 && nextHop.isLinkLocal {
            return !isTransparent && setNextHop(of: &rewrite, family)
        }
        if attributes.linkLocalNextHop != nil { rewrite.nextHop = nextHop }
        return true
    }
}
