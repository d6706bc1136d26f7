import CNIPlugin
import Foundation
import TestKit
import Testing

/// A pod is a host on a link of its own, and nothing that it sends makes it more.
struct IsolationTests {
    /// A node with somebody outside, and a pod `p` with 10.244.1.2 and fd00:10:244:1::2.
    func plugged(_ more: String = "", forwarding: Bool = true) throws -> (PluginNode, host: String) {
        let node = try PluginNode()
        let outside = try node.makeOutside()
        if !forwarding {
            for key in ["net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0"] {
                try require("ip", "netns", "exec", node.name, "sysctl", "-qw", key)
            }
        }
        // The way back that the rack would have.
        try require("ip", "-n", outside, "route", "replace", "10.244.1.0/24", "via", "198.18.0.1")
        let pod = try node.makePod()
        let added = try node.call("ADD", node.config("1.1.0", more: more), netns: PluginNode.path(pod))
        #expect(added.addresses == ["10.244.1.2/32", "fd00:10:244:1::2/128"], "\(added.message)")
        return (node, try #require(added.json?["interfaces"]?.array?.first?["name"]?.string))
    }

    @Test func `what a pod sends in another's name goes nowhere, in IPv4 and in IPv6`() throws {
        let (node, _) = try plugged()
        #expect(
            try Frames.run(
                """
                outside = receiver('\(node.name)o', socket.AF_INET, '198.18.0.254')
                pod = packets('\(node.name)p', 'eth0')
                for source in ['10.244.1.99', '192.0.2.1', '198.18.0.77', '8.8.8.8', '127.0.0.1', '0.0.0.0']:
                    pod.send(frame4(own_mac(pod), source, '198.18.0.254', b'in the name of ' + source.encode()))
                pod.send(frame4(own_mac(pod), '10.244.1.2', '198.18.0.254', b'own'))
                print(heard(outside, b'own'))
                """) == "own")
        let script = """
            outside = receiver('\(node.name)o', socket.AF_INET6, '2001:db8:18::254')
            pod = packets('\(node.name)p', 'eth0')
            for source in ['fd00:10:244:1::99', '2001:db8::1', '2001:db8:18::77', '2600::1', '::1']:
                pod.send(udp6(own_mac(pod), source, '2001:db8:18::254', b'foreign'))
            pod.send(udp6(own_mac(pod), 'fd00:10:244:1::2', '2001:db8:18::254', b'own'))
            print(heard(outside, b'own'))
            """
        #expect(try Frames.run(script) == "own")
        // The kernel alone would let IPv6 pass; the next pod's ADD brings the table back.
        try require("ip", "netns", "exec", node.name, "nft", "delete", "table", "inet", "martlet-guard")
        #expect(try Frames.run(script).hasPrefix("foreign"))
        let next = try node.makePod("n")
        #expect(try node.call("ADD", node.config("1.1.0"), id: "c2", netns: PluginNode.path(next)).status == 0)
        #expect(try Frames.run(script) == "own")
    }

