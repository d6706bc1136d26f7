import CNIPlugin
import Foundation
import TestKit
import Testing

/// ADD, CHECK and DEL in real namespaces.
struct AttachTests {
    /// Puts a result into a configuration, as runtimes do for CHECK and DEL.
    func with(_ result: JSONValue?, _ config: String) throws -> String {
        var tree = try JSONValue(parsing: Array(config.utf8))
        tree.set("prevResult", try #require(result))
        return tree.description
    }

    @Test(arguments: ["0.4.0", "1.0.0", "1.1.0"], ["10.244.1.0/24", "fd00:10:244:1::/64", "both", "host-local"])
    func `a pod is plugged, checked, reached and unplugged`(version: String, kind: String) throws {
        let both = ["10.244.1.0/24", "fd00:10:244:1::/64"]
        let node = try PluginNode(podCIDRs: kind.contains("/") ? [kind] : both)
        let pod = try node.makePod()
        let netns = PluginNode.path(pod)
        let config =
            kind == "host-local" ? node.config(version, ipam: node.hostLocal) : node.config(version)
        let added = try node.call(
            "ADD", config, netns: netns, arguments: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web")
        #expect(added.status == 0, "\(added.message)")
        let result = try #require(added.json)
        #expect(result["cniVersion"]?.string == version)
        let interfaces = try #require(result["interfaces"]?.array)
        let host = try #require(interfaces.first?["name"]?.string)
        #expect(interfaces.map { $0["name"]?.string } == [host, "eth0"])
        #expect(interfaces.last?["sandbox"]?.string == netns)
        #expect((interfaces.last?["mtu"]?.int == 1400) == (version == "1.1.0"))
        let ips = try #require(result["ips"]?.array)
        #expect(ips.allSatisfy { $0["interface"]?.int == 1 })
        #expect(ips.allSatisfy { ($0["version"] != nil) == (version == "0.4.0") })
        #expect(ips.count == (kind == "both" ? 2 : 1))

        try expectHostSide(node, host, added.addresses)
        try expectPodSide(node, pod, added.addresses)
        for entry in added.addresses {
            let address = String(entry.prefix { $0 != "/" })
            let own = address.contains(":") ? "2001:db8::1" : "192.0.2.1"
            #expect(try exchangeTCP(client: pod, server: node.name, address: own, port: 7001) == address)
            _ = try exchangeTCP(client: node.name, server: pod, address: address, port: 7002)
        }

        let checked = try node.call("CHECK", with(result, config), netns: netns)
        #expect(checked.status == 0, "\(checked.message)")
        let deleted = try node.call("DEL", with(result, config), netns: netns)
        #expect(deleted.status == 0, "\(deleted.message)")
        try node.expectClean()
        #expect(try node.links(pod) == [])
        for netns in [netns, nil, "/var/run/netns/gone-\(getpid())"] {
            let again = try node.call("DEL", config, netns: netns)
            #expect(again.status == 0, "\(again.message)")
        }
    }

    func expectHostSide(_ node: PluginNode, _ host: String, _ addresses: [String]) throws {
        let link = try #require(try node.ip(node.name, "-d", "link", "show", host).first)
        #expect(link["address"]?.string == "ee:ee:ee:ee:ee:ee")
        #expect(link["mtu"]?.int == 1400)
        #expect(link["ifalias"]?.string == "martlet c1 eth0 martlet default/web")
        #expect(link["num_tx_queues"]?.int == 1)
        for entry in addresses {
            let address = String(entry.prefix { $0 != "/" })
            let family = address.contains(":") ? "-6" : "-4"
            let route = try #require(try node.ip(node.name, family, "route", "show", address).first)
            #expect(route["dev"]?.string == host)
            #expect(route["protocol"]?.string == "180")
            let neighbours = try node.ip(node.name, family, "neigh", "show", "dev", host)
            #expect(
                neighbours.contains { $0["dst"]?.string == address && $0["state"]?.array == [.string("PERMANENT")] })
            let key = address.contains(":") ? "ipv6" : "ipv4"
            for (name, value) in [("forwarding", "1")] + (key == "ipv6" ? [("accept_ra", "0")] : []) {
                let sysctl = try require(
                    "ip", "netns", "exec", node.name, "cat", "/proc/sys/net/\(key)/conf/\(host)/\(name)")
                #expect(sysctl == "\(value)\n", "\(key) \(name)")
            }
        }
    }

    func expectPodSide(_ node: PluginNode, _ pod: String, _ addresses: [String]) throws {
        let info = try #require(try node.ip(pod, "addr", "show", "eth0").first)["addr_info"]?.array ?? []
        let global = info.filter { $0["scope"]?.string == "global" }
        #expect(
            Set(global.map { "\($0["local"]?.string ?? "")/\($0["prefixlen"]?.int ?? 0)" }) == Set(addresses))
        for family in ["-4", "-6"] {
            let has = addresses.contains { $0.contains(":") == (family == "-6") }
            let routes = try node.ip(pod, family, "route", "show", "default")
            let gateway = family == "-4" ? "169.254.1.1" : "fe80::ecee:eeff:feee:eeee"
            #expect(routes.map { $0["gateway"]?.string } == (has ? [gateway] : []))
            let neighbours = try node.ip(pod, family, "neigh", "show", gateway)
            #expect(neighbours.first?["lladdr"]?.string == (has ? "ee:ee:ee:ee:ee:ee" : nil))
        }
    }

