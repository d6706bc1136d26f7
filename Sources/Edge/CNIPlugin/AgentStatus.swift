/// Whether the node can carry a new pod's traffic, by what the agent leaves in STATEDIR/sessions.json.
package struct AgentStatus: Hashable, Sendable {
    /// Peers of the configuration.
    package let configured: Int
    /// Sessions that are established.
    package let established: Int
    /// Whether one was established since the agent started.
    package let hadSession: Bool
    /// Whether the agent has gone through its start: routes are complete, the list of plugins is written. An agent
    /// that says nothing of it is ready.
    package let isReady: Bool
    /// Who else announces a podCIDR of this node, in words.
    package let conflict: String?

    package init(_ tree: JSONValue) throws(PluginError) {
        guard tree["schema"]?.int == 1, let configured = tree["configured"]?.int,
            let established = tree["established"]?.int, case .bool(let hadSession) = tree["hadSession"]
        else { throw PluginError(.notAvailable, "sessions.json is not what this plugin knows", details: "\(tree)") }
        (self.configured, self.established, self.hadSession) = (configured, established, hadSession)
        conflict = tree["conflict"]?.string
        if case .bool(false) = tree["ready"] { isReady = false } else { isReady = true }
    }

    /// Code 50 when no pod should be plugged (no agent, no session yet), 51 when the pods of this node cannot be
    /// reached any more. `isRunning`: whether the agent has its lock. A node without peers needs no session.
    package static func check(_ directory: String, isRunning: Bool) throws(PluginError) {
        guard isRunning else {
            throw PluginError(
                .notAvailable, "martletd is not running on this node: start it, or look at its log",
                details: "nobody holds \(directory)/agent.lock")
        }
        let path = "\(directory)/sessions.json"
        let tree: JSONValue
        do {
            tree = try JSONValue(parsing: try Descriptor.readFile(path, limit: PluginProcess.maximumInput))
        } catch {
            throw PluginError(.notAvailable, "martletd has not told of its sessions yet", details: "\(error)")
        }
        try AgentStatus(tree).check()
    }

    private func check() throws(PluginError) {
        if let conflict {
            throw PluginError(
                .limitedConnectivity, "somebody else announces a podCIDR of this node: see martletctl status",
                details: conflict)
        }
        guard configured > 0, established == 0 else {
            guard isReady else {
                throw PluginError(
                    .notAvailable, "martletd is starting: its routes are not complete yet",
                    details: "see martletctl ready")
            }
            return
        }
        let peers = "\(configured) peer\(configured == 1 ? " is" : "s are") configured, none is up"
        guard hadSession else {
            throw PluginError(
                .notAvailable, "no BGP session has been established yet: see martletctl sessions", details: peers)
        }
        throw PluginError(
            .limitedConnectivity, "all BGP sessions are lost: this node's pods cannot be reached",
            details: "\(peers); see martletctl sessions")
    }
}
