import CNIPlugin
import Foundation
import TestKit
import Testing

/// CHECK against a link that somebody has changed by hand, one thing at a time.
struct CheckTests {
    /// A change and what CHECK says of it. HOST, NODE, POD stand for the host end and the namespaces.
    struct Change: Sendable, CustomTestStringConvertible {
        let command: String
        let words: String
        var testDescription: String { command }
    }

    static let changes: [Change] = [
        Change(command: "ip -n NODE link del HOST", words: "the host interface HOST does not exist"),
        Change(command: "ip -n NODE link set HOST down", words: "the host interface HOST is down"),
        Change(command: "ip -n NODE link set HOST alias uplink", words: "HOST belongs to uplink"),
        Change(
            command: "ip -n NODE link set HOST mtu 1300",
            words: "the host interface HOST has MTU 1300 instead of 1400"),
        Change(command: "ip -n NODE link set HOST address 02:00:00:00:00:01", words: "HOST has MAC 02:00:00:00:00:01"),
        Change(command: "ip -n NODE route del 10.244.1.2", words: "the node has no route 10.244.1.2/32 dev HOST"),
        Change(
            command: "ip -n NODE -6 route del fd00:10:244:1::2",
            words: "the node has no route fd00:10:244:1::2/128 dev HOST"),
        Change(
            command: "ip -n NODE route replace blackhole 10.244.1.2", words: "the node has no route 10.244.1.2/32"),
        Change(
            command: "ip -n NODE neigh del 10.244.1.2 dev HOST",
            words: "the node has no permanent neighbour 10.244.1.2 lladdr"),
        Change(
            command: "ip -n NODE neigh replace fd00:10:244:1::2 dev HOST lladdr 02:00:00:00:00:01 nud permanent",
            words: "the node has no permanent neighbour fd00:10:244:1::2 lladdr"),
        Change(
            command: "ip -n NODE addr flush dev HOST",
            words: "the host interface HOST has no address fe80::ecee:eeff:feee:eeee"),
        Change(command: "SYSCTL ipv4 rp_filter=0", words: "net.ipv4.conf.HOST.rp_filter is 0 instead of 1"),
        Change(command: "SYSCTL ipv4 forwarding=0", words: "net.ipv4.conf.HOST.forwarding is 0 instead of 1"),
        Change(command: "SYSCTL ipv4 route_localnet=1", words: "net.ipv4.conf.HOST.route_localnet is 1 instead of 0"),
        Change(command: "SYSCTL ipv4 accept_redirects=1", words: "net.ipv4.conf.HOST.accept_redirects is 1"),
        Change(command: "SYSCTL ipv4 arp_ignore=0", words: "net.ipv4.conf.HOST.arp_ignore is 0 instead of 1"),
        Change(command: "SYSCTL ipv6 accept_ra=2", words: "net.ipv6.conf.HOST.accept_ra is 2 instead of 0"),
        Change(command: "SYSCTL ipv6 forwarding=0", words: "net.ipv6.conf.HOST.forwarding is 0 instead of 1"),
        Change(command: "SYSCTL ipv6 proxy_ndp=1", words: "net.ipv6.conf.HOST.proxy_ndp is 1 instead of 0"),
        Change(command: "ip -n POD link set eth0 down", words: "the interface eth0 in the pod is down"),
        Change(command: "ip -n POD link set eth0 mtu 1300", words: "eth0 in the pod has MTU 1300 instead of 1400"),
        Change(command: "ip -n POD link set eth0 address 02:00:00:00:00:01", words: "eth0 in the pod has MAC 02"),
        Change(command: "ip -n POD addr del 10.244.1.2/32 dev eth0", words: "the pod's eth0 has no address 10.244.1.2"),
        Change(
            command: "ip -n POD addr del fd00:10:244:1::2/128 dev eth0",
            words: "the pod's eth0 has no address fd00:10:244:1::2"),
        Change(
            command: "ip -n POD route del default", words: "the pod has no route 0.0.0.0/0 via 169.254.1.1 dev eth0"),
        Change(
            command: "ip -n POD -6 route del default",
            words: "the pod has no route ::/0 via fe80::ecee:eeff:feee:eeee"),
        Change(
            command: "ip -n POD neigh del 169.254.1.1 dev eth0",
            words: "the pod has no permanent neighbour 169.254.1.1 lladdr ee:ee:ee:ee:ee:ee"),
        Change(
            command: "ip -n POD neigh del fe80::ecee:eeff:feee:eeee dev eth0",
            words: "the pod has no permanent neighbour fe80::ecee:eeff:feee:eeee"),
        Change(command: "rm -r STATE/ipam", words: "no address is allocated"),
    ]

    @Test(arguments: changes)
    func `CHECK names the first thing that is not as ADD left it`(change: Change) throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let config = node.config("1.1.0")
        let added = try node.call("ADD", config, netns: PluginNode.path(pod))
        let host = try #require(added.json?["interfaces"]?.array?.first?["name"]?.string, "\(added.message)")
        let checking = try AttachTests().with(added.json, config)
        #expect(try node.call("CHECK", checking, netns: PluginNode.path(pod)).status == 0)
        func filled(_ text: String) -> String {
            var text = text
            for (name, value) in [("HOST", host), ("NODE", node.name), ("POD", pod), ("STATE", node.directory)] {
                text = text.replacingOccurrences(of: name, with: value)
            }
            return text
        }
        var words = filled(change.command).split(separator: " ").map(String.init)
        if words[0] == "SYSCTL" {
            words = ["ip", "netns", "exec", node.name, "sysctl", "-qw", "net.\(words[1]).conf.\(host).\(words[2])"]
        }
        let changed = try run(words)
        #expect(changed.succeeded, "\(changed.errors)")
        let answer = try node.call("CHECK", checking, netns: PluginNode.path(pod))
        #expect(answer.code == 104)
        #expect(answer.message.contains(filled(change.words)), "\(answer.message)")
        // Whatever was broken, DEL takes the rest away, unless the link is somebody else's now.
        #expect(try node.call("DEL", config, netns: PluginNode.path(pod)).status == 0)
        if !change.command.contains("alias") { try node.expectClean() }
    }

    @Test func `what a chained plugin has added is no difference, and CHECK needs the result and the namespace`() throws
    {
        let node = try PluginNode()
        let pod = try node.makePod()
        let config = node.config("1.1.0")
        let added = try node.call("ADD", config, netns: PluginNode.path(pod))
        let checking = try AttachTests().with(added.json, config)
        for command in [
            "addr add 10.9.9.9/32 dev eth0", "route add 10.0.0.0/8 via 169.254.1.1 dev eth0",
            "link add more0 type veth",
        ] {
            let changed = try run(["ip", "-n", pod] + command.split(separator: " ").map(String.init))
            #expect(changed.succeeded, "\(changed.errors)")
        }
        let answer = try node.call("CHECK", checking, netns: PluginNode.path(pod))
        #expect(answer.status == 0, "\(answer.message)")
        #expect(try node.call("CHECK", config, netns: PluginNode.path(pod)).code == 7)
        #expect(try node.call("CHECK", checking, netns: "/var/run/netns/none").code == 8)
        #expect(try node.call("CHECK", checking, netns: nil).code == 4)
    }
}
