import NetTypes

extension Configuration {
    /// A peer with the places that later checks point at.
    struct LocatedPeer {
        let settings: PeerSettings
        let nameMark: YAMLNode.Mark
        let addressMark: YAMLNode.Mark
    }

    /// Keys that later versions know. None may be passed over: each would leave the operator with a false belief.
    private static let unsupportedPeerKeys = [
        "password": "write the password into a file that only root can read, and its path as passwordFile"
    ]

    static func peer(_ section: ConfigurationSection, _ context: PeerContext) -> LocatedPeer? {
        var section = section
        let name = section.value(
            "name", "letters, digits, \".\", \"_\", \"-\" or \":\", at most 63", ConfigurationValue.peerName)
        let read = location(&section)
        let location = read.place
        var peer = PeerSettings(
            name: name?.value ?? location?.value.defaultName ?? "", location: location?.value ?? .defaultGateway,
            asn: placeholder)
        readLocation(&section, into: &peer, read)
        readASN(&section, into: &peer, context)
        readRelation(&section, into: &peer, context)
        readOperation(&section, into: &peer)
        readSession(&section, into: &peer, location?.mark, context)
        readExchange(&section, into: &peer, context)
        readRules(&section, into: &peer, context.policies)
        readBFD(&section, into: &peer, inspect: context.inspect)
        section.finish(unsupported: unsupportedPeerKeys)
        guard let location else { return nil }
        return LocatedPeer(settings: peer, nameMark: name?.mark ?? location.mark, addressMark: location.mark)
    }

    /// How the session is made: TCP, timers, families.
    private static func readSession(
        _ section: inout ConfigurationSection, into peer: inout PeerSettings, _ mark: YAMLNode.Mark?,
        _ context: PeerContext
    ) {
        peer.families = families(&section)
        let passive = section.value("passive", ConfigurationValue.boolWords, ConfigurationValue.bool)
        peer.passive = passive?.value ?? peer.isRange
        let port = section.value("port", "a TCP port from 1 to 65535", ConfigurationValue.integer(1...UInt16.max))
        peer.port = port?.value ?? 179
        let holdTime = section.value("holdTime", ConfigurationValue.holdTimeWords, ConfigurationValue.holdTime)
        peer.holdTime = holdTime?.value
        let local = section.value("localAddress", ConfigurationValue.addressWords, ConfigurationValue.address)
        peer.localAddress = local?.value
        peer.passwordFile = passwordFile(&section, inspect: context.inspect)
        readTCPAO(&section, into: &peer, inspect: context.inspectKeys)
        peer.reach = reach(&section)
        if let mark { checkAddresses(peer, mark, local?.mark, context, section.problems) }
        checkTimers(peer, passive?.mark ?? (peer.isRange ? mark : nil), holdTime?.mark, context, section.problems)
    }

    /// What is taken from the peer, and what it is told.
    private static func readExchange(
        _ section: inout ConfigurationSection, into peer: inout PeerSettings, _ context: PeerContext
    ) {
        let importPolicy: Located<ImportPolicy>? = section.value(
            "import", ConfigurationValue.words(ImportPolicy.self), ConfigurationValue.choice)
        peer.importPolicy = importPolicy?.value ?? .cluster
        let exportPolicy: Located<ExportPolicy>? = section.value(
            "export", ConfigurationValue.words(ExportPolicy.self), ConfigurationValue.choice)
        peer.exportPolicy = exportPolicy?.value ?? .own
        let client = section.value("routeReflectorClient", ConfigurationValue.boolWords, ConfigurationValue.bool)
        peer.routeReflectorClient = client?.value ?? false
        peer.prefixLimit =
            section.contains("maxPrefixes")
            ? prefixLimit(section.section("maxPrefixes")) : .standard(peer.importPolicy)
        let ownAS = section.value(
            "allowOwnAS", "how often our own AS may stand in the path of a route, 0 to 10",
            ConfigurationValue.integer(UInt8(0)...10))
        peer.allowOwnAS = ownAS?.value ?? 0
        readAddPath(&section, into: &peer)
        readRouteServer(&section, into: &peer, context)
        checkPolicies(peer, importPolicy?.mark, exportPolicy?.mark, context, section.problems)
        let isExternal = peer.isAnyExternal || peer.asn != placeholder && peer.asn != context.asn
        if let client, client.value, context.asn != nil, isExternal {
            section.problems.error(
                client.mark,
                "only internal peers can be clients of a route reflector;"
                    + " remove routeReflectorClient, or write asn: internal"
            )
        }
    }

    private static func prefixLimit(_ section: ConfigurationSection) -> PrefixLimit {
        var section = section
        let limit = section.required(
            "limit", "prefixes of one family, 1 to 10000000", ConfigurationValue.integer(UInt32(1)...10_000_000))
        let warning = section.value(
            "warnAt", "percent of the limit, 1 to 100", ConfigurationValue.integer(UInt8(1)...100))
        let restart = section.value(
            "restartAfter", "whole seconds from 1s to 86400s", ConfigurationValue.seconds(1...86400))
        let action: Located<PrefixLimit.Action>? = section.value(
            "action", ConfigurationValue.words(PrefixLimit.Action.self), ConfigurationValue.choice)
        section.finish()
        return PrefixLimit(
            limit: limit?.value ?? 1, warnAt: warning?.value ?? 80, restartAfter: restart?.value ?? .seconds(300),
            action: action?.value ?? .shut)
    }

    private static func families(_ section: inout ConfigurationSection) -> [AddressFamily] {
        let words = "ipv4-unicast or ipv6-unicast"
        guard let node = section.node("families") else { return AddressFamily.allCases }
        let families = section.list("families", words, ConfigurationValue.family) ?? []
        if case .sequence(let items) = node.content, items.isEmpty {
            section.problems.error(
                node.mark, "\(section.name("families")) is empty; write \(words), or remove it for both")
        }
        for (index, family) in families.enumerated()
        where families.prefix(index).contains(where: { $0.value == family.value }) {
            section.problems.error(family.mark, "\(family.value)-unicast is listed twice; remove it")
        }
        return families.map(\.value)
    }

    private static func checkPolicies(
        _ peer: PeerSettings, _ importMark: YAMLNode.Mark?, _ exportMark: YAMLNode.Mark?, _ context: PeerContext,
        _ problems: ProblemCollector
    ) {
        guard context.fibEnabled else { return }
        if let importMark, peer.importPolicy == .all {
            problems.error(
                importMark,
                "import: all would let the peer write any route into this node's kernel;"
                    + " write cluster, or set fib.enabled: false"
            )
        }
        if let exportMark, peer.exportPolicy == .all, !peer.routeReflectorClient, !peer.routeServerClient {
            problems.warning(
                exportMark, "export: all makes this node a transit router, like a ToR; write own if it only has pods")
        }
    }

    private static func checkTimers(
        _ peer: PeerSettings, _ passiveMark: YAMLNode.Mark?, _ holdMark: YAMLNode.Mark?, _ context: PeerContext,
        _ problems: ProblemCollector
    ) {
        if let passiveMark, peer.passive, context.listenPort == 0 {
            problems.error(
                passiveMark, "a passive peer can never connect while bgp.listenPort is 0; set a port, or remove passive"
            )
        }
        if let holdMark, let hold = peer.holdTime, hold != .zero, let keepalive = context.keepaliveTime,
            keepalive >= hold
        {
            problems.error(
                holdMark,
                "the hold time must be longer than bgp.keepaliveTime (\(keepalive.wholeSeconds)s); change one of them")
        }
    }
}
