import Foundation
import NetTypes
import TestKit

/// A pod or container that a runtime made, with an echo server in its network.
package final class RuntimePod: Sendable {
    package let name: String
    /// CNI_CONTAINERID.
    package let id: String
    package let machine: Machine
    /// Its network namespace.
    package let namespace: Namespace
    /// As the runtime tells them.
    package let addresses: [IPAddress]
    private let echo: EchoServer
    private let end: @Sendable () throws -> Void

    /// - Parameters:
    ///   - netns: where the machine has its network namespace.
    ///   - end: has the runtime take it away.
    init(
        _ name: String, id: String, on machine: Machine, netns: String, addresses: [IPAddress],
        end: @escaping @Sendable () throws -> Void
    ) throws {
        (self.name, self.id, self.machine, self.addresses, self.end) = (name, id, machine, addresses, end)
        namespace = Namespace(existing: machine.path(netns), name)
        echo = try EchoServer(in: namespace)
    }

    /// Its address of a family.
    package func address(_ family: AddressFamily) throws -> IPAddress {
        guard let found = addresses.first(where: { $0.family == family }) else {
            throw LabError("\(name) has no \(family) address: \(addresses)")
        }
        return found
    }

    /// The link of the node that leads to it.
    package func hostLink() throws -> JSONValue {
        let links = try machine.namespace.ip("link", "show").array
        guard let link = links.first(where: { $0["ifalias"].string?.contains(id) ?? false }) else {
            throw LabError("no link of \(machine.namespace.role) has \(id) in its alias")
        }
        return link
    }

    /// Ends the echo server, which holds the namespace.
    package func quiet() { echo.stop() }

    /// The runtime takes it away.
    package func remove() throws {
        echo.stop()
        try end()
    }

    /// The addresses of the kernel's eth0 without those of the link, for runtimes that do not tell.
    static func kernelAddresses(_ netns: String, on machine: Machine) throws -> [IPAddress] {
        let links = try Namespace(existing: machine.path(netns), "pod").ip("address", "show", "dev", "eth0")
        return links[0]["addr_info"].array.filter { $0["scope"].string == "global" }.compactMap { entry in
            entry["local"].string.flatMap { IPAddress($0) }
        }
    }
}
