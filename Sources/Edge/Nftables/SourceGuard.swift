/// The nftables table that keeps pods to their own IPv6 addresses: the kernel has no reverse path check for IPv6. It is
/// the same for all pods, and no rule is added for one.
package enum SourceGuard {
    package static let name = "martlet-guard"

    /// Makes the table, or makes it again what it should be. What a pod sends must have a source that the node routes
    /// back over the pod's link; duplicate address detection, which has none, is let through by `fib` itself. A pod
    /// advertises no router and redirects nobody.
    private static let script = """
        add table inet \(name)
        add chain inet \(name) pods { type filter hook prerouting priority -300 ; policy accept ; }
        add chain inet \(name) pod
        flush chain inet \(name) pods
        flush chain inet \(name) pod
        add rule inet \(name) pods iifname "mlt*" jump pod
        add rule inet \(name) pod meta nfproto ipv6 fib saddr . iif oif missing drop
        add rule inet \(name) pod icmpv6 type { nd-router-advert, nd-redirect } drop

        """

    /// In the calling thread's network namespace.
    package static func install() throws(Nft.Problem) { try Nft.apply(script) }
}
