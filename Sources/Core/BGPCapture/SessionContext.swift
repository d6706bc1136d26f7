import BGPSession
import BGPWire
import NetTypes

/// How one direction of a session is read: what its receiver negotiated.
struct SessionContext: Sendable, Hashable {
    var decode: DecodeContext
    /// For people: what was agreed on, and how we know.
    var words: String

    private init(_ decode: DecodeContext, source: String) {
        self.decode = decode
        func list(_ families: FamilySet) -> String {
            families.families.map { "\($0)-unicast" }.joined(separator: ", ")
        }
        var parts = [
            decode.families.isEmpty ? "no family" : list(decode.families),
            decode.fourOctetAS ? "four-octet AS" : "two-octet AS", decode.isExternal ? "external" : "internal",
        ]
        if decode.maximumLength > 4096 { parts.append("messages up to \(decode.maximumLength) octets") }
        if decode.enhancedRouteRefresh { parts.append("enhanced route refresh") }
        if !decode.extendedNextHop.isEmpty { parts.append("IPv6 next hops for \(list(decode.extendedNextHop))") }
        if !decode.pathIDs.isEmpty { parts.append("path identifiers for \(list(decode.pathIDs))") }
        words = parts.joined(separator: "; ") + " (\(source))"
    }

    /// The context of what `sender` says. Without its OPEN: what the settings, or the collector, say.
    init(sender: Open?, receiver: Open?, hint: ContextHint?, _ settings: CaptureSettings) {
        let isExternal = hint?.isExternal ?? settings.isExternal
        guard let sender else {
            var decode = DecodeContext(
                fourOctetAS: hint?.fourOctetAS ?? settings.fourOctetAS, families: settings.families,
                isExternal: isExternal, maximumLength: 65535, enhancedRouteRefresh: true)
            decode.pathIDs = hint.map { $0.hasPathIDs ? .all : [] } ?? settings.addPath
            decode.extendedNextHop = settings.extendedNextHop
            self.init(decode, source: hint == nil ? "assumed: no OPEN was seen" : "as the file says")
            return
        }
        let ours =
            receiver
            ?? OpenJudgement.ourOpen(to: sender, isExternal: isExternal, takesPathIDs: !settings.addPath.isEmpty)
        var decode = DecodeContext(families: [], isExternal: isExternal)
        if case .accepted(let negotiated) = OpenJudgement(of: sender, answering: ours) {
            decode = negotiated.decodeContext
        }
        if let hint {
            decode.fourOctetAS = hint.fourOctetAS
            decode.pathIDs = hint.hasPathIDs ? .all : []
        }
        self.init(decode, source: receiver == nil ? "the sender's OPEN, and what we would offer" : "both OPENs")
    }
}
