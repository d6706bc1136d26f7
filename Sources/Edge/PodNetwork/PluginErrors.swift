import CNIPlugin
import Netlink

// What goes wrong in the kernel, as the plugin's errors.

/// A step back that fails is told and does not stop the others.
func undo<T>(_ what: String, _ step: () throws(PluginError) -> T) {
    do { _ = try step() } catch { PluginProcess.log("cannot \(what): \(error)") }
}

/// Runs kernel work, with its errors as the plugin's.
func kernel<T>(_ body: () throws(LibnlError) -> T) throws(PluginError) -> T {
    do { return try body() } catch { throw PluginError(error) }
}

/// Runs wiring, with its errors as the plugin's.
func wiring<T>(_ body: () throws(WiringProblem) -> T) throws(PluginError) -> T {
    do { return try body() } catch {
        switch error {
        case .kernel(let error): throw PluginError(error)
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
    /// What was tried, and what the kernel said: runtimes put the two together.
    fileprivate init(_ error: LibnlError) {
        let text = error.description
        let start = "\(error.operation): "
        self.init(
            .kernel, error.operation,
            details: text.hasPrefix(start) ? String(text.dropFirst(start.count)) : text)
    }
}
