import CLinux
import CNIPlugin
import Foundation
import TestKit
import Testing

/// DEL that leaves the link's deletion to the agent.
struct DeferredTests {
    /// The group of links that are left to the agent, as it stands in `ip link`.
    static let group = "7171188"

    /// What a running agent does for the plugin: it holds a lock.
    final class Agent {
        private let descriptor: Int32

        init(_ node: PluginNode) throws {
            descriptor = open("\(node.directory)/agent.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            try #require(descriptor >= 0 && clinux_lock(descriptor) == 0)
        }

        deinit { close(descriptor) }
    }

    func groups(_ node: PluginNode) throws -> [String: String] {
        var result: [String: String] = [:]
        for link in try node.ip(node.name, "link") {
            if let name = link["ifname"]?.string, name != "lo" { result[name] = link["group"]?.string }
        }
        return result
    }

    @Test func `with the agent up DEL only takes the link out of service, and all but the link is gone`() throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let config = node.config("1.1.0")
        let agent = try Agent(node)
        let added = try node.call("ADD", config, netns: PluginNode.path(pod))
        let host = try #require(added.json?["interfaces"]?.array?.first?["name"]?.string)
        for _ in 0..<2 {
            #expect(try node.call("DEL", config, netns: PluginNode.path(pod)).status == 0)
            let link = try #require(try node.ip(node.name, "link", "show", host).first)
            #expect(link["group"]?.string == Self.group)
            #expect(link["operstate"]?.string == "DOWN")
            #expect(node.allocated == [])
            for family in ["-4", "-6"] {
                #expect(try node.ip(node.name, family, "route", "show", "proto", "180").isEmpty)
                #expect(try node.ip(node.name, family, "neigh", "show", "nud", "permanent").isEmpty)
                #expect(
                    try node.ip(node.name, family, "addr", "show", "dev", host).allSatisfy {
                        $0["addr_info"]?.array?.isEmpty != false
                    })
            }
        }
        try require("ip", "-n", node.name, "link", "del", "group", Self.group)
        try node.expectClean()
        #expect(try node.links(pod) == [])
        withExtendedLifetime(agent) {}
    }

    @Test(arguments: ["c1", "c2"])
    func `an ADD before the agent has deleted the link works at once`(next: String) throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let config = node.config("1.1.0")
        let agent = try Agent(node)
        #expect(try node.call("ADD", config, netns: PluginNode.path(pod)).status == 0)
        #expect(try node.call("DEL", config, netns: PluginNode.path(pod)).status == 0)
        let again = try node.call("ADD", config, id: next, netns: PluginNode.path(pod))
        #expect(again.status == 0, "\(again.message)")
        #expect(try groups(node).values.allSatisfy { $0 == "default" })
        #expect(try groups(node).count == 1)
        let address = try #require(again.addresses.first).prefix { $0 != "/" }
        _ = try exchangeTCP(client: node.name, server: pod, address: String(address), port: 7005)
        withExtendedLifetime(agent) {}
    }

    @Test func `the same container in a new namespace gets a new link while the old one waits`() throws {
        let node = try PluginNode()
        let (first, second) = (try node.makePod("a"), try node.makePod("b"))
        let config = node.config("1.1.0")
        let agent = try Agent(node)
        #expect(try node.call("ADD", config, netns: PluginNode.path(first)).status == 0)
        #expect(try node.call("DEL", config, netns: PluginNode.path(first)).status == 0)
        #expect(try node.call("ADD", config, netns: PluginNode.path(second)).status == 0)
        #expect(try groups(node).values.map { $0 } == ["default"])
        #expect(try node.links(first) == [])
        withExtendedLifetime(agent) {}
    }

    @Test func `a dead agent's lock counts for nothing, and what waits is deleted by the next DEL`() throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let config = node.config("1.1.0")
        var agent: Agent? = try Agent(node)
        #expect(try node.call("ADD", config, netns: PluginNode.path(pod)).status == 0)
        #expect(try node.call("DEL", config).status == 0)
        #expect(try groups(node).count == 1)
        withExtendedLifetime(agent) {}
        agent = nil
        #expect(try node.call("DEL", config).status == 0)
        try node.expectClean()
        #expect(try node.call("ADD", config, netns: PluginNode.path(pod)).status == 0)
        #expect(try node.call("DEL", config).status == 0)
        try node.expectClean()
    }

    @Test func `the configuration decides first`() throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let deferred = node.config("1.1.0", more: #","delete":"deferred""#)
        #expect(try node.call("ADD", deferred, netns: PluginNode.path(pod)).status == 0)
        #expect(try node.call("DEL", deferred).status == 0)
        #expect(try groups(node).count == 1)
        let agent = try Agent(node)
        let sync = node.config("1.1.0", more: #","delete":"sync""#)
        #expect(try node.call("ADD", sync, netns: PluginNode.path(pod)).status == 0)
        #expect(try node.call("DEL", sync).status == 0)
        try node.expectClean()
        let wrong = node.config("1.1.0", more: #","delete":"later""#)
        #expect(try node.call("ADD", wrong, netns: PluginNode.path(pod)).code == 7)
        #expect(try node.call("DEL", wrong).status == 0)
        withExtendedLifetime(agent) {}
    }

    @Test func `a link without a label is deleted at once, since the agent would not know it`() throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let config = node.config("1.1.0")
        let agent = try Agent(node)
        let added = try node.call("ADD", config, netns: PluginNode.path(pod))
        let host = try #require(added.json?["interfaces"]?.array?.first?["name"]?.string)
        try require("ip", "-n", node.name, "link", "set", host, "alias", "")
        #expect(try node.call("DEL", config).status == 0)
        try node.expectClean()
        withExtendedLifetime(agent) {}
    }
}
