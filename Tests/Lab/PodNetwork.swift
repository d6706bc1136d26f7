import Foundation
import TestKit

/// What a container runtime knows about one pod when it calls a CNI plugin.
package struct PodIdentity: Sendable {
    package let namespace: String
    package let name: String
    package let containerID: String
    package var interface = "eth0"

    package init(namespace: String = "default", name: String, containerID: String) {
        (self.namespace, self.name, self.containerID) = (namespace, name, containerID)
    }
}

/// A plugin refused: its CNI error object, or what it printed instead of one.
package struct CNIRefusal: Error, CustomStringConvertible {
    package let verb: String
    package let plugin: String
    package let status: Int32
    /// `code` of the error object; nil if it printed none.
    package let code: Int?
    package let description: String
}

/// The part of a runtime that calls CNI plugins as libcni does: a conflist, each plugin's configuration with name and
/// cniVersion put in, the result of one handed to the next, and the result of ADD kept for CHECK and DEL.
package final class PodNetwork: @unchecked Sendable {
    /// The namespace of the node: plugins run there.
    package let node: Namespace
    private let conflist: JSONValue
    private let path: [String]
    private let environment: [String: String]
    private let lock = NSLock()
    private var results: [String: JSONValue] = [:]

    /// - Parameters:
    ///   - conflist: the network configuration list.
    ///   - path: folders with plugins, as CNI_PATH.
    ///   - environment: what else the plugins' environment has.
    package init(node: Namespace, conflist: JSONValue, path: [String], environment: [String: String] = [:]) {
        (self.node, self.conflist, self.path, self.environment) = (node, conflist, path, environment)
    }

    private var plugins: [JSONValue] { conflist["plugins"].array }

    /// ADD of every plugin in order; returns the result of the last. `prefix`: a command that runs each plugin, such as
    /// one that kills it.
    @discardableResult
    package func add(_ pod: PodIdentity, netns: String, through prefix: [String] = []) throws -> JSONValue {
        var previous: JSONValue?
        for plugin in plugins {
            previous = try call("ADD", plugin, pod, netns: netns, previous: previous, through: prefix)
        }
        guard let result = previous else { throw LabError("the conflist has no plugin") }
        lock.withLock { results[key(pod)] = result }
        return result
    }

    /// CHECK of every plugin in order, with the result that ADD returned.
    package func check(_ pod: PodIdentity, netns: String) throws {
        let previous = lock.withLock { results[key(pod)] }
        for plugin in plugins { try call("CHECK", plugin, pod, netns: netns, previous: previous) }
    }

    /// DEL of every plugin, last first, with the result that ADD returned if it is known. An empty `netns` is one
    /// that is gone.
    package func delete(_ pod: PodIdentity, netns: String) throws {
        let previous = lock.withLock { results[key(pod)] }
        for plugin in plugins.reversed() { try call("DEL", plugin, pod, netns: netns, previous: previous) }
        lock.withLock { results[key(pod)] = nil }
    }

    private func key(_ pod: PodIdentity) -> String { "\(pod.containerID)/\(pod.interface)" }

    @discardableResult
    private func call(
        _ verb: String, _ plugin: JSONValue, _ pod: PodIdentity, netns: String, previous: JSONValue?,
        through prefix: [String] = []
    ) throws -> JSONValue {
        let type = plugin["type"].string ?? ""
        let candidates = path.map { $0 + "/" + type }
        guard let executable = candidates.first(where: { (file: String) in access(file, X_OK) == 0 }) else {
            throw LabError("CNI plugin \(type) is not in \(path.joined(separator: ":"))")
        }
        var members = plugin.object
        members["name"] = conflist["name"]
        members["cniVersion"] = conflist["cniVersion"]
        members["prevResult"] = previous
        let variables = [
            "CNI_COMMAND=\(verb)", "CNI_CONTAINERID=\(pod.containerID)", "CNI_NETNS=\(netns)",
            "CNI_IFNAME=\(pod.interface)",
            "CNI_PATH=\(path.joined(separator: ":"))",
            "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=\(pod.namespace);K8S_POD_NAME=\(pod.name);"
                + "K8S_POD_INFRA_CONTAINER_ID=\(pod.containerID)",
        ]
        let others = environment.map { "\($0.key)=\($0.value)" }
        let finished = try node.run(
            ["env"] + variables + others + prefix + [executable], input: JSONValue.object(members).text)
        guard finished.succeeded else {
            let error = try? JSONValue(parsing: finished.output)
            let text = ["msg", "details"].compactMap { error?[$0].string }.filter { !$0.isEmpty }.joined(
                separator: ": ")
            throw CNIRefusal(
                verb: verb, plugin: type, status: finished.status, code: error?["code"].int,
                description: "\(type) \(verb): \(text.isEmpty ? finished.output + finished.errors : text)")
        }
        return finished.output.isEmpty ? .null : try JSONValue(parsing: finished.output)
    }
}
