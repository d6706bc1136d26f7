import DispatchIO
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
        /// The same for a file of TCP-AO keys.
        let inspectKeys: (TCPSecret.Source) -> [String]
    }

    /// A number that stands in for a wrong or missing one, so that the rest can be read; such a file is refused anyway.
    static let placeholder = ASNumber(rawValue: 0)

    static func bgp(
        _ section: ConfigurationSection, fibEnabled: Bool, inspect: @escaping (String) -> [String],
        inspectKeys: @escaping (TCPSecret.Source) -> [String]
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
        let mrai = interval(&section)
        let gracefulRestart = gracefulRestart(section.section("gracefulRestart"))
        let clusterID = section.value("clusterID", "an IPv4 address such as 192.0.2.10", ConfigurationValue.routerID)
        let context = PeerContext(
            asn: asn?.value, holdTime: holdTime?.value ?? .seconds(90), keepaliveTime: keepalive?.value,
            sendHoldTime: sendHold?.value, listenPort: listenPort?.value ?? 179, listenAddress: listenAddress?.value,
            fibEnabled: fibEnabled, inspect: inspect, inspectKeys: inspectKeys)
        let peers = section.sections("peers").compactMap { peer($0, context) }
        section.finish()
        if let keepalive { check(keepalive: keepalive, context, section) }
        if let sendHold { check(sendHold: sendHold, peers.map(\.settings), context, section) }
        checkDuplicates(peers, section.problems)
        var settings = BGPSettings(
            asn: asn?.value ?? placeholder, listenPort: context.listenPort, listenAddress: context.listenAddress,
            holdTime: context.holdTime, keepaliveTime: context.keepaliveTime,
            sendHoldTime: context.sendHoldTime, connectRetryTime: retry?.value ?? .seconds(5),
            gracefulRestart: gracefulRestart, clusterID: clusterID?.value, peers: peers.map(\.settings))
        settings.minimumAdvertisementInterval = mrai ?? .zero
        return LocatedBGP(settings: settings, peerMarks: peers.map(\.addressMark))
    }

    private static func gracefulRestart(_ section: ConfigurationSection) -> GracefulRestartSettings {
        var section = section
        let enabled = section.value("enabled", ConfigurationValue.boolWords, ConfigurationValue.bool)
        let restart = section.value(
            "restartTime", "whole seconds from 1s to 4095s", ConfigurationValue.seconds(1...4095))
        let deferral = section.value(
            "deferralTime", "whole seconds from 1s to 4095s", ConfigurationValue.seconds(1...4095))
        let longLived = longLivedStaleTime(&section)
        let partial = section.value("longLivedPartialDeployment", ConfigurationValue.boolWords, ConfigurationValue.bool)
        section.finish()
        var settings = GracefulRestartSettings(
            enabled: enabled?.value ?? true, restartTime: restart?.value ?? .seconds(120),
            deferralTime: deferral?.value ?? .seconds(30))
        settings.longLivedStaleTime = longLived
        settings.longLivedPartialDeployment = partial?.value ?? false
        return settings
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
