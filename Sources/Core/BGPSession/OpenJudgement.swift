import BGPWire
import NetTypes

/// What a speaker makes of an OPEN: the session machine's own judgement, for those who only watch a session.
package enum OpenJudgement: Sendable, Hashable {
    case accepted(Negotiated)
    /// The NOTIFICATION to answer with, and what was found and wanted.
    case refused(NotificationMessage, String)

    /// Judges `theirs` as the speaker does that sent `ours`; the AS that the peer names is the one configured.
    package init(of theirs: Open, answering ours: Open) {
        var families: FamilySet = []
        for case .multiprotocol(let afi, let safi) in ours.capabilities where safi == 1 {
            if let family = AddressFamily(afi: afi) { families.insert(FamilySet(family)) }
        }
        let isMultiprotocol = ours.capabilities.contains {
            if case .multiprotocol = $0 { true } else { false }
        }
        var configuration = PeerConfiguration(
            name: "", address: .v4(.any), remoteAS: theirs.asNumber, localAS: ours.asNumber, routerID: ours.routerID,
            holdTime: .seconds(Int64(ours.holdTime)), families: isMultiprotocol ? families : .ipv4)
        for case .role(let role) in ours.capabilities { configuration.role = BGPRole(rawValue: role) }
        do throws(OpenRefusal) {
            self = .accepted(try Negotiated(theirs, sent: ours.capabilities, configuration))
        } catch {
            self = .refused(error.notification, error.text)
        }
    }

    /// The OPEN that Martlet sends by default, from an AS that makes the peer external or internal; `takesPathIDs`: it
    /// is configured to take several paths of a prefix.
    package static func ourOpen(to theirs: Open, isExternal: Bool, takesPathIDs: Bool = false) -> Open {
        let other = ASNumber(rawValue: theirs.asNumber.rawValue == 64512 ? 64513 : 64512)
        let localAS = isExternal ? other : theirs.asNumber
        let routerID = RouterID(rawValue: theirs.routerID.rawValue ^ 1)
        var configuration = PeerConfiguration(
            name: "", address: .v4(.any), remoteAS: theirs.asNumber, localAS: localAS, routerID: routerID)
        configuration.takesPathIDs = takesPathIDs
        // As on sessions over IPv6.
        configuration.extendedNextHop = theirs.capabilities.offersIPv4OverIPv6
        return configuration.open(RestartState())
    }
}
