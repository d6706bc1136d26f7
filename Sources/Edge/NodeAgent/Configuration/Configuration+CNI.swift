extension Configuration {
    /// Key `cni`: the list of plugins that tells the container runtime that pods can be plugged.
    package struct CNISettings: Sendable, Equatable {
        /// Whether the agent writes the list once it has its routes.
        package var write = false
        /// Where the runtime looks for lists.
        package var confDir = "/etc/cni/net.d"
        /// Where the runtime looks for plugins: each plugin of the list is asked there which versions it speaks.
        package var binDir = "/opt/cni/bin"
        /// Name of the list in `confDir`.
        package var name = "10-martlet.conflist"
        /// Absolute path of a list to write; nil: the standard one.
        package var template: String?
        /// Whether ADD is refused while pods live that have addresses of earlier podCIDRs.
        package var refuseWhileOldPods = false
    }

    static func cni(_ section: ConfigurationSection) -> CNISettings {
        var section = section
        var settings = CNISettings()
        let directoryWords = "the absolute path of a directory"
        let write = section.value("write", ConfigurationValue.boolWords, ConfigurationValue.bool)
        settings.write = write?.value ?? false
        if let confDir = section.value("confDir", directoryWords, ConfigurationValue.absolutePath) {
            settings.confDir = confDir.value
        }
        if let binDir = section.value("binDir", directoryWords, ConfigurationValue.absolutePath) {
            settings.binDir = binDir.value
        }
        if let name = section.value("name", ConfigurationValue.listWords, ConfigurationValue.listName) {
            settings.name = name.value
        }
        let template = section.value("template", "the absolute path of a list", ConfigurationValue.absolutePath)
        settings.template = template?.value
        let plain = settings
        let refuse = section.value("refuseWhileOldPods", ConfigurationValue.boolWords, ConfigurationValue.bool)
        settings.refuseWhileOldPods = refuse?.value ?? false
        if write == nil, plain != CNISettings() {
            section.problems.warning(
                section.mark, "cni has settings, but no list is written without cni.write: true; add it")
        }
        section.finish()
        return settings
    }
}

extension ConfigurationValue {
    static let listWords = "a file name such as 10-martlet.conflist"

    /// A name that runtimes take for a list.
    static func listName(_ text: String) -> String? {
        text.hasSuffix(".conflist") && !text.hasPrefix(".") && !text.utf8.contains(UInt8(ascii: "/")) ? text : nil
    }
}
