import NetTypes

extension Configuration {
    /// `bgp` with the places that later checks point at.
    struct LocatedBGP {
        let settings: BGPSettings
        /// Where each peer's address stands.
        let peerMarks: [YAMLNode.Mark]
    }

    /// Facts of the rest of the file that decide whether a peer's keys make sense.
    struct PeerContext {
        let asn: ASNumber?
        let holdTime: Duration
        let keepaliveTime: Duration?
        let sendHoldTime: Duration?
        let listenPort: UInt16
        let listenAddress: IPAddress?
        let fibEnabled: Bool
        /// What is wrong with a password file.
        let inspect: (String) -> [String]
    }

    /// A number that stands in for a wrong or missing one, so that the rest can be read; such a file is refused anyway.
    private static let placeholder = ASNumber(rawValue: 0)

    static func bgp(
        _ section: ConfigurationSection, fibEnabled: Bool, inspect: @escaping (String) -> [String]
    ) -> LocatedBGP {
        var section = section
        let asn = section.required("asn", ConfigurationValue.asnWords, ConfigurationValue.asn)
        let listenPort = section.value(
            "listenPort", "a TCP port from 1 to 65535, or 0 to accept no connection",
            ConfigurationValue.integer(0...UInt16.max))
        let listenAddress = section.value("listenAddress", ConfigurationValue.addressWords, ConfigurationValue.address)
        let holdTime = section.value("holdTime", ConfigurationValue.holdTimeWords, ConfigurationValue.holdTime)
        let keepalive = section.value(
            "keepaliveTime", "whole seconds from 1s to 21845s", ConfigurationValue.seconds(1...21845))
        let sendHold = section.value(
            "sendHoldTime", ConfigurationValue.sendHoldTimeWords, ConfigurationValue.sendHoldTime)
        let retry = section.value(
            "connectRetryTime", "whole seconds from 1s to 3600s", ConfigurationValue.seconds(1...3600))
        let gracefulRestart = gracefulRestart(section.section("gracefulRestart"))
        let clusterID = section.value("clusterID", "an IPv4 address such as 192.0.2.10", ConfigurationValue.routerID)
        let context = PeerContext(
            asn: asn?.value, holdTime: holdTime?.value ?? .seconds(90), keepaliveTime: keepalive?.value,
            sendHoldTime: sendHold?.value, listenPort: listenPort?.value ?? 179, listenAddress: listenAddress?.value,
            fibEnabled: fibEnabled, inspect: inspect)
        let peers = section.sections("peers").compactMap { peer($0, context) }
        section.finish()
        if let keepalive { check(keepalive: keepalive, context, section) }
        if let sendHold { check(sendHold: sendHold, peers.map(\.settings), context, section) }
        checkDuplicates(peers, section.problems)
        let settings = BGPSettings(
            asn: asn?.value ?? placeholder, listenPort: context.listenPort, listenAddress: context.listenAddress,
            holdTime: context.holdTime, keepaliveTime: context.keepaliveTime,
            sendHoldTime: context.sendHoldTime, connectRetryTime: retry?.value ?? .seconds(5),
            gracefulRestart: gracefulRestart, clusterID: clusterID?.value, peers: peers.map(\.settings))
        return LocatedBGP(settings: settings, peerMarks: peers.map(\.addressMark))
    }

    private static func gracefulRestart(_ section: ConfigurationSection) -> GracefulRestartSettings {
        var section = section
        let enabled = section.value("enabled", ConfigurationValue.boolWords, ConfigurationValue.bool)
        let restart = section.value(
            "restartTime", "whole seconds from 1s to 4095s", ConfigurationValue.seconds(1...4095))
        let deferral = section.value(
            "deferralTime", "whole seconds from 1s to 4095s", ConfigurationValue.seconds(1...4095))
        section.finish()
        return GracefulRestartSettings(
            enabled: enabled?.value ?? true, restartTime: restart?.value ?? .seconds(120),
            deferralTime: deferral?.value ?? .seconds(30))
    }

