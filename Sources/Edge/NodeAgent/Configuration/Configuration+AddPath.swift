extension Configuration {
    /// Key `addPath` of a peer: several paths of one prefix (RFC 7911).
    package struct AddPathSettings: Sendable, Equatable {
        /// Which paths of a prefix the peer is told.
        package enum Selection: Sendable, Equatable {
            /// Those among which this node shares its traffic.
            case best
            /// Every usable one.
            case all
            /// So many, 2...64: the ECMP set first, then by rank.
            case most(Int)
        }

        /// The peer may tell us several paths of a prefix.
        package var receive = false
        /// nil: it is told the best path only, without an identifier.
        package var send: Selection?
    }

    static func readAddPath(_ section: inout ConfigurationSection, into peer: inout PeerSettings) {
        guard section.contains("addPath") else { return }
        var addPath = section.section("addPath")
        let receive = addPath.value("receive", ConfigurationValue.boolWords, ConfigurationValue.bool)
        let send = addPath.value("send", "off, best, all, or a number of paths from 2 to 64", selection)
        addPath.finish()
        peer.addPath.receive = receive?.value ?? false
        peer.addPath.send = send?.value ?? nil
    }

    /// The outer nil: not understood.
    private static func selection(_ text: String) -> AddPathSettings.Selection?? {
        switch text {
        case "off": .some(nil)
        case "best": .best
        case "all": .all
        default: ConfigurationValue.integer(2...64)(text).map { .most($0) }
        }
    }
}
