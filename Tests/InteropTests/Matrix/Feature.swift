/// A row of the interop matrix: what two speakers do with each other.
enum Feature: String, CaseIterable, Sendable {
    case external, `internal`, unnumbered, password, hopLimit, ourRestart, theirRestart, theirRefresh, ourRefresh
    case theirPaths, ourPaths, extendedMessages
    case largeCommunities, theirShutdown, ourShutdown, theirPrefixes, ourPrefixes

    /// What the row is about.
    var title: String {
        switch self {
        case .external: "External session (RFC 4271, 4760)"
        case .internal: "Internal session (RFC 4456)"
        case .unnumbered: "Unnumbered session (RFC 8950)"
        case .password: "TCP MD5 (RFC 2385)"
        case .hopLimit: "GTSM (RFC 5082)"
        case .ourRestart: "Our restart (RFC 4724)"
        case .theirRestart: "Their restart (RFC 4724)"
        case .theirRefresh: "Route refresh, they ask (RFC 2918, 7313)"
        case .ourRefresh: "Route refresh, we ask (RFC 2918, 7313)"
        case .theirPaths: "Add-path, they send (RFC 7911)"
        case .ourPaths: "Add-path, we send (RFC 7911)"
        case .extendedMessages: "Extended messages (RFC 8654)"
        case .largeCommunities: "Large communities (RFC 8092)"
        case .theirShutdown: "Their shutdown text (RFC 9003)"
        case .ourShutdown: "Our shutdown text (RFC 9003)"
        case .theirPrefixes: "They send too many prefixes (RFC 4486)"
        case .ourPrefixes: "We send too many prefixes (RFC 4486)"
        }
    }

    /// What its test sees, as a sentence without a full stop.
    var sentence: String {
        switch self {
        case .external: "both families go both ways: into their table, into our kernel, and out again"
        case .internal: "the same inside one AS, with the router as route reflector"
        case .unnumbered: "both sides find each other on the link, and pods of both families talk through the router"
        case .password: "a session does not come up with a wrong password, and does with the right one"
        case .hopLimit: "a session comes up where both sides want hop limit 255"
        case .ourRestart: "our agent is killed and comes back, and no packet between pods is lost"
        case .theirRestart: "their BGP daemon is killed and comes back, and no packet between pods is lost"
        case .theirRefresh: "they ask for our routes once more, get them, and the session stays"
        case .ourRefresh: "martletctl reset --soft in brings their routes once more, and the session stays"
        case .theirPaths: "two paths of a prefix arrive, of both families"
        case .ourPaths: "two paths of a prefix reach them, of both families"
        case .extendedMessages: "both sides agree on messages of up to 65535 octets"
        case .largeCommunities: "those of one router are shown by us and arrive at a second router, of both families"
        case .theirShutdown: "martletctl shows the text of their shutdown"
        case .ourShutdown: "they show the text of martletctl drain"
        case .theirPrefixes: "one prefix too many of theirs ends the session, and both sides say why"
        case .ourPrefixes: "one prefix too many of ours ends the session, and both sides say why"
        }
    }
}