    private static func check(
        sendHold: Located<Duration>, _ peers: [PeerSettings], _ context: PeerContext, _ section: ConfigurationSection
    ) {
        let longest = peers.reduce(context.holdTime) { max($0, $1.holdTime ?? .zero) }
        guard sendHold.value != .zero, sendHold.value <= longest else { return }
        section.problems.error(
            sendHold.mark,
            "bgp.sendHoldTime must be longer than every hold time (\(longest.wholeSeconds)s); remove it to use eight"
                + " minutes, or twice the hold time when that is more")
    }

    private static func check(keepalive: Located<Duration>, _ context: PeerContext, _ section: ConfigurationSection) {
        guard context.holdTime != .zero, keepalive.value >= context.holdTime else { return }
        section.problems.error(
            keepalive.mark,
            "bgp.keepaliveTime must be shorter than bgp.holdTime (\(context.holdTime.wholeSeconds)s), or peers drop the"
                + " session; remove it to use a third of the hold time")
    }
}

// MARK: - Peers

extension Configuration {
    private struct LocatedPeer {
        let settings: PeerSettings
        let nameMark: YAMLNode.Mark
        let addressMark: YAMLNode.Mark
    }

    /// Keys that later versions know. None may be passed over: each would leave the operator with a false belief.
    private static let unsupportedPeerKeys = [
        "password": "write the password into a file that only root can read, and its path as passwordFile",
        "bfd": "remove it: a dead peer is found by the hold time only",
        "interface": "remove it and write the peer's address",
        "defaultGateway": "remove it and write the peer's address",
    ]

    private static func peer(_ section: ConfigurationSection, _ context: PeerContext) -> LocatedPeer? {
        var section = section
        let problems = section.problems
        let name = section.value(
            "name", "letters, digits, \".\", \"_\", \"-\" or \":\", at most 63", ConfigurationValue.peerName)
        let usesLater = section.contains("interface") || section.contains("defaultGateway")
        // Those two keys stand in for the address: that they are not supported is said once, below.
        let address =
            usesLater
            ? section.value("address", ConfigurationValue.addressWords, ConfigurationValue.address)
            : section.required("address", ConfigurationValue.addressWords, ConfigurationValue.address)
        let asn = peerASN(&section, context)
        let families = families(&section)
        let passive = section.value("passive", ConfigurationValue.boolWords, ConfigurationValue.bool)
        let port = section.value("port", "a TCP port from 1 to 65535", ConfigurationValue.integer(1...UInt16.max))
        let holdTime = section.value("holdTime", ConfigurationValue.holdTimeWords, ConfigurationValue.holdTime)
        let local = section.value("localAddress", ConfigurationValue.addressWords, ConfigurationValue.address)
        let passwordFile = passwordFile(&section, inspect: context.inspect)
        let reach = reach(&section)
        let importPolicy: Located<ImportPolicy>? = section.value(
            "import", ConfigurationValue.words(ImportPolicy.self), ConfigurationValue.choice)
        let exportPolicy: Located<ExportPolicy>? = section.value(
            "export", ConfigurationValue.words(ExportPolicy.self), ConfigurationValue.choice)
        let client = section.value("routeReflectorClient", ConfigurationValue.boolWords, ConfigurationValue.bool)
        let limit = section.contains("maxPrefixes") ? prefixLimit(section.section("maxPrefixes")) : nil
        let ownAS = section.value(
            "allowOwnAS", "how often our own AS may stand in the path of a route, 0 to 10",
            ConfigurationValue.integer(UInt8(0)...10))
        section.finish(unsupported: unsupportedPeerKeys)
        guard let address else { return nil }
        let peer = PeerSettings(
            name: name?.value ?? address.value.description, address: address.value, asn: asn?.value ?? placeholder,
            families: families, passive: passive?.value ?? false, port: port?.value ?? 179, holdTime: holdTime?.value,
            localAddress: local?.value, passwordFile: passwordFile, reach: reach,
            importPolicy: importPolicy?.value ?? .cluster,
            exportPolicy: exportPolicy?.value ?? .own, routeReflectorClient: client?.value ?? false,
            prefixLimit: limit ?? .standard(importPolicy?.value ?? .cluster), allowOwnAS: ownAS?.value ?? 0)
        checkAddresses(peer, address.mark, local?.mark, context, problems)
        checkPolicies(peer, importPolicy?.mark, exportPolicy?.mark, context, problems)
        checkTimers(peer, passive?.mark, holdTime?.mark, context, problems)
        if let client, client.value, let own = context.asn, let asn, asn.value != own {
            problems.error(
                client.mark,
                "only internal peers can be clients of a route reflector;"
                    + " remove routeReflectorClient, or write asn: internal"
            )
        }
        return LocatedPeer(settings: peer, nameMark: name?.mark ?? address.mark, addressMark: address.mark)
    }

