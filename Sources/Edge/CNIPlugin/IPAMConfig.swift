import IPAM
import NetTypes

/// The `ipam` part of a configuration: `subnet` ("usePodCidr", or a prefix with `rangeStart`, `rangeEnd`, `gateway`)
/// or `ranges`, in host-local's form; `routes`, `dataDir`, `stateDir`; `reserved`, `cooldown`, `cooldownRequired`.
package struct IPAMConfig {
    let ipam: JSONValue
    let config: NetworkConfig

    /// Code 7 when there is no `ipam` object.
    package init(_ request: Request) throws(PluginError) {
        guard let ipam = request.config.ipam, ipam.members != nil else {
            throw PluginError(.invalidConfig, "the configuration has no ipam object")
        }
        self.ipam = ipam
        config = request.config
    }

    /// The store: one directory per network. The default lies in a file system that a reboot empties, together with
    /// the pods.
    package var directory: String {
        let base = ipam["dataDir"]?.string ?? "\(config.stateDirectory)/ipam"
        return "\(base)/\(config.name)"
    }

    /// Passed through to the result.
    package var dns: JSONValue? { config.tree["dns"] }

    /// Every set of ranges of which a pod gets an address.
    package func allocator() throws(PluginError) -> Allocator {
        let reserved = try reservedAddresses()
        var sets: [[AddressRange]] = []
        if ipam["subnet"]?.string?.lowercased() == "usepodcidr" {
            sets = try podCIDRs()
        } else if ipam["subnet"] != nil {
            sets.append([try Self.range(ipam)])
        }
        for set in ipam["ranges"]?.array ?? [] {
            var ranges: [AddressRange] = []
            for entry in set.array ?? [] { ranges.append(try Self.range(entry)) }
            sets.append(ranges)
        }
        do throws(RangeProblem) {
            var checked: [RangeSet] = []
            for ranges in sets { checked.append(try RangeSet(ranges)) }
            var allocator = try Allocator(checked)
            allocator.reserved = reserved
            return allocator
        } catch {
            throw PluginError(.invalidConfig, "invalid ipam ranges", details: error.reason)
        }
    }

    /// One set per family that the node has podCIDRs of.
    private func podCIDRs() throws(PluginError) -> [[AddressRange]] {
        let state = try NodeState.read(config.stateDirectory)
        if let blocked = state.blocked {
            throw PluginError(
                .tryAgainLater, "the node's podCIDRs changed, and pods with addresses of the old ones live",
                details: blocked)
        }
        guard !state.podCIDRs.isEmpty else {
            throw PluginError(.tryAgainLater, "the node has no podCIDRs yet")
        }
        var ranges: [AddressRange] = []
        for prefix in state.podCIDRs {
            do { ranges.append(try AddressRange(subnet: prefix)) } catch {
                throw PluginError(.invalidConfig, "the node's podCIDR \(prefix) cannot be used", details: error.reason)
            }
        }
        return AddressFamily.allCases.compactMap { family in
            let ours = ranges.filter { $0.subnet.family == family }
            return ours.isEmpty ? nil : ours
        }
    }

    private static func range(_ entry: JSONValue) throws(PluginError) -> AddressRange {
        guard let text = entry["subnet"]?.string, let subnet = Prefix(text) else {
            throw PluginError(.invalidConfig, "no valid subnet in \(entry)")
        }
        func address(_ key: String) throws(PluginError) -> IPAddress? {
            guard let value = entry[key] else { return nil }
            guard let address = value.string.flatMap({ IPAddress($0) }) else {
                throw PluginError(.invalidConfig, "\(key) is no address", details: value.description)
            }
            return address
        }
        let (start, end, gateway) = (try address("rangeStart"), try address("rangeEnd"), try address("gateway"))
        do { return try AddressRange(subnet: subnet, start: start, end: end, gateway: gateway) } catch {
            throw PluginError(.invalidConfig, "invalid ipam range", details: error.reason)
        }
    }

    /// Routes for the result.
    package func routes() throws(PluginError) -> [ResultRoute] {
        guard let routes = ipam["routes"] else { return [] }
        do { return try AttachmentResult(.object(of: ("routes", routes))).routes } catch {
            throw PluginError(.invalidConfig, "invalid ipam.routes", details: error.reason)
        }
    }

    /// Addresses that must be given: `ips` of the runtime's capability, of `args.cni`, `IP` of CNI_ARGS, and the pod's
    /// annotations where the runtime passes them on. A length is ignored.
    package func wishedAddresses(_ request: Request) throws(PluginError) -> [IPAddress] {
        let wishes = config.runtimeConfig?["ips"]?.array ?? []
        let more = config.tree["args"]?["cni"]?["ips"]?.array ?? []
        var texts = (wishes + more).map { $0.string ?? $0.description }
        if let argument = request.arguments["IP"] { texts.append(argument) }
        texts += annotatedAddresses
        var result: [IPAddress] = []
        for text in texts {
            for part in text.split(separator: ",") {
                guard let address = IPAddress(part) ?? Prefix.parse(String(part))?.address else {
                    throw PluginError(.invalidConfig, "the requested address is none", details: text)
                }
                if !result.contains(address) { result.append(address) }
            }
        }
        return result
    }
}