    @Test func `CHECK names what is gone`() throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let netns = PluginNode.path(pod)
        let config = node.config("1.1.0")
        func check(after command: [String]) throws -> String {
            let added = try node.call("ADD", config, netns: netns)
            let host = try #require(added.json?["interfaces"]?.array?.first?["name"]?.string)
            let changed = try run(command.map { $0 == "HOST" ? host : $0 })
            #expect(changed.succeeded, "\(changed.errors)")
            let answer = try node.call("CHECK", with(added.json, config), netns: netns)
            #expect(answer.code == 104)
            #expect(try node.call("DEL", config, netns: netns).status == 0)
            return answer.message
        }
        #expect(try check(after: ["ip", "-n", node.name, "link", "del", "HOST"]).contains("does not exist"))
        #expect(try check(after: ["ip", "-n", pod, "route", "del", "default"]).contains("no route 0.0.0.0/0"))
        #expect(try check(after: ["ip", "-n", pod, "link", "set", "eth0", "mtu", "1300"]).contains("MTU 1300"))
        #expect(
            try check(after: ["ip", "-n", pod, "addr", "flush", "dev", "eth0", "scope", "global"]).contains(
                "no address"))
        #expect(
            try check(after: ["ip", "-n", node.name, "route", "flush", "proto", "180"]).contains(
                "the node has no route"))
        #expect(try check(after: ["rm", "-r", "\(node.directory)/ipam"]).contains("no address is allocated"))
    }

    @Test func `routes and DNS of IPAM, a wished address and a wished MAC arrive`() throws {
        let node = try PluginNode(podCIDRs: nil)
        let pod = try node.makePod()
        let ipam =
            #"{"type":"martlet-ipam","ranges":[[{"subnet":"10.7.0.0/24"}]],"routes":[{"dst":"10.0.0.0/8","mtu":1200}]}"#
        let more =
            #","mtu":1350,"dns":{"nameservers":["10.96.0.10"]},"#
            + #""runtimeConfig":{"IPS":["10.7.0.99/24"],"mac":"02:aa:bb:cc:dd:ee"}"#
        let added = try node.call("ADD", node.config("1.1.0", ipam: ipam, more: more), netns: PluginNode.path(pod))
        #expect(added.addresses == ["10.7.0.99/32"], "\(added.message)")
        #expect(added.json?["dns"]?["nameservers"]?.array == [.string("10.96.0.10")])
        #expect(added.json?["routes"]?.array?.map { $0["dst"]?.string } == ["10.0.0.0/8"])
        let link = try #require(try node.ip(pod, "link", "show", "eth0").first)
        #expect(link["address"]?.string == "02:aa:bb:cc:dd:ee")
        #expect(link["mtu"]?.int == 1350)
        let route = try #require(try node.ip(pod, "route", "show", "10.0.0.0/8").first)
        #expect(route["gateway"]?.string == "169.254.1.1")
        #expect(try node.ip(pod, "route", "show", "default").isEmpty)
    }

    @Test func `the MTU is the uplink's when nobody names one`() throws {
        let node = try PluginNode(podCIDRs: nil)
        let (pod, tor) = (try node.makePod(), try node.makePod("t"))
        try require(
            "ip", "-n", node.name, "link", "add", "up0", "mtu", "1280", "type", "veth", "peer", "name", "up0", "netns",
            tor)
        for namespace in [node.name, tor] { try require("ip", "-n", namespace, "link", "set", "up0", "up") }
        try require("ip", "-n", node.name, "addr", "add", "198.18.0.1/24", "dev", "up0")
        try require("ip", "-n", node.name, "route", "add", "default", "via", "198.18.0.254")
        let added = try node.call(
            "ADD", node.config("1.1.0", ipam: #"{"type":"martlet-ipam","subnet":"10.7.0.0/24"}"#),
            netns: PluginNode.path(pod))
        #expect(added.json?["interfaces"]?.array?.last?["mtu"]?.int == 1280, "\(added.message)")
    }

    @Test func `fifty pods at once get fifty addresses, and GC takes back what is not in its list`() throws {
        let node = try PluginNode()
        let config = node.config("1.1.0")
        let pods = try (0..<50).map { try node.makePod("p\($0)") }
        let addresses = Collected()
        DispatchQueue.concurrentPerform(iterations: pods.count) { index in
            let answer = try? node.call("ADD", config, id: "c\(index)", netns: PluginNode.path(pods[index]))
            addresses.add(answer?.addresses ?? [])
        }
        #expect(addresses.values.count == 100)
        #expect(Set(addresses.values).count == 100)
        #expect(try node.links(node.name).count == 50)

        #expect(try node.call("GC", config).status == 0)
        #expect(try node.links(node.name).count == 50)
        try require("ip", "-n", node.name, "link", "add", "mltforeign", "type", "veth", "peer", "name", "peer0")
        let list =
            #","cni.dev/valid-attachments":[{"containerID":"c7","ifname":"eth0"},{"containerID":"c8","ifname":"eth0"}]"#
        let collected = try node.call("GC", node.config("1.1.0", more: list))
        #expect(collected.status == 0, "\(collected.message)")
        #expect(try node.links(node.name).count == 4)
        #expect(Set(node.allocated.filter { $0.contains("@") }) == ["c7@eth0", "c8@eth0"])
        #expect(node.allocated.count == 6)
    }

    @Test func `the reference plugin ptp works with our IPAM`() throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let config =
            #"{"cniVersion":"1.0.0","name":"martlet","type":"ptp","stateDir":"\#(node.directory)","#
            + #""ipam":{"type":"martlet-ipam","subnet":"usePodCidr","routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}]}}"#
        let netns = PluginNode.path(pod)
        let added = try node.call("ADD", config, netns: netns, plugin: "/usr/lib/cni/ptp")
        #expect(added.status == 0, "\(added.message)")
        #expect(added.addresses == ["10.244.1.2/24", "fd00:10:244:1::2/64"])
        _ = try exchangeTCP(client: node.name, server: pod, address: "10.244.1.2", port: 7003)
        #expect(try node.call("CHECK", with(added.json, config), netns: netns, plugin: "/usr/lib/cni/ptp").status == 0)
        #expect(try node.call("DEL", config, netns: netns, plugin: "/usr/lib/cni/ptp").status == 0)
        #expect(node.allocated == [])
    }
}

/// Strings from many threads.
final class Collected: @unchecked Sendable {
    private let lock = NSLock()
    private var all: [String] = []
    func add(_ more: [String]) { lock.withLock { all += more } }
    var values: [String] { lock.withLock { all } }
}
