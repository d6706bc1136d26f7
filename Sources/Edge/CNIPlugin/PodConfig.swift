import NetTypes
import PodWiring

/// When the link of a pod that goes is deleted (key `delete`).
package enum DeletionMode: String {
    /// By DEL, which then waits for the kernel.
    case sync
    /// By the agent, whether it runs or not.
    case deferred
    /// By the agent if it runs, else by DEL.
    case auto
}

/// What the plugin's own keys and the runtime's wishes say.
package struct PodConfig {
    /// Whose link it is.
    package let identity: PodIdentity
    /// A MAC that somebody wants for the pod.
    package let mac: MACAddress?
    let config: NetworkConfig
    /// Who wants it, and as it was written.
    private let wishedMAC: (source: String, text: String)?

    /// Reads; `validate` judges.
    package init(_ request: Request) {
        config = request.config
        identity = PodIdentity(
            containerID: request.containerID, ifname: request.ifname, network: request.config.name,
            namespace: request.arguments["K8S_POD_NAMESPACE"], pod: request.arguments["K8S_POD_NAME"])
        wishedMAC = Self.wishedMAC(request)
        mac = wishedMAC.flatMap { MACAddress($0.text) }
    }

    /// Refuses what ADD would otherwise silently not do.
    package func validate() throws(PluginError) {
        if let mode = config.tree["delete"], mode.string.flatMap(DeletionMode.init) == nil {
            throw PluginError(
                .invalidConfig, "delete must be \"sync\", \"deferred\" or \"auto\"", details: mode.description)
        }
        if let (source, text) = wishedMAC {
            guard let mac else { throw PluginError(.invalidConfig, "\(source) is no MAC address", details: text) }
            guard mac.rawValue != 0, mac.bytes.first.map({ $0 & 1 == 0 }) ?? false else {
                throw PluginError(.invalidConfig, "\(source) is no unicast address", details: text)
            }
        }
        _ = (try portMappings(), try bandwidth())
        guard let mtu = config.tree["mtu"] else { return }
        guard let value = mtu.int, value == 0 || (68...65_535).contains(value) else {
            throw PluginError(.invalidConfig, "mtu must be 0 (the uplink's) or 68 to 65535", details: mtu.description)
        }
    }

    /// DEL works with any text.
    package var deletion: DeletionMode { config.tree["delete"]?.string.flatMap(DeletionMode.init) ?? .auto }

    package var stateDirectory: String { config.stateDirectory }

    /// The pod's MTU as configured, else the agent's word; nil means the uplink's.
    package var mtu: UInt32? {
        if let configured = config.tree["mtu"]?.int, configured > 0 { return UInt32(exactly: configured) }
        // A missing or damaged state file must not stop a pod whose addresses do not come from it.
        guard let told = (try? NodeState.read(config.stateDirectory))?.mtu, (68...65_535).contains(told) else {
            return nil
        }
        return UInt32(told)
    }
}
