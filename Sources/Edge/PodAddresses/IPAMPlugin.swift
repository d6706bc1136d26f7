import AddressStore
import CNIPlugin
import IPAM
import NetTypes

/// The verbs of `martlet-ipam`.
package struct IPAMPlugin: Plugin {
    package let about = "martlet-ipam: CNI plugin that allocates addresses of the node's podCIDRs"

    package init() {}

    package func add(_ request: Request) throws(PluginError) -> JSONValue {
        try allocate(request).json(version: request.config.version)
    }

    /// The result of ADD, which in older versions has no metrics of routes.
    package func allocate(_ request: Request) throws(PluginError) -> AttachmentResult {
        let config = try IPAMConfig(request)
        let (wished, allocator) = (try config.wishedAddresses(request), try config.allocator())
        let cooldown = try config.cooldown()
        let allocations = try store(config) { store in
            try store.allocate(for: Self.owner(request), wished: wished, from: allocator, cooldown: cooldown)
        }
        var result = AttachmentResult()
        result.addresses = allocations.map {
            ResultAddress(address: $0.address, length: Int($0.range.subnet.length), gateway: $0.range.gateway)
        }
        result.routes = try config.routes().map { request.config.version < .v110 ? $0.withoutMetrics : $0 }
        result.dns = config.dns ?? .object([])
        return result
    }

    /// Whom addresses are given to, with what tells later whether the pod is alive.
    private static func owner(_ request: Request) -> AddressRecord {
        var owner = AddressRecord(containerID: request.containerID, ifname: request.ifname)
        owner.netns = request.netns
        if let name = request.arguments["K8S_POD_NAME"] {
            owner.pod = "\(request.arguments["K8S_POD_NAMESPACE"] ?? "")/\(name)"
        }
        owner.plugin = request.config.tree["type"]?.string
        return owner
    }

    /// Whether the attachment has addresses.
    package func hasReservation(_ request: Request) throws(PluginError) -> Bool {
        AddressStore(directory: try IPAMConfig(request).directory)
            .hasRecord(containerID: request.containerID, ifname: request.ifname)
    }

    package func check(_ request: Request) throws(PluginError) {
        let config = try IPAMConfig(request)
        let record = try store(config) { try $0.record(containerID: request.containerID, ifname: request.ifname) }
        guard let record else {
            throw PluginError(.checkFailed, "no address is allocated to \(request.containerID) \(request.ifname)")
        }
        guard let previous = request.config.prevResult, let result = try? AttachmentResult(previous) else { return }
        for address in record.addresses where !result.addresses.contains(where: { $0.address == address }) {
            throw PluginError(.checkFailed, "\(address) is allocated, but prevResult does not have it")
        }
    }

    package func del(_ request: Request) throws(PluginError) {
        let config = try IPAMConfig(request)
        try store(config) { try $0.release(containerID: request.containerID, ifname: request.ifname) }
    }

    package func status(_ request: Request) throws(PluginError) {
        let config = try IPAMConfig(request)
        do throws(PluginError) {
            let (allocator, cooldown) = (try config.allocator(), try config.cooldown())
            try store(config) { try $0.probe(allocator, cooldown: cooldown) }
        } catch {
            // Whatever stops an ADD makes the plugin "not available"; the reason stands in the message.
            throw PluginError(.notAvailable, error.message, details: error.details)
        }
    }

    package func gc(_ request: Request) throws(PluginError) {
        guard let valid = request.config.validAttachments else { return }
        let keep = Set(valid)
        let config = try IPAMConfig(request)
        try store(config) { store in
            try store.collect { keep.contains(AttachmentKey(containerID: $0.containerID, ifname: $0.ifname)) }
        }
    }

    /// Works on the store, with its errors as the plugin's.
    @discardableResult
    private func store<T>(_ config: IPAMConfig, _ body: (AddressStore) throws -> T) throws(PluginError) -> T {
        let store = AddressStore(directory: config.directory)
        do { return try body(store) } catch { throw PluginError(store: error, of: store) }
    }
}

extension PluginError {
    init(store error: any Error, of store: AddressStore) {
        switch error {
        case let error as PluginError: self = error
        case let error as AlreadyAllocated:
            self.init(
                .duplicateAllocation,
                "\(error.containerID) \(error.ifname) has an address already: duplicate allocation is not allowed")
        case let error as AllocationProblem: self.init(error, of: store)
        case let error as StoreError: self.init(.inputOutput, "the address store failed", details: error.description)
        default: self.init(.inputOutput, "the address store failed", details: "\(error)")
        }
    }

    private init(_ problem: AllocationProblem, of store: AddressStore) {
        switch problem {
        case .exhausted(let set):
            self.init(
                .tryAgainLater, "no IP addresses available in range set: \(Self.words(set))",
                details: Self.usage(of: store))
        case .resting(let set):
            self.init(
                .tryAgainLater, "no IP addresses have rested long enough in range set: \(Self.words(set))",
                details: "\(Self.usage(of: store)); ipam.cooldown says for how long")
        case .notOurs(let address):
            self.init(.invalidConfig, "the requested address \(address) is in none of the ranges, or is a gateway")
        case .reserved(let address):
            self.init(
                .invalidConfig, "the requested address \(address) is reserved: ipam.reserved keeps it from all pods")
        case .taken(let address): self.init(.addressInUse, "the requested address \(address) is taken")
        }
    }

    private static func words(_ set: RangeSet) -> String {
        set.ranges.map { "\($0.first)-\($0.last)" }.joined(separator: ", ")
    }

    /// What an operator wants to know of a full pool.
    private static func usage(of store: AddressStore) -> String {
        guard let (given, resting) = try? store.usage() else { return "" }
        return "\(given) given out, \(resting) at rest; martletctl ipam check looks for leaked ones"
    }
}
