import CNIPlugin
import Foundation
import TestKit
import Testing

/// Whatever goes wrong: the right code, and nothing left.
struct FailureTests {
    @Test func `a failed ADD leaves nothing, whatever failed`() throws {
        let node = try PluginNode(podCIDRs: ["10.244.1.0/30"])
        let pod = try node.makePod()
        let netns = PluginNode.path(pod)
        let config = node.config("1.1.0")

        let gone = try node.call("ADD", config, netns: "/var/run/netns/none-\(getpid())")
        #expect(gone.code == 8, "\(gone.message)")
        let file = try node.call("ADD", config, netns: "/etc/hostname")
        #expect(file.code == 8, "\(file.message)")
        let own = try node.call("ADD", config, netns: PluginNode.path(node.name))
        #expect(own.code == 8, "\(own.message)")
        let executed = node.config("1.1.0", ipam: #"{"type":"martlet-ipam","subnet":"usePodCidr","inProcess":false}"#)
        let missing = try node.call("ADD", executed, netns: netns, searchPath: "/nonexistent")
        #expect(missing.code == 5)
        #expect(missing.message.contains("martlet-ipam"))
        let noIPAM = try node.call("ADD", node.config("1.1.0", ipam: "{}"), netns: netns)
        #expect(noIPAM.code == 7)
        let ports = node.config("1.1.0", more: #","runtimeConfig":{"portMappings":[{"HostPort":80}]}"#)
        #expect(try node.call("ADD", ports, netns: netns).code == 7)
        let mtu = try node.call("ADD", node.config("1.1.0", more: #","mtu":-1"#), netns: netns)
        #expect(mtu.code == 7)
        try node.expectClean()
        #expect(try node.links(pod) == [])
    }

    @Test func `a full pool is told with code 11, STATUS says 50, and a release cures both`() throws {
        let node = try PluginNode(podCIDRs: ["10.244.1.0/30"])
        let (first, second) = (try node.makePod("a"), try node.makePod("b"))
        let config = node.config("1.1.0")
        #expect(try node.call("STATUS", config).status == 0)
        #expect(try node.call("ADD", config, id: "c1", netns: PluginNode.path(first)).status == 0)
        let full = try node.call("ADD", config, id: "c2", netns: PluginNode.path(second))
        #expect(full.code == 11)
        #expect(full.message.contains("no IP addresses available"))
        #expect(try node.links(second) == [])
        #expect(try node.links(node.name).count == 1)
        let status = try node.call("STATUS", config)
        #expect(status.code == 50)
        #expect(status.message.contains("10.244.1"))
        #expect(try node.call("DEL", config, id: "c1").status == 0)
        #expect(try node.call("STATUS", config).status == 0)
        #expect(try node.call("ADD", config, id: "c2", netns: PluginNode.path(second)).status == 0)
    }

    @Test func `an interface that exists is left as it is`() throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let config = node.config("1.0.0")
        let added = try node.call("ADD", config, netns: PluginNode.path(pod))
        let host = try node.links(node.name)
        let again = try node.call("ADD", config, netns: PluginNode.path(pod))
        #expect(again.code == 101)
        #expect(again.message.contains("eth0"))
        let other = try node.call("ADD", config, id: "c2", netns: PluginNode.path(pod))
        #expect(other.code == 101)
        #expect(try node.links(node.name) == host)
        let address = try #require(added.addresses.first).prefix { $0 != "/" }
        _ = try exchangeTCP(client: node.name, server: pod, address: String(address), port: 7004)
        #expect(Set(node.allocated.filter { $0.contains("@") }) == ["c1@eth0"])
    }

    @Test(arguments: ["10.7.0.9/32", "2001:db8:7::9/128"])
    func `an address that the node routes elsewhere is refused and names where`(address: String) throws {
        let node = try PluginNode(podCIDRs: nil)
        let pod = try node.makePod()
        let (ip, subnet) = (address.prefix { $0 != "/" }, address.contains(":") ? "2001:db8:7::/64" : "10.7.0.0/24")
        let ipam = #"{"type":"martlet-ipam","subnet":"\#(subnet)"}"#
        let wish = #","runtimeConfig":{"ips":["\#(ip)"]}"#
        try require("ip", "-n", node.name, "link", "add", "other0", "type", "veth", "peer", "name", "other1")
        for link in ["other0", "other1"] { try require("ip", "-n", node.name, "link", "set", link, "up") }
        // Another metric than ours: the kernel alone would accept both.
        try require("ip", "-n", node.name, "route", "add", address, "dev", "other0", "metric", "50")
        let refused = try node.call("ADD", node.config("1.1.0", ipam: ipam, more: wish), netns: PluginNode.path(pod))
        #expect(refused.code == 102)
        #expect(refused.message.contains("other0"))
        #expect(try node.links(pod) == [])
        #expect(Set(try node.links(node.name)) == ["other0", "other1"])
        #expect(node.allocated == [])
    }

    @Test func `the node's own address is refused`() throws {
        let node = try PluginNode(podCIDRs: nil)
        let pod = try node.makePod()
        let config = node.config(
            "1.1.0",
            ipam: #"{"type":"martlet-ipam","subnet":"192.0.2.0/24","rangeStart":"192.0.2.1","gateway":"192.0.2.254"}"#)
        #expect(try node.call("ADD", config, netns: PluginNode.path(pod)).code == 102)
        try node.expectClean()
    }

    @Test func `a link that a killed ADD left is replaced, a foreign one of its name is not`() throws {
        let node = try PluginNode()
        let (pod, other) = (try node.makePod("a"), try node.makePod("b"))
        let config = node.config("1.1.0")
        let added = try node.call("ADD", config, netns: PluginNode.path(other))
        let host = try #require(added.json?["interfaces"]?.array?.first?["name"]?.string)
        // Killed before IPAM's answer was used, then called for a new namespace.
        #expect(try node.call("DEL", node.config("1.1.0"), id: "c1", plugin: "martlet-ipam").status == 0)
        let again = try node.call("ADD", config, netns: PluginNode.path(pod))
        #expect(again.status == 0, "\(again.message)")
        #expect(try node.links(node.name) == [host])
        #expect(try node.links(other) == [])

        try require("ip", "-n", node.name, "link", "set", host, "alias", "uplink to tor-1")
        #expect(try node.call("DEL", config, netns: PluginNode.path(pod)).status == 0)
        #expect(try node.links(node.name) == [host])
        #expect(try node.call("ADD", config, netns: PluginNode.path(other)).code == 101)
    }

    @Test func `a delegate's own error arrives with its code and text`() throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let ipam = #"{"type":"host-local","ranges":[[{"subnet":"10.99.0.0/31"}]]}"#
        let refused = try node.call("ADD", node.config("1.0.0", ipam: ipam), netns: PluginNode.path(pod))
        #expect(refused.status == 1)
        #expect(refused.code == 999)
        #expect(refused.message.contains("too small"))
        try node.expectClean()
    }

    @Test func `a delegate without STATUS and GC is tolerated, as host-local is`() throws {
        let node = try PluginNode(podCIDRs: nil)
        let config = node.config("1.1.0", ipam: node.hostLocal, more: #","cni.dev/attachments":[]"#)
        #expect(try node.call("STATUS", config).status == 0)
        #expect(try node.call("GC", config).status == 0)
    }

    @Test func `a delegate that prints nonsense, or nothing, is named`() throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        for (name, script) in [
            ("babble", "echo hello"), ("silent", "exit 3"), ("deaf", "exec 0<&-; echo '{}'; exit 0"),
        ] {
            let path = "\(node.directory)/\(name)"
            try "#!/bin/sh\n\(script)\n".write(toFile: path, atomically: true, encoding: .utf8)
            try require("chmod", "+x", path)
            let config = node.config("1.1.0", ipam: #"{"type":"\#(name)"}"#)
            let refused = try node.call("ADD", config, netns: PluginNode.path(pod), searchPath: node.directory)
            #expect(refused.code == 105, "\(name): \(refused.message)")
            #expect(refused.message.contains(name))
        }
        let escape = try node.call("ADD", node.config("1.1.0", ipam: #"{"type":"../x"}"#), netns: PluginNode.path(pod))
        #expect(escape.code == 7)
        try node.expectClean()
    }

    @Test func `without the agent's file ADD says so, and STATUS says not available`() throws {
        let node = try PluginNode(podCIDRs: nil)
        let pod = try node.makePod()
        let added = try node.call("ADD", node.config("1.1.0"), netns: PluginNode.path(pod))
        #expect(added.code == 11)
        #expect(added.message.contains("martletd"))
        let status = try node.call("STATUS", node.config("1.1.0"))
        #expect(status.code == 50)
        #expect(status.message.contains("martletd"))
        #expect(try node.call("DEL", node.config("1.1.0"), netns: PluginNode.path(pod)).status == 0)
        try node.expectClean()
    }

    @Test(arguments: ["martlet", "martlet-ipam"])
    func `broken input gets its code from the real binary`(plugin: String) throws {
        let node = try PluginNode()
        #expect(try node.call("ADD", "{", netns: "/x", plugin: plugin).code == 6)
        #expect(try node.call("ADD", String(repeating: " ", count: 1 << 20 + 1), netns: "/x", plugin: plugin).code == 6)
        #expect(try node.call("DEL", "", plugin: plugin).code == 6)
        #expect(try node.call("JUMP", "{}", plugin: plugin).code == 4)
        #expect(try node.call("ADD", "{}", plugin: plugin).code == 4)
        let version = try node.call("VERSION", "", plugin: plugin)
        #expect(version.json?["supportedVersions"]?.array?.count == 5)
    }

    @Test func `a plugin killed at any moment leaves nothing that DEL does not remove`() throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let config = node.config("1.1.0")
        for milliseconds in stride(from: 1, through: 60, by: 3) {
            // Only the plugin is killed; its IPAM plugin lives on and finds nobody to answer to.
            let wait = "0.0\(milliseconds < 10 ? "0" : "")\(milliseconds)"
            _ = try node.call(
                "ADD", config, netns: PluginNode.path(pod), prefix: ["timeout", "--foreground", "-s", "KILL", wait])
            let deleted = try node.call("DEL", config, netns: PluginNode.path(pod))
            #expect(deleted.status == 0, "\(deleted.message)")
            let deadline = Date(timeIntervalSinceNow: 10)
            while !node.allocated.isEmpty, Date() < deadline { try require("true") }
            try node.expectClean()
            #expect(try node.links(pod) == [])
        }
        let added = try node.call("ADD", config, netns: PluginNode.path(pod))
        #expect(added.status == 0, "\(added.message)")
    }

    @Test func `an ADD whose result nobody takes is undone`() throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let config = node.config("1.1.0")
        let full = ["bash", "-c", "exec \"$@\" > /dev/full", "-"]
        let added = try node.call("ADD", config, netns: PluginNode.path(pod), prefix: full)
        #expect(added.status == 1)
        #expect(added.message.contains("undoing ADD"))
        try node.expectClean()
        #expect(try node.links(pod) == [])
    }
}