    @Test(arguments: ["", #","runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80}]}"#])
    func `the node's loopback is out of reach, also while a host port needs route_localnet`(more: String) throws {
        let (node, host) = try plugged(more)
        let setting = try node.setting("ipv4", host, "route_localnet")
        #expect(setting == (more.isEmpty ? "0" : "1"))
        #expect(
            try Frames.run(
                """
                server = receiver('\(node.name)', socket.AF_INET, '0.0.0.0')
                pod = packets('\(node.name)p', 'eth0')
                pod.send(frame4(own_mac(pod), '10.244.1.2', '127.0.0.1', b'to the loopback'))
                pod.send(frame4(own_mac(pod), '127.0.0.1', '192.0.2.1', b'from a loopback'))
                pod.send(frame4(own_mac(pod), '127.0.0.1', '127.0.0.1', b'both'))
                pod.send(frame4(own_mac(pod), '10.244.1.2', '192.0.2.1', b'own'))
                print(heard(server, b'own'))
                """) == "own")
    }

    @Test(arguments: [true, false])
    func `a pod cannot announce itself as router nor redirect, whether the node forwards or not`(forwards: Bool) throws
    {
        let (node, host) = try plugged(forwarding: forwards)
        func routes() throws -> [String] {
            try ["-4", "-6"].flatMap { family in
                try require("ip", "-n", node.name, family, "route", "show", "table", "all")
                    .split(separator: "\n").map(String.init)
                // The uplink's own link-local routes come when its duplicate address detection is over.
            }.filter { $0.contains(host) || $0.contains("default") || $0.contains("2001:db8:bad") }.sorted()
        }
        // The first packet of a pod makes entries in no table either: what it may do, it does before.
        let hello = """
            server = receiver('\(node.name)', socket.AF_INET6, '::')
            pod = packets('\(node.name)p', 'eth0')
            pod.send(udp6(own_mac(pod), 'fd00:10:244:1::2', '2001:db8::1', b'own'))
            heard(server, b'own')
            """
        _ = try Frames.run(hello)
        let before = try routes()
        _ = try Frames.run(
            hello + """

                own = own_mac(pod)
                link_local = 'fe80::%02x%02x:%02xff:fe%02x:%02x%02x' % ((own[0] ^ 2,) + tuple(own[1:]))
                prefix = struct.pack('!BBBBIII', 3, 4, 64, 0xc0, 3600, 3600, 0) + ip6('2001:db8:bad::')
                route = struct.pack('!BBBBI', 24, 3, 48, 0, 3600) + ip6('2001:db8:bad::')
                for source in ['fe80::1', link_local]:
                    advert = struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 1800, 0, 0) + prefix + route
                    pod.send(frame6(own, source, 'ff02::1', 58, advert, 2, to=mac('33:33:00:00:00:01')))
                    pod.send(frame6(own, source, 'fe80::ecee:eeff:feee:eeee', 58, advert, 2))
                    redirect = struct.pack('!BBHI', 137, 0, 0, 0) + ip6(source) + ip6('2001:db8:18::254')
                    pod.send(frame6(own, source, '2001:db8::1', 58, redirect, 2))
                    pod.send(frame6(own, source, 'fe80::ecee:eeff:feee:eeee', 58, redirect, 2))
                inner = frame4(own, '192.0.2.1', '198.18.0.254', b'x' * 8)[14:]
                body = struct.pack('!BBH4s', 5, 1, 0, ip4('10.244.1.2')) + inner
                body = body[:2] + struct.pack('!H', checksum(body)) + body[4:]
                head = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(body), 0, 0, 64, 1, 0) + ip4('10.244.1.2') + ip4('192.0.2.1')
                head = head[:10] + struct.pack('!H', checksum(head)) + head[12:]
                pod.send(HOST + own + b'\\x08\\x00' + head + body)
                pod.send(udp6(own, 'fd00:10:244:1::2', '2001:db8::1', b'last'))
                heard(server, b'last')
                """)
        #expect(try routes() == before)
        let addresses = try require("ip", "-n", node.name, "-6", "-o", "addr", "show", "dev", host)
        #expect(addresses.split(separator: "\n").count == 1, "\(addresses)")
    }

    @Test func `the node answers for its gateway address alone, and believes no claim of a pod`() throws {
        let (node, host) = try plugged()
        func neighbours() throws -> [String] {
            try require("ip", "-n", node.name, "neigh", "show", "dev", host).split(separator: "\n").map(String.init)
                .sorted()
        }
        let before = try neighbours()
        #expect(before.count == 2 && before.allSatisfy { $0.contains("PERMANENT") })
        #expect(
            try Frames.run(
                """
                pod = packets('\(node.name)p', 'eth0', 0x0806)
                own = own_mac(pod)
                def arp(operation, sender, target, to=b'\\xff' * 6):
                    head = struct.pack('!HHBBH', 1, 0x0800, 6, 4, operation)
                    pod.send(to + own + b'\\x08\\x06' + head + own + ip4(sender) + bytes(6) + ip4(target))
                for claimed in ['198.18.0.254', '10.244.1.99']:
                    arp(2, claimed, claimed)
                    arp(2, claimed, '192.0.2.1', HOST)
                    arp(1, claimed, '192.0.2.1')
                for target in ['10.244.1.99', '192.0.2.1', '198.18.0.1', '198.18.0.254', '8.8.8.8', '169.254.1.1']:
                    arp(1, '10.244.1.2', target)
                while True:
                    answer, sender = pod.recvfrom(100)
                    if sender[2] == 4: continue
                    print(socket.inet_ntop(socket.AF_INET, answer[28:32]), answer[22:28].hex())
                    break
                """) == "169.254.1.1 eeeeeeeeeeee")
        #expect(
            try Frames.run(
                """
                pod = packets('\(node.name)p', 'eth0', 0x86dd)
                own = own_mac(pod)
                def solicit(target):
                    group = 'ff02::1:ff' + ip6(target)[13:].hex()[:2] + ':' + ip6(target)[14:].hex()
                    body = struct.pack('!BBHI', 135, 0, 0, 0) + ip6(target) + b'\\x01\\x01' + own
                    pod.send(frame6(own, 'fd00:10:244:1::2', group, 58, body, 2, to=b'\\x33\\x33' + ip6(group)[12:]))
                for claimed in ['2001:db8:18::254', 'fd00:10:244:1::99']:
                    body = struct.pack('!BBHI', 136, 0, 0, 0x20000000) + ip6(claimed) + b'\\x02\\x01' + own
                    pod.send(frame6(own, 'fd00:10:244:1::2', 'ff02::1', 58, body, 2, to=mac('33:33:00:00:00:01')))
                for target in ['fd00:10:244:1::99', '2001:db8::1', '2001:db8:18::254', 'fe80::ecee:eeff:feee:eeee']:
                    solicit(target)
                while True:
                    answer, sender = pod.recvfrom(200)
                    if sender[2] == 4 or answer[20] != 58 or answer[54] != 136: continue
                    print(socket.inet_ntop(socket.AF_INET6, answer[62:78]))
                    break
                """) == "fe80::ecee:eeff:feee:eeee")
        let after = try neighbours()
        #expect(after.filter { $0.contains("PERMANENT") } == before)
        // Whoever asked in the pod's own name may be known by its link-local address; nobody else is.
        let others = after.filter { !$0.contains("PERMANENT") && !$0.hasPrefix("fe80:") }
        #expect(others == [])
        let uplink = try require("ip", "-n", node.name, "neigh", "show", "dev", "up0")
        let pod = try #require(try node.ip("\(node.name)p", "link", "show", "eth0").first?["address"]?.string)
        #expect(!uplink.contains(pod))
    }

    @Test func `the settings of a link are those of a stub, in both families and in each alone`() throws {
        let stub = [
            "ipv4 rp_filter": "1", "ipv4 accept_redirects": "0", "ipv4 send_redirects": "0", "ipv4 proxy_arp": "0",
            "ipv4 accept_source_route": "0", "ipv4 route_localnet": "0", "ipv4 arp_ignore": "1",
        ]
        let ipv6 = [
            "ipv6 accept_ra": "0", "ipv6 accept_redirects": "0", "ipv6 proxy_ndp": "0", "ipv6 disable_ipv6": "0",
            "ipv6 forwarding": "1",
        ]
        for (families, more) in [
            (["10.244.1.0/24", "fd00:10:244:1::/64"], ipv6.merging(["ipv4 forwarding": "1"]) { $1 }),
            (["10.244.1.0/24"], ["ipv4 forwarding": "1", "ipv6 disable_ipv6": "1"]),
            (["fd00:10:244:1::/64"], ipv6.merging(["ipv4 forwarding": "0"]) { $1 }),
        ] {
            let node = try PluginNode(podCIDRs: families)
            // The worst defaults that a node may have.
            for key in [
                "ipv4.conf.default.rp_filter=0", "ipv6.conf.default.accept_ra=2", "ipv6.conf.default.proxy_ndp=1",
                "ipv6.conf.default.disable_ipv6=1", "ipv4.conf.default.proxy_arp=1", "ipv6.conf.default.forwarding=0",
            ] {
                try require("ip", "netns", "exec", node.name, "sysctl", "-qw", "net.\(key)")
            }
            let pod = try node.makePod()
            let added = try node.call("ADD", node.config("1.1.0"), netns: PluginNode.path(pod))
            let host = try #require(added.json?["interfaces"]?.array?.first?["name"]?.string, "\(added.message)")
            for (key, value) in stub.merging(more, uniquingKeysWith: { $1 }) {
                let parts = key.split(separator: " ").map(String.init)
                #expect(try node.setting(parts[0], host, parts[1]) == value, "\(key)")
            }
            let config = try AttachTests().with(added.json, node.config("1.1.0"))
            let checked = try node.call("CHECK", config, netns: PluginNode.path(pod))
            #expect(checked.status == 0, "\(checked.message)")
        }
    }
}

extension PluginNode {
    /// A kernel setting of a link of the node.
    func setting(_ family: String, _ link: String, _ key: String) throws -> String {
        try require("ip", "netns", "exec", name, "cat", "/proc/sys/net/\(family)/conf/\(link)/\(key)")
            .trimmingCharacters(in: .newlines)
    }
}