    private static func prefixLimit(_ section: ConfigurationSection) -> PrefixLimit {
        var section = section
        let limit = section.required(
            "limit", "prefixes of one family, 1 to 10000000", ConfigurationValue.integer(UInt32(1)...10_000_000))
        let warning = section.value(
            "warnAt", "percent of the limit, 1 to 100", ConfigurationValue.integer(UInt8(1)...100))
        let restart = section.value(
            "restartAfter", "whole seconds from 1s to 86400s", ConfigurationValue.seconds(1...86400))
        section.finish()
        return PrefixLimit(
            limit: limit?.value ?? 1, warnAt: warning?.value ?? 80, restartAfter: restart?.value ?? .seconds(300))
    }

    private static func peerASN(_ section: inout ConfigurationSection, _ context: PeerContext) -> Located<ASNumber>? {
        let words = "the peer's AS number (23456 and 65535 are reserved), or internal for our own"
        let text = section.required("asn", words) { text in
            text == "internal" || text == "external" || ConfigurationValue.asn(text) != nil ? text : nil
        }
        guard let text else { return nil }
        guard text.value != "external" else {
            section.problems.error(
                text.mark, "\(section.name("asn")): external is not supported yet; write the peer's AS number")
            return nil
        }
        let number = text.value == "internal" ? context.asn : ConfigurationValue.asn(text.value)
        return number.map { Located(value: $0, mark: text.mark) }
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

    private static func checkAddresses(
        _ peer: PeerSettings, _ mark: YAMLNode.Mark, _ localMark: YAMLNode.Mark?, _ context: PeerContext,
        _ problems: ProblemCollector
    ) {
        if peer.address.isLinkLocal, peer.address.family == .ipv6 {
            problems.error(
                mark,
                "\(peer.address) is link-local, and peers on an interface are not supported yet; write a global address"
            )
        }
        if peer.address == peer.localAddress || peer.address == context.listenAddress {
            problems.error(mark, "\(peer.address) is our own address; write the peer's")
        }
        if let local = peer.localAddress, let localMark, local.family != peer.address.family {
            problems.error(
                localMark,
                "\(local) cannot reach \(peer.address); write an \(peer.address.family) address, or remove it")
        }
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
        if let exportMark, peer.exportPolicy == .all, !peer.routeReflectorClient {
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

    private static func checkDuplicates(_ peers: [LocatedPeer], _ problems: ProblemCollector) {
        var addresses: [IPAddress: Int] = [:]
        var names: [String: Int] = [:]
        for peer in peers {
            let (address, name) = (peer.settings.address, peer.settings.name)
            if let line = addresses[address] {
                problems.error(
                    peer.addressMark,
                    "the address \(address) already belongs to the peer in line \(line); remove one of them")
            } else if let line = names[name] {
                problems.error(
                    peer.nameMark, "the name \"\(name)\" already belongs to the peer in line \(line); choose another")
            }
            addresses[address] = addresses[address] ?? peer.addressMark.line
            names[name] = names[name] ?? peer.nameMark.line
        }
    }
}
