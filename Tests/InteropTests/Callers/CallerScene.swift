import Foundation
import Lab
import NetTypes
import TestKit
import Testing

/// What the tests of real callers share.
enum CallerScene {
    static let ranges: JSONValue = [[["subnet": "10.244.1.0/24"]], [["subnet": "fd00:10:244:1::/64"]]]

    /// Addresses of our own, without an agent.
    static let ownAddresses: JSONValue = ["type": "martlet-ipam", "ranges": ranges]

    /// A list with our plugin first. Version 1.0.0 is the highest that runtimes of Debian 12 know.
    static func list(
        name: String = "martlet", version: String = "1.0.0", ipam: JSONValue = ownAddresses, mtu: JSONValue = 1500,
        stateDirectory: String = "/run/martlet", chained: [JSONValue] = []
    ) -> JSONValue {
        let own: JSONValue = [
            "type": "martlet", "mtu": mtu, "stateDir": .string(stateDirectory),
            "capabilities": ["ips": true, "mac": true], "ipam": ipam,
        ]
        return ["cniVersion": .string(version), "name": .string(name), "plugins": .array([own] + chained)]
    }

    /// Installs the list that we ship, with what an agent would have written.
    static func ship(to machine: Machine) throws -> JSONValue {
        let shipped = try JSONValue(
            parsing: String(contentsOfFile: "\(packageRoot)/manifests/10-martlet.conflist", encoding: .utf8))
        let state: JSONValue = [
            "schema": 1, "name": "node-a", "podCIDRs": ["10.244.1.0/24", "fd00:10:244:1::/64"], "mtu": 1500, "pid": 1,
        ]
        try machine.require("mkdir", "-p", "/run/martlet")
        try machine.write("/run/martlet/node.json", state.text)
        try machine.setNetwork(shipped)
        return shipped
    }

    /// A node without an agent as a machine, with a link to a router; gone afterwards.
    static func use(_ body: (Machine, Rack) throws -> Void) throws {
        try Rack.use(nodes: 1) { rack in
            let machine = try rack.machine(0)
            defer { machine.remove() }
            try body(machine, rack)
        }
    }

    /// What is wrong between pods, and between each and its own node: over both families, by UDP, by TCP, and between
    /// pods with a full-sized packet that must not be fragmented. Nobody may translate an address.
    static func faults(_ pods: [RuntimePod], _ rack: Rack) throws -> [String] {
        let servers = try rack.nodes.map { try EchoServer(in: $0) }
        defer { for server in servers { server.stop() } }
        var faults: [String] = []
        for from in pods {
            for to in pods where to !== from {
                for family in AddressFamily.allCases {
                    faults += try ask(
                        from.name, from.namespace, to.name, to.address(family), own: from.address(family))
                }
            }
            guard let number = rack.nodes.firstIndex(where: { $0 === from.machine.namespace }) else { continue }
            let (node, link) = (rack.nodes[number], rack.link(node: number))
            for (family, text) in [(AddressFamily.ipv4, link.nodeIPv4), (.ipv6, link.nodeIPv6)] {
                let address = try #require(IPAddress(text))
                faults += try ask(from.name, from.namespace, node.role, address, own: from.address(family))
                faults += try ask(node.role, node, from.name, from.address(family), own: nil)
            }
        }
        return faults
    }

    private static func ask(
        _ from: String, _ namespace: Namespace, _ to: String, _ target: IPAddress, own: IPAddress?
    ) throws -> [String] {
        let probe = Probe(from: namespace)
        let outcomes = [
            ("UDP", try probe.udp(target)), ("TCP", try probe.tcp(target)),
            ("1500 octets with DF", try probe.udp(target, octets: 1500)),
        ]
        return outcomes.compactMap { kind, outcome in
            let seen = outcome.echo?.seenSource
            return seen != nil && (own == nil || seen == own) ? nil : "\(from) to \(to) \(target): \(kind): \(outcome)"
        }
    }

    /// Waits until nothing of the node tells of the pod.
    static func expectNoTraces(of pod: RuntimePod, directories: [String] = []) throws {
        try eventually(
            "nothing is left of \(pod.name)",
            last: {
                ((try? pod.machine.traces(of: pod, directories: directories)) ?? []).joined(separator: "\n")
            }
        ) { try pod.machine.traces(of: pod, directories: directories).isEmpty }
    }

    /// The pod is there with all that tells of it; after its removal nothing is.
    static func removeCompletely(_ pod: RuntimePod, directories: [String] = []) throws {
        #expect(try !pod.machine.traces(of: pod, directories: directories).isEmpty)
        try pod.remove()
        try expectNoTraces(of: pod, directories: directories)
    }
}
