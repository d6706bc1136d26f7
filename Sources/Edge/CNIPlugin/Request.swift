/// What a plugin process is given: a plugin is a function of it, so a test needs no process.
package struct PluginInput: Sendable {
    package let environment: Variables
    /// Reads standard input; not called for VERSION, which has none that matters.
    package let configuration: @Sendable () throws(PluginError) -> [UInt8]
    /// Whether a path is the network namespace that the plugin itself runs in.
    package let isOwnNamespace: @Sendable (String) -> Bool

    package init(
        environment: Variables, isOwnNamespace: @escaping @Sendable (String) -> Bool = { _ in false },
        configuration: @escaping @Sendable () throws(PluginError) -> [UInt8]
    ) {
        self.environment = environment
        self.isOwnNamespace = isOwnNamespace
        self.configuration = configuration
    }
}

extension Command {
    /// The verb, if all its variables are there; otherwise code 4 that names all that are missing.
    package init(_ environment: Variables) throws(PluginError) {
        let text = environment["CNI_COMMAND"] ?? ""
        guard let command = Command(rawValue: text) else {
            throw PluginError(.invalidEnvironment, "unknown CNI_COMMAND: \(text)")
        }
        let missing = command.requires.filter { (environment[$0] ?? "").isEmpty }
        guard missing.isEmpty else {
            throw PluginError(
                .invalidEnvironment, "required env variables [\(missing.joined(separator: ","))] missing")
        }
        self = command
    }
}

/// A valid call of ADD, CHECK, DEL, STATUS or GC.
package struct Request: Sendable {
    package let command: Command
    /// Empty for STATUS and GC.
    package let containerID: String
    /// Path of the pod's network namespace; nil for DEL after a reboot, STATUS and GC.
    package let netns: String?
    /// Empty for STATUS and GC.
    package let ifname: String
    /// The pairs of CNI_ARGS.
    package let arguments: Variables
    package let config: NetworkConfig
    package let environment: Variables

    /// Checks everything that can be checked without touching the system.
    package init(_ command: Command, environment: Variables, config: NetworkConfig) throws(PluginError) {
        self.command = command
        self.environment = environment
        self.config = config
        containerID = environment["CNI_CONTAINERID"] ?? ""
        ifname = environment["CNI_IFNAME"] ?? ""
        let path = environment["CNI_NETNS"] ?? ""
        netns = path.isEmpty ? nil : path
        // What is no pair is skipped, since DEL must work with any arguments.
        arguments = Variables(Array((environment["CNI_ARGS"] ?? "").utf8), separator: UInt8(ascii: ";"))
        guard config.version >= command.since else {
            throw PluginError(
                .incompatibleVersion, "config version does not allow \(command.rawValue)",
                details:
                    "config is \"\(config.version.rawValue)\", \(command.rawValue) came with \(command.since.rawValue)")
        }
        guard command.requires.contains("CNI_CONTAINERID") else { return }
        guard Names.isIdentifier(containerID) else {
            throw PluginError(.invalidEnvironment, "invalid characters in containerID", details: containerID)
        }
        guard Names.isInterface(ifname) else {
            throw PluginError(.invalidEnvironment, "invalid interface name", details: ifname)
        }
    }

    package var attachment: AttachmentKey { AttachmentKey(containerID: containerID, ifname: ifname) }

    /// Directories of plugin binaries.
    package var searchPath: [String] { (environment["CNI_PATH"] ?? "").split(separator: ":").map(String.init) }
}
