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
        let allocations = try store(config) { store in
            try store.allocate(
                containerID: request.containerID, ifname: request.ifname, wished: try config.wishedAddresses(request),
                from: try config.allocator())
        }
        var result = AttachmentResult()
        result.addresses = allocations.map {
            ResultAddress(address: $0.address, length: Int($0.range.subnet.length), gateway: $0.range.gateway)
        }
        result.routes = try config.routes().map { request.config.version < .v110 ? $0.withoutMetrics : $0 }
        result.dns = config.dns ?? .object([])
        return result
    }

    /// Whether the attachment has addresses.
    package func hasReservation(_ request: Request) throws(PluginError) -> Bool {
        try store(try IPAMConfig(request)) {
            try $0.record(containerID: request.containerID, ifname: request.ifname) != nil
        }
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
            try store(config) { try $0.probe(try config.allocator()) }
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
        do { return try body(AddressStore(directory: config.directory)) } catch { throw PluginError(store: error) }
    }
}

extension PluginError {
    init(store error: any Error) {
        switch error {
        case let error as PluginError: self = error
        case let error as AlreadyAllocated:
            self.init(
                .duplicateAllocation,
                "\(error.containerID) \(error.ifname) has an address already: duplicate allocation is not allowed")
        case AllocationProblem.exhausted(let set):
            let ranges = set.ranges.map { "\($0.first)-\($0.last)" }.joined(separator: ", ")
            self.init(.tryAgainLater, "no IP addresses available in range set: \(ranges)")
        case AllocationProblem.notOurs(let address):
            self.init(.invalidConfig, "the requested address \(address) is in none of the ranges, or is a gateway")
        case AllocationProblem.taken(let address):
            self.init(.addressInUse, "the requested address \(address) is taken")
        case let error as StoreError: self.init(.inputOutput, "the address store failed", details: error.description)
        default: self.init(.inputOutput, "the address store failed", details: "\(error)")
        }
    }
}
