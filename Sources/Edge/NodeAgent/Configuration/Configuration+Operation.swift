import NetTypes

/// What an operator changes while sessions run, and how patient both sides are with each other.
extension Configuration {
    /// Key `shutdown` of a peer.
    package struct Shutdown: Sendable, Equatable {
        /// Text for the peer's operators (RFC 9003), at most 255 octets of UTF-8; nil: none.
        package var message: String?
    }

    /// Reads `shutdown`, `minimumAdvertisementInterval` and the peer's own `gracefulRestart`.
    static func readOperation(_ section: inout ConfigurationSection, into peer: inout PeerSettings) {
        let shutdown = section.value("shutdown", ConfigurationValue.shutdownWords, ConfigurationValue.shutdown)
        peer.shutdown = shutdown?.value.settings
        peer.minimumAdvertisementInterval = interval(&section)
        var restart = section.section("gracefulRestart")
        peer.longLivedStaleTime = longLivedStaleTime(&restart)
        restart.finish()
    }

    static func interval(_ section: inout ConfigurationSection) -> Duration? {
        section.value(
            "minimumAdvertisementInterval", "0 for none, or a time up to 600s", ConfigurationValue.advertisementInterval
        )?.value
    }

    static func longLivedStaleTime(_ section: inout ConfigurationSection) -> Duration? {
        section.value(
            "longLivedStaleTime", "0s to keep only the peers' routes for long, or whole seconds up to 16777215s",
            ConfigurationValue.seconds(0...16_777_215))?.value
    }
}

extension ConfigurationValue {
    /// `false`, `true`, or `true` with a text.
    struct ShutdownChoice {
        let settings: Configuration.Shutdown?
    }

    static let shutdownWords = "true, false, or a text of at most 255 bytes for the peer's operators"

    static func shutdown(_ text: String) -> ShutdownChoice? {
        if let flag = bool(text) { return ShutdownChoice(settings: flag ? Configuration.Shutdown() : nil) }
        guard !text.isEmpty, text.utf8.count <= 255 else { return nil }
        return ShutdownChoice(settings: Configuration.Shutdown(message: text))
    }

    static func advertisementInterval(_ text: String) -> Duration? {
        duration(text).flatMap { $0 <= .seconds(600) ? $0 : nil }
    }
}
