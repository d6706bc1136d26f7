import Foundation
import TestKit

/// Routers on one link, as at an exchange point: a bridge in a namespace of its own, and a port for each member.
package final class SharedLink: Sendable {
    package let name: LabName
    package let members: [Namespace]
    private let bridge: Namespace
    private let token: Cleanup.Token

    /// IPv4 and IPv6 address of a member.
    package static func ipv4(_ member: Int) -> String { "192.0.2.\(10 + member)" }
    package static func ipv6(_ member: Int) -> String { "fd00:0:0:fe::\(10 + member)" }

    private init(_ roles: [String]) throws {
        LabName.sweep()
        let name = LabName()
        self.name = name
        try makeDirectory(name.directory)
        token = Cleanup.shared.add { try? FileManager.default.removeItem(atPath: name.directory) }
        let bridge = try Namespace(name, "lan")
        self.bridge = bridge
        members = try roles.map { try Namespace(name, $0, forwards: true) }
        try bridge.require("ip", "link", "add", "br0", "type", "bridge")
        try bridge.require("ip", "link", "set", "br0", "up")
        for (index, member) in members.enumerated() {
            try must([
                "ip", "link", "add", "port\(index)", "netns", bridge.name, "type", "veth", "peer", "name", "eth0",
                "netns", member.name,
            ])
            try bridge.require("ip", "link", "set", "port\(index)", "master", "br0", "up")
            try member.require("ip", "address", "add", "\(Self.ipv4(index))/24", "dev", "eth0")
            try member.require("ip", "address", "add", "\(Self.ipv6(index))/64", "dev", "eth0", "nodad")
            try member.require("ip", "link", "set", "eth0", "up")
        }
    }

    /// Builds the link, calls `body`, and takes all away however `body` ends.
    package static func use<Value>(_ roles: [String], _ body: (SharedLink) throws -> Value) throws -> Value {
        let link = try SharedLink(roles)
        defer { link.remove() }
        return try body(link)
    }

    /// A directory for one member.
    package func directory(_ role: String) -> String { "\(name.directory)/\(role)" }

    private func remove() {
        for namespace in members + [bridge] { namespace.remove() }
        name.removeAll()
        Cleanup.shared.run(token)
    }
}
