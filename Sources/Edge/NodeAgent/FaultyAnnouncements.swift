import BGPCapture
import ControlAPI
import NetTypes

/// What peers announced of a destination in malformed UPDATEs: no table has it, because it was taken as withdrawn
/// (RFC 7606 section 2), but the history keeps the octets.
enum FaultyAnnouncements {
    /// The last one of each prefix that covers the destination and that the peer has not announced well since: of those
    /// that it has (`held`) nothing is said.
    static func covering(
        _ destination: Prefix, in events: [SessionEventDocument], peer: String, isExternal: Bool, held: Set<Prefix>
    ) -> [NearMissDocument] {
        var known = held
        var misses: [NearMissDocument] = []
        for event in events.reversed() where event.kind == .fault {
            guard let message = event.message.flatMap({ decode($0, isExternal: isExternal) }),
                message.verdict.action == .treatAsWithdraw
            else { continue }
            for prefix in message.withdrawn where prefix.contains(destination) && known.insert(prefix).inserted {
                misses.append(
                    NearMissDocument(
                        prefix: prefix.description, source: peer,
                        reason: "malformed at \(UTCTime.text(event.lastMilliseconds)), \(message.verdict.line);"
                            + " martletctl history \(peer) has the octets"))
            }
        }
        return misses.sorted { $0.prefix < $1.prefix }
    }

    /// The history's octets, judged again: it keeps neither the prefixes nor the section.
    private static func decode(_ text: String, isExternal: Bool) -> DecodedMessage? {
        var settings = CaptureSettings()
        settings.isExternal = isExternal
        var decoder = CaptureDecoder(settings)
        guard var entries = try? decoder.append(Array(text.utf8)[...]) else { return nil }
        entries += (try? decoder.finish()) ?? []
        for case .message(let message) in entries { return message }
        return nil
    }
}

extension ControlAnswers {
    /// Of all peers; what a peer announced well since is in `view`.
    func faultyAnnouncements(
        of destination: Prefix, _ peers: [Agent.PeerHandle], _ view: DestinationView
    ) -> [NearMissDocument] {
        peers.flatMap { peer in
            let held = view.coverings.filter { covering in covering.paths.contains { $0.peer == peer.id } }.map(
                \.prefix)
            return FaultyAnnouncements.covering(
                destination, in: agent.history.events(peer.settings.name), peer: peer.settings.name,
                isExternal: peer.loop.settings.configuration.isExternal, held: Set(held))
        }
    }
}
