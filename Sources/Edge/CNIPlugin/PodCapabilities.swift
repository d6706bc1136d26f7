import NetTypes
import PodWiring

// What the runtime wishes for one pod (`runtimeConfig`, the capabilities of the conventions), and what stands in the
// configuration for all of them. Keys are read in any letter case: containerd writes `HostPort` for `hostPort`.

extension PodConfig {
    /// Capability `portMappings`, without those of host port 0, which ask for nothing.
    package func portMappings() throws(PluginError) -> [PortMapping] {
        guard let value = config.runtimeConfig?["portMappings"] else { return [] }
        guard let list = value.array else {
            throw PluginError(.invalidConfig, "runtimeConfig.portMappings is no list", details: value.description)
        }
        var result: [PortMapping] = []
        for entry in list {
            guard let mapping = try Self.portMapping(entry) else { continue }
            if let other = result.first(where: { Self.collide($0, mapping) }), other != mapping {
                throw PluginError(
                    .invalidConfig, "host port \(mapping.hostPort)/\(mapping.transport.name) is mapped twice",
                    details: entry.description)
            }
            result.append(mapping)
        }
        return result
    }

    /// Whether the runtime names ports at all; for DEL, which must not fail for what they say.
    package var namesPorts: Bool { config.runtimeConfig?["portMappings"]?.array?.isEmpty == false }

    private static func collide(_ a: PortMapping, _ b: PortMapping) -> Bool {
        a.transport == b.transport && a.hostPort == b.hostPort && a.hostAddress == b.hostAddress
    }

    private static func portMapping(_ entry: JSONValue) throws(PluginError) -> PortMapping? {
        func port(_ key: String) throws(PluginError) -> UInt16 {
            let value = entry[key]
            guard let number = value == nil ? 0 : value?.int, let port = UInt16(exactly: number) else {
                throw PluginError(.invalidConfig, "\(key) of a port mapping is no port", details: entry.description)
            }
            return port
        }
        let hostPort = try port("hostPort")
        guard hostPort > 0 else { return nil }
        let containerPort = try port("containerPort")
        guard containerPort > 0 else {
            throw PluginError(.invalidConfig, "containerPort of a port mapping is no port", details: entry.description)
        }
        let name = entry["protocol"].map { $0.string ?? $0.description } ?? ""
        guard let transport = name.isEmpty ? .tcp : Transport(name: name) else {
            throw PluginError(
                .invalidConfig, "protocol of a port mapping must be tcp, udp or sctp", details: entry.description)
        }
        var address: IPAddress?
        if let text = entry["hostIP"].map({ $0.string ?? $0.description }), !text.isEmpty {
            guard let found = IPAddress(text) else {
                throw PluginError(.invalidConfig, "hostIP of a port mapping is no address", details: entry.description)
            }
            address = found
        }
        return PortMapping(
            transport: transport, hostAddress: address, hostPort: hostPort, containerPort: containerPort)
    }
}

extension PodConfig {
    /// The limits in the configuration itself if it has any, as with the reference plugin, else those of the capability
    /// `bandwidth`. Bits and bits per second.
    package func bandwidth() throws(PluginError) -> Bandwidth {
        let keys = ["ingressRate", "ingressBurst", "egressRate", "egressBurst"]
        let source = keys.contains { config.tree[$0] != nil } ? config.tree : config.runtimeConfig?["bandwidth"]
        guard let source else { return Bandwidth() }
        return Bandwidth(
            ingress: try Self.limit(source, "ingressRate", "ingressBurst"),
            egress: try Self.limit(source, "egressRate", "egressBurst"))
    }

    private static func limit(
        _ source: JSONValue, _ rateKey: String, _ burstKey: String
    ) throws(PluginError) -> RateLimit? {
        func number(_ key: String) throws(PluginError) -> UInt64 {
            guard let value = source[key] else { return 0 }
            guard case .number(let text) = value, let number = UInt64(text) else {
                throw PluginError(
                    .invalidConfig, "\(key) must be a whole number of bits, 0 or more", details: value.description)
            }
            return number
        }
        let (rate, burst) = (try number(rateKey), try number(burstKey))
        guard burst / 8 <= UInt64(UInt32.max) else {
            throw PluginError(.invalidConfig, "\(burstKey) is more than 4 GiB", details: "\(burst)")
        }
        guard rate > 0 || burst == 0 else {
            throw PluginError(.invalidConfig, "\(burstKey) needs \(rateKey)", details: "\(burst)")
        }
        return RateLimit(bitsPerSecond: rate, burstBits: burst)
    }
}

extension PodConfig {
    /// A MAC that the pod must have: capability `mac`, `args.cni.mac`, `MAC` in CNI_ARGS, or the pod's annotation
    /// `martlet.dev/mac`; the first that is there counts.
    static func wishedMAC(_ request: Request) -> (source: String, text: String)? {
        let config = request.config
        if let value = config.runtimeConfig?["mac"] { return ("runtimeConfig.mac", value.string ?? value.description) }
        if let value = config.tree["args"]?["cni"]?["mac"] {
            return ("args.cni.mac", value.string ?? value.description)
        }
        if let text = request.arguments["MAC"], !text.isEmpty { return ("MAC of CNI_ARGS", text) }
        return config.podAnnotation(macAnnotation).map { ("annotation \(macAnnotation)", $0) }
    }

    private static let macAnnotation = "martlet.dev/mac"
}

extension NetworkConfig {
    /// An annotation of the pod, which the runtime tells by the capability `io.kubernetes.cri.pod-annotations`; nil
    /// when it has none of that name. Names are exact, in contrast to CNI's keys.
    package func podAnnotation(_ name: String) -> String? {
        runtimeConfig?["io.kubernetes.cri.pod-annotations"]?.members?.last { $0.name == name }?.value.string
    }
}
