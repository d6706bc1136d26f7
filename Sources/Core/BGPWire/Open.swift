import NetTypes

/// OPEN (RFC 4271 section 4.2).
package struct Open: Sendable, Hashable {
    package var version: UInt8
    /// The two-octet field; `ASNumber.trans` when the real number needs the capability.
    package var autonomousSystem: UInt16
    /// Seconds; 0, or at least 3.
    package var holdTime: UInt16
    package var routerID: RouterID
    package var capabilities: [Capability]

    package init(
        version: UInt8 = 4, autonomousSystem: UInt16, holdTime: UInt16, routerID: RouterID, capabilities: [Capability]
    ) {
        self.version = version
        self.autonomousSystem = autonomousSystem
        self.holdTime = holdTime
        self.routerID = routerID
        self.capabilities = capabilities
    }

    /// The speaker's AS: the capability's number when it is there (RFC 6793 section 4.1), else the field.
    package var asNumber: ASNumber {
        for case .fourOctetAS(let number) in capabilities { return number }
        return ASNumber(rawValue: UInt32(autonomousSystem))
    }
}

/// One capability (RFC 5492). Unknown ones are kept, to be shown.
package enum Capability: Sendable, Hashable {
    /// RFC 4760.
    case multiprotocol(afi: UInt16, safi: UInt8)
    /// RFC 2918.
    case routeRefresh
    /// RFC 8950.
    case extendedNextHop([ExtendedNextHop])
    /// RFC 8654.
    case extendedMessage
    /// RFC 4724, with RFC 8538's N bit.
    case gracefulRestart(GracefulRestart)
    /// RFC 6793.
    case fourOctetAS(ASNumber)
    /// RFC 7911.
    case addPath([AddPathFamily])
    /// RFC 7313.
    case enhancedRouteRefresh
    /// RFC 9234: the raw value of a `BGPRole`, or a number that the RFC does not know.
    case role(UInt8)
    /// RFC 9494.
    case longLivedGracefulRestart(LongLivedGracefulRestart)
    /// draft-walton-bgp-hostname-capability.
    case hostName(HostName)
    case unknown(code: UInt8, value: [UInt8])

    package static func multiprotocol(_ family: AddressFamily) -> Self { .multiprotocol(afi: family.afi, safi: 1) }
}

/// One family of the add-path capability (RFC 7911 section 4).
package struct AddPathFamily: Sendable, Hashable {
    package var afi: UInt16
    package var safi: UInt8
    /// The sender takes path identifiers.
    package var receives: Bool
    /// The sender writes them.
    package var sends: Bool

    package init(afi: UInt16, safi: UInt8 = 1, receives: Bool, sends: Bool) {
        self.afi = afi
        self.safi = safi
        self.receives = receives
        self.sends = sends
    }
}

/// The name of a speaker (draft-walton-bgp-hostname-capability): octets of UTF-8, from a peer anything.
package struct HostName: Sendable, Hashable {
    /// At most 64 octets when it is ours, as others cut it there.
    package var host: [UInt8]
    package var domain: [UInt8]

    package init(host: [UInt8], domain: [UInt8]) {
        self.host = host
        self.domain = domain
    }

    /// What stands before the first dot is the host, the rest its domain.
    package init(_ name: String) {
        let parts = name.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        self.init(host: Self.cut(parts.first ?? ""), domain: Self.cut(parts.count > 1 ? parts[1] : ""))
    }

    private static func cut(_ text: Substring) -> [UInt8] {
        var octets: [UInt8] = []
        for character in text {
            guard octets.count + character.utf8.count <= 64 else { break }
            octets += character.utf8
        }
        return octets
    }
}

/// The graceful restart capability (RFC 4724 section 3).
package struct GracefulRestart: Sendable, Hashable {
    package struct Family: Sendable, Hashable {
        package var afi: UInt16
        package var safi: UInt8
        /// F bit: forwarding state was kept over the restart.
        package var forwardingPreserved: Bool

        package init(afi: UInt16, safi: UInt8, forwardingPreserved: Bool) {
            self.afi = afi
            self.safi = safi
            self.forwardingPreserved = forwardingPreserved
        }
    }

    /// R bit: this speaker has restarted.
    package var restarted: Bool
    /// N bit (RFC 8538): NOTIFICATION is graceful too.
    package var notification: Bool
    /// Seconds, 0...4095.
    package var restartTime: UInt16
    package var families: [Family]

    package init(restarted: Bool, notification: Bool = false, restartTime: UInt16, families: [Family]) {
        self.restarted = restarted
        self.notification = notification
        self.restartTime = restartTime
        self.families = families
    }
}

extension AddressFamily {
    /// The address family identifier of RFC 4760.
    package var afi: UInt16 { self == .ipv4 ? 1 : 2 }

    package init?(afi: UInt16) {
        switch afi {
        case 1: self = .ipv4
        case 2: self = .ipv6
        default: return nil
        }
    }
}
