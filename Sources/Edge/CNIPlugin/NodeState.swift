import NetTypes

/// What the agent tells the plugins in STATEDIR/node.json.
package struct NodeState: Hashable, Sendable {
    package let podCIDRs: [Prefix]
    /// The uplink's MTU, if the agent knows it.
    package let mtu: Int?
    /// Why no pod may be added now; nil: pods may come.
    package let blocked: String?

    package init(_ tree: JSONValue) throws(PluginError) {
        guard let schema = tree["schema"]?.int else { throw PluginError(.decoding, "node.json has no schema number") }
        guard schema == 1 else { throw PluginError(.decoding, "node.json has schema \(schema), this plugin knows 1") }
        var prefixes: [Prefix] = []
        for entry in tree["podCIDRs"]?.array ?? [] {
            guard let text = entry.string, let prefix = Prefix(strict: text) else {
                throw PluginError(.decoding, "node.json has a podCIDR that is none", details: entry.description)
            }
            prefixes.append(prefix)
        }
        podCIDRs = prefixes
        mtu = tree["mtu"]?.int
        blocked = tree["blocked"]?.string
    }

    /// Reads STATEDIR/node.json; code 11 when it is not there, since the agent writes it when it starts.
    package static func read(_ directory: String) throws(PluginError) -> NodeState {
        let path = "\(directory)/node.json"
        let bytes: [UInt8]
        do { bytes = try Descriptor.readFile(path, limit: PluginProcess.maximumInput) } catch {
            throw PluginError(
                .tryAgainLater, "the node's podCIDRs are not known yet: is martletd running?",
                details: error.description)
        }
        let tree: JSONValue
        do { tree = try JSONValue(parsing: bytes) } catch {
            throw PluginError(.decoding, "\(path) is not JSON", details: error.description)
        }
        return try NodeState(tree)
    }
}
