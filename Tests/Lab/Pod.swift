import Foundation
import NetTypes
import TestKit

/// A pod of the lab: a namespace that a CNI plugin plugged into its node's network, with an echo server inside.
package final class Pod: Sendable {
    package let identity: PodIdentity
    package let namespace: Namespace
    package let network: PodNetwork
    /// The result of ADD.
    package let result: JSONValue
    package let addresses: [IPAddress]
    package let echo: EchoServer
    /// How long the call of ADD took.
    package let addSeconds: Double

    package var name: String { identity.name }

    /// Makes the namespace, calls ADD, and starts the echo server. What a failed ADD made is taken away again.
    package init(_ name: String, in rack: LabName, on network: PodNetwork) throws {
        let namespace = try Namespace(rack, name)
        do {
            let random = (0..<4).map { _ in String(UInt64.random(in: .min ... .max), radix: 16) }.joined()
            let id = String((random + String(repeating: "0", count: 64)).prefix(64))
            identity = PodIdentity(name: name, containerID: id)
            let began = Date()
            result = try network.add(identity, netns: namespace.path)
            addSeconds = Date().timeIntervalSince(began)
            // "address" of a CNI result is with prefix length: 10.244.1.2/32.
            addresses = result["ips"].array.compactMap { $0["address"].string }.compactMap { text in
                IPAddress(text.prefix { $0 != "/" })
            }
            echo = try EchoServer(in: namespace)
        } catch {
            namespace.remove()
            throw error
        }
        self.namespace = namespace
        self.network = network
    }

    /// Its address of a family.
    package func address(_ family: AddressFamily) throws -> IPAddress {
        guard let found = addresses.first(where: { $0.family == family }) else {
            throw LabError("\(name) has no \(family) address: \(result.text)")
        }
        return found
    }

    /// CHECK, as CRI-O does.
    package func check() throws { try network.check(identity, netns: namespace.path) }

    /// As a runtime ends a pod: its processes, DEL, its namespace.
    package func delete() throws {
        echo.stop()
        defer { namespace.remove() }
        try network.delete(identity, netns: namespace.path)
    }

    /// It will outlive this process (without its echo server).
    package func keep() { namespace.keep() }
}
