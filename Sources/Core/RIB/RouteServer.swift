import BGPWire
import NetTypes

/// RFC 7947: a route server is no hop between its clients. What one of them announced goes to the others as it came,
/// so that their packets take the direct way.
extension ExportPolicy {
    /// Whether a path of `source` reaches the peer as it came: both are clients of this route server.
    func isTransparent(_ source: RIBPeer) -> Bool {
        isExternal && isRouteServerClient && source.isExternal && source.isRouteServerClient
    }

    /// AS_PATH without our AS in front (section 2.2.2), MED (2.2.3) and every community (2.2.4) as they came; the next
    /// hop stays too (2.2.1). Communities are for the clients: the caller does not obey NO_EXPORT and its kin either.
    func passOn(_ summary: PathAttributes.Summary, by rewrite: inout ExportRewrite) {
        rewrite.prepend = []
        rewrite.med = summary.med
        rewrite.keepsNonTransitive = true
    }
}
