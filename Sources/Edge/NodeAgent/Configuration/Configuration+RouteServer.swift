import NetTypes

extension Configuration {
    /// Reads `routeServerClient` of a peer (RFC 7947), which stands behind the keys that it must agree with.
    static func readRouteServer(
        _ section: inout ConfigurationSection, into peer: inout PeerSettings, _ context: PeerContext
    ) {
        let client = section.value("routeServerClient", ConfigurationValue.boolWords, ConfigurationValue.bool)
        peer.routeServerClient = client?.value ?? false
        guard let client, client.value else { return }
        if !peer.isAnyExternal, peer.asn != placeholder, peer.asn == context.asn {
            section.problems.error(
                client.mark,
                "only external peers can be clients of a route server; write the peer's AS, or routeReflectorClient")
        }
        if peer.exportPolicy != .all {
            section.problems.error(
                client.mark, "a route server's client is told what the other clients announce; write export: all")
        }
        if let role = peer.role, role != .routeServer {
            section.problems.error(
                client.mark, "towards a client of a route server our role is routeServer; write role: routeServer")
        }
        if let localAS = peer.localAS, !localAS.noPrepend {
            section.problems.error(
                client.mark,
                "localAS would stand in the paths of a route server's client; write noPrepend: true in localAS")
        }
    }
}
