extension Configuration {
    /// Key `ipam`: what the agent does about addresses that nobody gave back.
    package struct IPAMSettings: Sendable, Equatable {
        /// Time between two looks at the stores; zero: none are taken back.
        package var sweepInterval: Duration = .seconds(60)
        /// How long a pod must have been seen to be gone.
        package var sweepGrace: Duration = .seconds(120)
        /// Directories with one store for each network, beside `ipam` in `node.stateDir`: the plugin's `dataDir`.
        package var directories: [String] = []
    }

    static func ipam(_ section: ConfigurationSection) -> IPAMSettings {
        var section = section
        var settings = IPAMSettings()
        let words = "0 for never, or a time from 100ms to 24h, such as 60s"
        if let interval = section.value("sweepInterval", words, ConfigurationValue.sweepTime) {
            settings.sweepInterval = interval.value
        }
        if let grace = section.value("sweepGrace", words, ConfigurationValue.sweepTime) {
            settings.sweepGrace = grace.value
        }
        settings.directories =
            (section.list("directories", "an absolute path", ConfigurationValue.absolutePath) ?? []).map(\.value)
        section.finish()
        return settings
    }
}

extension ConfigurationValue {
    /// Zero, or not so short that it would be work without end.
    static func sweepTime(_ text: String) -> Duration? {
        duration(text).flatMap { $0 == .zero || (.milliseconds(100) ... .seconds(86_400)).contains($0) ? $0 : nil }
    }
}
