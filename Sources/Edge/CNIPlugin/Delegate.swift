import Glibc

/// Another plugin that ours runs as the specification says ("Plugin Delegation"): found in CNI_PATH, the same
/// environment, the whole configuration on its standard input.
package struct Delegate: Sendable {
    package let type: String
    package let path: String
    private let request: Request

    /// The IPAM plugin of a configuration; code 7 when none is named, 5 when it cannot be found.
    package static func ipam(_ request: Request) throws(PluginError) -> Delegate {
        guard let type = request.config.ipam?["type"]?.string, !type.isEmpty else {
            throw PluginError(.invalidConfig, "ipam.type is missing: a routed pod needs an address")
        }
        return try Delegate(type: type, request: request)
    }

    package init(type: String, request: Request) throws(PluginError) {
        guard !type.utf8.contains(UInt8(ascii: "/")), !type.utf8.contains(0), type != ".", type != ".." else {
            throw PluginError(.invalidConfig, "invalid plugin type", details: type)
        }
        let candidates = request.searchPath.map { "\($0)/\(type)" }
        guard let path = candidates.first(where: { access($0, X_OK) == 0 && Self.isFile($0) }) else {
            throw PluginError(
                .inputOutput, "failed to find plugin \"\(type)\" in path [\(request.searchPath.joined(separator: " "))]"
            )
        }
        self.type = type
        self.path = path
        self.request = request
    }

    private static func isFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// Runs a verb; the delegate's own error is passed on with its code and texts.
    ///
    /// A delegate that refuses our version gets the highest one that both speak. This departs from "the same
    /// configuration", and it is what makes Debian's host-local (at most 1.0.0) usable in a list of version 1.1.0,
    /// which STATUS and GC need.
    @discardableResult
    package func run(_ command: Command) throws(PluginError) -> JSONValue? {
        do {
            return try call(command, request.config.tree)
        } catch {
            guard error.code == .incompatibleVersion, let version = try commonVersion(),
                version < request.config.version,
                version >= command.since
            else { throw error }
            PluginProcess.log("\(type) is asked with cniVersion \(version.rawValue), the highest it speaks")
            var config = request.config.tree
            config.set("cniVersion", .string(version.rawValue))
            return try call(command, config)
        }
    }

    /// Runs STATUS or GC, which older plugins do not know: they say "unknown CNI_COMMAND" (code 4) or refuse the
    /// version (code 1), and neither means that they are broken.
    package func runIfKnown(_ command: Command) throws(PluginError) {
        do { try run(command) } catch {
            let unknown = error.code == .invalidEnvironment && error.message.contains("unknown CNI_COMMAND")
            guard unknown || error.code == .incompatibleVersion else { throw error }
        }
    }

    private func commonVersion() throws(PluginError) -> SpecVersion? {
        let answer = try call(.version, .object(of: ("cniVersion", .string(request.config.version.rawValue))))
        let known = (answer?["supportedVersions"]?.array ?? []).compactMap { $0.string.flatMap(SpecVersion.init) }
        return known.max()
    }

    private func call(_ command: Command, _ config: JSONValue) throws(PluginError) -> JSONValue? {
        var environment = PluginProcess.environment(ofCNI: false)
        environment.merge(request.environment)
        environment["CNI_COMMAND"] = command.rawValue
        let finished: FinishedProcess
        do {
            finished = try runProcess(path, environment: environment, input: Array(config.description.utf8))
        } catch {
            throw PluginError(.inputOutput, "cannot run plugin \"\(type)\"", details: error.description)
        }
        let answer = try? JSONValue(parsing: finished.output)
        if finished.succeeded {
            if answer == nil, command == .add || command == .version { throw nonsense(finished) }
            return answer
        }
        throw answer.flatMap(PluginError.init) ?? nonsense(finished)
    }

    private func nonsense(_ finished: FinishedProcess) -> PluginError {
        let text = String(decoding: finished.output.prefix(300), as: UTF8.self)
        return PluginError(
            .delegateFailed, "plugin \"\(type)\" ended with \(finished.end) and printed no usable JSON", details: text)
    }
}
