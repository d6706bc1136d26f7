import NetTypes

extension Capability: CustomStringConvertible {
    /// The capability as the CLI names it.
    package var description: String {
        switch self {
        case .multiprotocol(let afi, let safi): "multiprotocol \(Self.family(afi, safi))"
        case .routeRefresh: "route-refresh"
        case .extendedMessage: "extended-message"
        case .gracefulRestart(let restart): restart.description
        case .fourOctetAS(let number): "four-octet-as \(number)"
        case .enhancedRouteRefresh: "enhanced-route-refresh"
        case .unknown(let code, let value): "capability \(code) (\(value.count) octets)"
        }
    }

    static func family(_ afi: UInt16, _ safi: UInt8) -> String {
        guard let family = AddressFamily(afi: afi) else { return "afi \(afi) safi \(safi)" }
        return safi == 1 ? "\(family)-unicast" : "\(family) safi \(safi)"
    }
}

extension GracefulRestart: CustomStringConvertible {
    package var description: String {
        let flags = [restarted ? "restarted" : nil, notification ? "notification" : nil].compactMap { $0 }
        let kept = families.map { Capability.family($0.afi, $0.safi) + ($0.forwardingPreserved ? " preserved" : "") }
        return (["graceful-restart \(restartTime)s"] + flags + kept).joined(separator: ", ")
    }
}
