import AddressStore
import CNIPlugin
import IPAM
import Netlink

// What goes wrong in kernel and store, as the plugin's errors.

/// A step back that fails is told and does not stop the others.
func undo<T>(_ what: String, _ step: () throws(PluginError) -> T) {
    do { _ = try step() } catch { PluginProcess.log("cannot \(what): \(error)") }
}

/// Runs kernel work, with its errors as the plugin's.
func kernel<T>(_ body: () throws(LibnlError) -> T) throws(PluginError) -> T {
    do { return try body() } catch { throw PluginError(.kernel, error.operation, details: error.description) }
}

/// Runs wiring, with its errors as the plugin's.
func wiring<T>(_ body: () throws(WiringProblem) -> T) throws(PluginError) -> T {
    do { return try body() } catch {
        switch error {
        case .kernel(let error): throw PluginError(.kernel, error.operation, details: error.description)
        case .namespace(let error):
            throw PluginError(
                .invalidNamespace, "the pod's network namespace is not usable", details: error.description)
        case .interfaceExists(let name):
            throw PluginError(.interfaceExists, "container already has an interface named \"\(name)\"")
        case .foreignLink(let name, let alias):
            throw PluginError(.interfaceExists, "host interface \(name) belongs to somebody else", details: alias)
        case .addressInUse(let address, let device):
            throw PluginError(.addressInUse, "\(address) is already routed to \(device) on this node")
        }
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
