/// The verbs of a plugin. VERSION is the same for all.
package protocol Plugin {
    /// What a human sees who starts the binary by hand.
    var about: String { get }
    /// The result to print.
    func add(_ request: Request) throws(PluginError) -> JSONValue
    func check(_ request: Request) throws(PluginError)
    func del(_ request: Request) throws(PluginError)
    func status(_ request: Request) throws(PluginError)
    func gc(_ request: Request) throws(PluginError)
}

/// What a plugin process prints and returns.
package struct PluginOutput: Hashable, Sendable {
    package var output = ""
    package var errors = ""
    package var status: Int32 = 0

    package init(output: String = "", errors: String = "", status: Int32 = 0) {
        self.output = output
        self.errors = errors
        self.status = status
    }
}

extension Plugin {
    /// Runs one call: the error object goes to standard output with a status of 1 (the runtime's library parses it
    /// there).
    package func run(_ input: PluginInput) -> PluginOutput {
        guard let name = input.environment["CNI_COMMAND"], !name.isEmpty else {
            let versions = SpecVersion.allCases.map(\.rawValue).joined(separator: ", ")
            return PluginOutput(errors: "\(about)\nCNI protocol versions supported: \(versions)\n")
        }
        var version = SpecVersion.newest
        do throws(PluginError) {
            guard let result = try answer(input, version: &version) else { return PluginOutput() }
            return PluginOutput(output: "\(result)\n")
        } catch {
            return PluginOutput(output: "\(error.json(version: version))\n", status: 1)
        }
    }

    private func answer(_ input: PluginInput, version: inout SpecVersion) throws(PluginError) -> JSONValue? {
        let command = try Command(input.environment)
        guard command != .version else { return SpecVersion.answer }
        let config = try NetworkConfig(try input.configuration())
        version = config.version
        let request = try Request(command, environment: input.environment, config: config)
        try refuseOwnNamespace(request, input)
        switch command {
        case .add: return try add(request)
        case .check: try check(request)
        case .del: try del(request)
        case .status: try status(request)
        case .gc: try gc(request)
        case .version: break
        }
        return nil
    }

    /// Before acting: afterwards the node's own network would already be damaged.
    private func refuseOwnNamespace(_ request: Request, _ input: PluginInput) throws(PluginError) {
        guard request.command == .add || request.command == .del, let netns = request.netns else { return }
        let override = input.environment["CNI_NETNS_OVERRIDE"]
        guard override != "TRUE", override != "1", input.isOwnNamespace(netns) else { return }
        throw PluginError(
            .invalidNamespace, "plugin's netns and netns from CNI_NETNS should not be the same", details: netns)
    }
}
