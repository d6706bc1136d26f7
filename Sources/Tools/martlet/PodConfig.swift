import CNIPlugin
import NetTypes
import Netlink
import PodWiring

/// What the plugin's own keys and the runtime's wishes say.
struct PodConfig {
    let identity: PodIdentity
    /// A MAC that the runtime wants for the pod (capability `mac`).
    let mac: MACAddress?
    private let config: NetworkConfig

    init(_ request: Request) {
        config = request.config
        identity = PodIdentity(
            containerID: request.containerID, ifname: request.ifname, network: request.config.name,
            namespace: request.arguments["K8S_POD_NAMESPACE"], pod: request.arguments["K8S_POD_NAME"])
        mac = request.config.runtimeConfig?["mac"]?.string.flatMap { MACAddress($0) }
    }

    /// Refuses what ADD would otherwise silently not do.
    func validate() throws(PluginError) {
        let mode = config.tree["delete"]?.string ?? "auto"
        guard ["sync", "deferred", "auto"].contains(mode) else {
            throw PluginError(.invalidConfig, "delete must be \"sync\", \"deferred\" or \"auto\"", details: mode)
        }
        for key in ["portMappings", "bandwidth"] {
            guard let value = config.runtimeConfig?[key], value != .array([]), value != .object([]) else { continue }
            throw PluginError(.unsupportedField, "unsupported field: runtimeConfig.\(key) = \(value)")
        }
        if let text = config.runtimeConfig?["mac"], mac == nil {
            throw PluginError(.invalidConfig, "runtimeConfig.mac is no MAC address", details: text.description)
        }
        if let mac, mac.bytes.first.map({ $0 & 1 == 1 }) ?? true || mac.rawValue == 0 {
            throw PluginError(.invalidConfig, "runtimeConfig.mac is no unicast address", details: mac.description)
        }
        guard let mtu = config.tree["mtu"] else { return }
        guard let value = mtu.int, value == 0 || (68...65_535).contains(value) else {
            throw PluginError(.invalidConfig, "mtu must be 0 (the uplink's) or 68 to 65535", details: mtu.description)
        }
    }

    /// The pod's MTU: configured, else the agent's word, else the uplink's, else Ethernet's.
    func mtu(_ socket: LibnlSocket) throws(PluginError) -> UInt32 {
        if let configured = config.tree["mtu"]?.int, configured > 0 { return UInt32(configured) }
        // A missing or damaged state file must not stop a pod whose addresses do not come from it.
        if let state = try? NodeState.read(config.stateDirectory), let mtu = state.mtu, (68...65_535).contains(mtu) {
            return UInt32(mtu)
        }
        do { return min(try socket.uplinkMTU() ?? 1500, 65_535) } catch { throw PluginError(error) }
    }
}

extension PluginError {
    init(_ error: LibnlError) { self.init(.kernel, error.operation, details: error.description) }

    init(_ problem: WiringProblem) {
        switch problem {
        case .kernel(let error): self.init(error)
        case .addressInUse(let address, let device):
            self.init(.addressInUse, "\(address) is already routed to \(device) on this node")
        }
    }
}

/// Runs kernel work, with its errors as the plugin's.
func kernel<T>(_ body: () throws(LibnlError) -> T) throws(PluginError) -> T {
    do { return try body() } catch { throw PluginError(error) }
}
