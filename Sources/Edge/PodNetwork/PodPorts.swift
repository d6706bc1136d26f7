import CNIPlugin
import Netlink
import Nftables
import PodWiring

/// The host ports of one attachment, with their errors as the plugin's. Nothing is done, and no program is started, for
/// a pod without any.
struct PodPorts {
    private let ports: HostPorts
    private let identity: PodIdentity

    init(_ config: PodConfig) {
        ports = HostPorts(stateDirectory: config.stateDirectory)
        identity = config.identity
    }

    func open(_ plan: VethPlan, _ links: PodLinks) throws(PluginError) {
        guard !plan.hostPorts.isEmpty else { return }
        do throws(HostPortProblem) {
            try ports.open(plan.hostPorts, for: HostPortOwner(identity)) { links.identity(of: $0.hostName) != nil }
        } catch {
            guard case .taken(let port, let owner) = error else { throw Self.error(error) }
            let pod = links.identity(of: owner.hostName)
            let name = pod?.pod.map { "\(pod?.namespace ?? "")/\($0)" } ?? pod?.containerID ?? owner.hostName
            throw PluginError(.hostPortInUse, "host port \(port) is in use", details: "by \(name)")
        }
        Self.forgetConnections(plan.hostPorts)
    }

    /// A conversation with the pod that had the port before us would go on with that one.
    private static func forgetConnections(_ ports: [HostPort]) {
        do { try ConnectionTracking.forget(ports) } catch {
            PluginProcess.log("cannot end the conversations with an earlier pod: \(error)")
        }
    }

    /// What is not as ADD left it, in words.
    func firstDifference(_ plan: VethPlan) throws(PluginError) -> String? {
        do { return try ports.firstDifference(plan.hostPorts, of: HostPortOwner(identity)) } catch {
            throw Self.error(error)
        }
    }

    /// - Parameter areNamed: the runtime names ports, so that it is worth a look even if no mark tells of them.
    func close(areNamed: Bool) throws(PluginError) {
        let isMarked = ports.isMarked(identity.hostName)
        guard isMarked || areNamed else { return }
        do { try ports.close(identity.hostName) } catch {
            if case .nft(.missing) = error, !isMarked { return }
            throw Self.error(error)
        }
    }

    /// Takes away the ports of a network's attachments that are not in a list.
    static func collect(_ request: Request, valid: [AttachmentKey]) throws(PluginError) {
        let keep = valid.map {
            PodIdentity(containerID: $0.containerID, ifname: $0.ifname, network: request.config.name).hostName
        }
        let ports = HostPorts(stateDirectory: request.config.stateDirectory)
        do { try ports.collect(network: request.config.name) { keep.contains($0) } } catch { throw Self.error(error) }
    }

    private static func error(_ problem: HostPortProblem) -> PluginError {
        switch problem {
        case .nft(.missing):
            PluginError(.inputOutput, "host ports need the nft program, which this node has not: install nftables")
        case .nft(.unusable(let error)):
            PluginError(.inputOutput, "cannot run nft", details: error.description)
        case .nft(.refused(let text)): PluginError(.hostPorts, "nft refused the host ports", details: text)
        case .file(let error):
            PluginError(.inputOutput, "cannot note the host ports", details: error.description)
        case .taken(let port, let owner):
            PluginError(.hostPortInUse, "host port \(port) is in use", details: "by \(owner.hostName)")
        }
    }
}

/// Sees to it that the node has the table which keeps IPv6 pods to their addresses. Who has no nft has no such check,
/// and is told.
func assureSourceGuard(_ plan: VethPlan) {
    guard plan.has(.ipv6), (try? NetfilterQueries.hasTable(SourceGuard.name)) != true else { return }
    do { try SourceGuard.install() } catch {
        PluginProcess.log("IPv6 source addresses of pods are not checked: \(error)")
    }
}
