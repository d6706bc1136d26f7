import NetTypes

extension Message: CustomStringConvertible {
    /// The message in words, several lines long: what fixtures hold and debug logs show.
    package var description: String {
        switch self {
        case .open(let open): open.description
        case .update(let update): update.description
        case .notification(let notification): "NOTIFICATION \(notification)"
        case .keepalive: "KEEPALIVE"
        case .routeRefresh(let refresh): refresh.description
        }
    }
}

extension Open: CustomStringConvertible {
    package var description: String {
        let head = "OPEN version \(version) as \(autonomousSystem) hold \(holdTime) id \(routerID)"
        return ([head] + capabilities.map { "  capability \($0)" }).joined(separator: "\n")
    }
}

extension Capability: CustomStringConvertible {
    package var description: String {
        switch self {
        case .multiprotocol(let afi, let safi): "multiprotocol \(FamilyText.name(afi, safi))"
        case .routeRefresh: "route-refresh"
        case .extendedNextHop(let families):
            "extended-next-hop \(families.map(\.description).joined(separator: ", "))"
        case .extendedMessage: "extended-message"
        case .gracefulRestart(let restart): "graceful-restart \(restart)"
        case .fourOctetAS(let number): "four-octet-as \(number)"
        case .addPath(let families): (["add-path"] + families.map { "\($0)" }).joined(separator: " ")
        case .enhancedRouteRefresh: "enhanced-route-refresh"
        case .hostName(let name): "host-name \(name)"
        case .role(let role): "role \(BGPRole(rawValue: role).map { "\($0)" } ?? "\(role)")"
        case .longLivedGracefulRestart(let restart): "long-lived-graceful-restart \(restart)"
        case .unknown(let code, let value): Self.text(code, value)
        }
    }

    /// Some capabilities that we only show.
    private static let names: [UInt8: String] = [
        4: "multiple-labels", 9: "role", 67: "dynamic", 69: "add-path",
        71: "long-lived-graceful-restart", 75: "software-version", 77: "link-local-next-hop", 128: "old-route-refresh",
        131: "old-multisession",
    ]

    /// `NAME (CODE) [OCTETS]`.
    private static func text(_ code: UInt8, _ value: [UInt8]) -> String {
        let name = names[code].map { "\($0) (\(code))" } ?? "\(code)"
        return "\(name) [\(FamilyText.hex(value))]"
    }
}

extension AddPathFamily: CustomStringConvertible {
    package var description: String {
        "\(FamilyText.name(afi, safi))=\(receives ? sends ? "both" : "receive" : "send")"
    }
}

extension HostName: CustomStringConvertible {
    /// Safe to print, whatever a peer sent.
    package var description: String {
        let text = NotificationText.printable(host)
        return domain.isEmpty ? text : text + "." + NotificationText.printable(domain)
    }
}

extension GracefulRestart: CustomStringConvertible {
    package var description: String {
        var words = ["\(restartTime)s"]
        if restarted { words.append("restarted") }
        if notification { words.append("notification") }
        for family in families {
            let name = FamilyText.name(family.afi, family.safi)
            words.append(family.forwardingPreserved ? "\(name)=preserved" : name)
        }
        return words.joined(separator: " ")
    }
}

extension LongLivedGracefulRestart: CustomStringConvertible {
    package var description: String {
        guard !families.isEmpty else { return "without families" }
        return families.map { family in
            let name = FamilyText.name(family.afi, family.safi)
            return "\(name)=\(family.staleTime)s" + (family.forwardingPreserved ? ",preserved" : "")
        }.joined(separator: " ")
    }
}

extension RouteRefresh: CustomStringConvertible {
    package var description: String {
        let kind = [0: "request", 1: "begin", 2: "end"][subtype] ?? "subtype \(subtype)"
        return "ROUTE-REFRESH \(FamilyText.name(afi, safi)) \(kind)"
    }
}

extension Update: CustomStringConvertible {
    package var description: String {
        var lines = ["UPDATE"]
        if let endOfRIB { lines.append("  end-of-rib \(endOfRIB)") }
        for (index, prefix) in withdrawn.enumerated() {
            let pathID = withdrawnIDs.isEmpty ? 0 : withdrawnIDs[index]
            lines.append("  withdraw \(prefix)" + (pathID == 0 ? "" : " path \(pathID)"))
        }
        for announcement in announced {
            for (index, prefix) in announcement.prefixes.enumerated() {
                let pathID = announcement.pathIDs.isEmpty ? "" : " path \(announcement.pathIDs[index])"
                lines.append("  announce \(prefix)" + pathID)
            }
            lines += announcement.attributes.lines.map { "    \($0)" }
        }
        for fault in faults { lines.append("  fault \(fault)") }
        return lines.joined(separator: "\n")
    }
}

extension AttributeFault: CustomStringConvertible {
    package var description: String {
        let action =
            switch remedy {
            case .attributeDiscard: "discard"
            case .treatAsWithdraw: "withdraw"
            case .sessionReset: "reset"
            }
        return "\(action): \(reason)"
    }
}

extension PathAttributes: CustomStringConvertible {
    package var description: String { lines.joined(separator: "; ") }

    /// One line per attribute, next hop first.
    package var lines: [String] {
        let fields = AttributeFields(self)
        var lines = [linkLocalNextHop.map { "next-hop \(nextHop) \($0)" } ?? "next-hop \(nextHop)"]
        lines.append("origin \(fields.originName)")
        lines.append(fields.asPath.segments.isEmpty ? "as-path empty" : "as-path \(fields.asPath)")
        if let med = fields.med { lines.append("med \(med)") }
        if let localPref = fields.localPref { lines.append("local-pref \(localPref)") }
        if fields.atomicAggregate { lines.append("atomic-aggregate") }
        if let aggregator = fields.aggregator {
            lines.append("aggregator \(aggregator.asNumber) \(aggregator.routerID)")
        }
        func list(_ name: String, _ items: [some CustomStringConvertible]) {
            if !items.isEmpty { lines.append("\(name) \(items.map(\.description).joined(separator: " "))") }
        }
        list("communities", fields.communities.map(Community.init(rawValue:)))
        list("originator-id", fields.originatorID.map { [$0] } ?? [])
        list("cluster-list", fields.clusterList.map(RouterID.init(rawValue:)))
        list("extended-communities", fields.extendedCommunities.map(ExtendedCommunity.init(rawValue:)))
        list("large-communities", fields.largeCommunities)
        if let number = fields.onlyToCustomer { lines.append("only-to-customer \(number)") }
        for raw in fields.unknown {
            let flags = String(raw.flags, radix: 16)
            lines.append("attribute \(raw.code) flags 0x\(flags) [\(FamilyText.hex(raw.value))]")
        }
        return lines
    }
}

extension AttributeFields {
    /// ORIGIN as words.
    package var originName: String {
        switch origin {
        case 0: "igp"
        case 1: "egp"
        default: "incomplete"
        }
    }
}

/// Texts that several descriptions share.
enum FamilyText {
    static func name(_ afi: UInt16, _ safi: UInt8) -> String {
        guard let family = AddressFamily(afi: afi), safi == 1 else { return "\(afi)/\(safi)" }
        return "\(family)-unicast"
    }

    static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }
}
