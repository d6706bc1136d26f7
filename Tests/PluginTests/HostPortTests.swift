import CNIPlugin
import Foundation
import TestKit
import Testing

/// The capability `portMappings`.
struct HostPortTests {
    static let table = "martlet-hostports"

    func config(_ node: PluginNode, _ mappings: String) -> String {
        node.config("1.1.0", more: #","runtimeConfig":{"portMappings":[\#(mappings)]}"#)
    }

    @Test func `a port of the node leads to the pod, whoever asks for it and by which address`() throws {
        let node = try PluginNode()
        let outside = try node.makeOutside()
        let (pod, other) = (try node.makePod(), try node.makePod("q"))
        // As containerd writes it.
        let wish =
            #"{"HostPort":8080,"ContainerPort":80,"Protocol":"tcp","HostIP":""},{"HostPort":0,"ContainerPort":81}"#
        let added = try node.call("ADD", config(node, wish), netns: PluginNode.path(pod))
        #expect(added.status == 0, "\(added.message)")
        let plugged = try node.call("ADD", node.config("1.1.0"), id: "c2", netns: PluginNode.path(other))
        #expect(plugged.status == 0, "\(plugged.message)")
        for namespace in [pod, other] { try require("ip", "-n", namespace, "link", "set", "lo", "up") }
        let (ipv4, ipv6) = ("10.244.1.2", "fd00:10:244:1::2")
        #expect(added.addresses == ["\(ipv4)/32", "\(ipv6)/128"])
        func exchange(_ client: String, _ through: String, to address: String) throws -> String {
            try exchangeTCP(
                client: client, server: pod, address: address, port: 80, through: (address: through, port: 8080))
        }
        #expect(try exchange(outside, "198.18.0.1", to: ipv4) == "198.18.0.254")
        #expect(try exchange(outside, "2001:db8:18::1", to: ipv6) == "2001:db8:18::254")
        // The node itself, by an address and by its loopback: the pod sees an address that it can answer.
        #expect(try exchange(node.name, "192.0.2.1", to: ipv4) == "192.0.2.1")
        #expect(try ["192.0.2.1", "198.18.0.1"].contains(exchange(node.name, "127.0.0.1", to: ipv4)))
        #expect(try exchange(node.name, "2001:db8::1", to: ipv6) == "2001:db8::1")
        // Another pod, and the pod itself, which would take its own answer for a stranger's.
        #expect(try exchange(other, "192.0.2.1", to: ipv4) == "10.244.1.3")
        #expect(try exchange(pod, "192.0.2.1", to: ipv4) != ipv4)
        #expect(try exchange(pod, "2001:db8::1", to: ipv6) != ipv6)

        let checked = try node.call(
            "CHECK", AttachTests().with(added.json, config(node, wish)), netns: PluginNode.path(pod))
        #expect(checked.status == 0, "\(checked.message)")
        // Neither the result nor the wish is told any more.
        #expect(try node.call("DEL", node.config("1.1.0")).status == 0)
        #expect(try node.table(Self.table).isEmpty)
        #expect(throws: TrafficFailed.self) { try exchange(outside, "198.18.0.1", to: ipv4) }
        #expect(try node.call("DEL", node.config("1.1.0"), id: "c2").status == 0)
        #expect(try node.links(node.name) == ["up0"])
        #expect(node.allocated == [] && node.marks == [])
    }

    @Test func `hostIP limits a port to one address, and protocols are apart`() throws {
        let node = try PluginNode()
        _ = try node.makeOutside()
        let pod = try node.makePod()
        let wish =
            #"{"hostPort":53,"containerPort":5353,"protocol":"udp","hostIP":"198.18.0.1"},"#
            + #"{"hostPort":53,"containerPort":5354,"protocol":"tcp","hostIP":"198.18.0.1"},"#
            + #"{"hostPort":53,"containerPort":5355,"protocol":"SCTP","hostIP":"2001:db8::1"},"#
            + #"{"hostPort":54,"containerPort":5356,"hostIP":"0.0.0.0"}"#
        let added = try node.call("ADD", config(node, wish), netns: PluginNode.path(pod))
        #expect(added.status == 0, "\(added.message)")
        let table = try node.table(Self.table)
        #expect(table.contains("198.18.0.1 . udp . 53 comment"))
        #expect(table.contains("2001:db8::1 . sctp . 53 comment"))
        #expect(table.contains("tcp . 54 comment"))
        #expect(!table.contains("fd00:10:244:1::2 . 5356"))
        func answer(_ address: String) throws -> String {
            try Frames.run(
                """
                server = receiver('\(pod)', socket.AF_INET, '10.244.1.2', 5353)
                enter('\(node.name)o')
                client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                client.sendto(b'question', ('\(address)', 53))
                print(server.recvfrom(100)[0].decode())
                """)
        }
        #expect(try answer("198.18.0.1") == "question")
        #expect(throws: TrafficFailed.self) {
            try exchangeTCP(
                client: "\(node.name)o", server: pod, address: "10.244.1.2", port: 5354, through: ("192.0.2.1", 53))
        }
        #expect(
            try exchangeTCP(
                client: "\(node.name)o", server: pod, address: "10.244.1.2", port: 5354, through: ("198.18.0.1", 53))
                == "198.18.0.254")
    }

    @Test(arguments: [("AF_INET", "192.0.2.1", "198.18.0.254"), ("AF_INET6", "2001:db8::1", "2001:db8:18::254")])
    func `whoever sends to a UDP port without end reaches the next pod that has it`(
        family: String, node address: String, outside: String
    ) throws {
        let node = try PluginNode()
        _ = try node.makeOutside()
        let (first, second) = (try node.makePod("a"), try node.makePod("b"))
        let wish = config(node, #"{"hostPort":5000,"containerPort":5001,"protocol":"udp"}"#)
        func addresses(_ id: String, _ pod: String) throws -> [String] {
            let added = try node.call("ADD", wish, id: id, netns: PluginNode.path(pod))
            #expect(added.status == 0, "\(added.message)")
            return added.addresses.map { String($0.prefix { $0 != "/" }) }
        }
        func send(to pod: String, _ addresses: [String]) throws -> String {
            try Frames.run(
                """
                server = receiver('\(pod)', socket.\(family), '\(addresses[family == "AF_INET" ? 0 : 1])', 5001)
                client = receiver('\(node.name)o', socket.\(family), '\(outside)', 4000)
                client.sendto(b'again', ('\(address)', 5000))
                text, sender = server.recvfrom(100)
                server.sendto(text, sender)
                print(text.decode(), client.recvfrom(100)[0].decode())
                """)
        }
        #expect(try send(to: first, addresses("c1", first)) == "again again")
        #expect(try node.call("DEL", wish, id: "c1").status == 0)
        #expect(try send(to: second, addresses("c2", second)) == "again again")
    }

    @Test func `a port of a pod that lives is refused and names it, one of a dead pod is taken over`() throws {
        let node = try PluginNode()
        let (first, second) = (try node.makePod("a"), try node.makePod("b"))
        let config = config(node, #"{"hostPort":8080,"containerPort":80}"#)
        let arguments = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web"
        #expect(try node.call("ADD", config, netns: PluginNode.path(first), arguments: arguments).status == 0)
        let refused = try node.call("ADD", config, id: "c2", netns: PluginNode.path(second))
        #expect(refused.code == 106)
        #expect(refused.message.contains("tcp 8080"))
        #expect(refused.message.contains("default/web"))
        #expect(try node.links(second) == [])
        #expect(Set(node.allocated.filter { $0.contains("@") }) == ["c1@eth0"])
        #expect(node.marks.count == 1)
        // The first pod dies with its namespace, and nobody says DEL.
        let host = try #require(try node.links(node.name).first)
        try require("ip", "-n", node.name, "link", "del", host)
        let taken = try node.call("ADD", config, id: "c2", netns: PluginNode.path(second))
        #expect(taken.status == 0, "\(taken.message)")
        _ = try exchangeTCP(
            client: node.name, server: second, address: String(taken.addresses[0].prefix { $0 != "/" }), port: 80,
            through: ("192.0.2.1", 8080))
        #expect(try node.call("DEL", config, id: "c1").status == 0)
        #expect(try node.table(Self.table).contains("tcp . 8080"))
        #expect(try node.call("DEL", config, id: "c2").status == 0)
        try node.expectClean()
        #expect(try node.table(Self.table).isEmpty)
    }

    @Test func `CHECK names what is missing, DEL works without any of it, and GC takes back what nobody has`() throws {
        let node = try PluginNode()
        let (first, second) = (try node.makePod("a"), try node.makePod("b"))
        let wish = config(node, #"{"hostPort":8080,"containerPort":80}"#)
        let added = try node.call("ADD", wish, netns: PluginNode.path(first))
        let checking = try AttachTests().with(added.json, wish)
        func difference(_ command: String...) throws -> String {
            let changed = try run(["ip", "netns", "exec", node.name, "nft"] + command)
            #expect(changed.succeeded, "\(changed.errors)")
            let answer = try node.call("CHECK", checking, netns: PluginNode.path(first))
            #expect(answer.code == 104)
            return answer.message
        }
        let table = "inet \(Self.table)"
        #expect(try difference("flush chain \(table) output").contains("chain output"))
        #expect(try difference("delete element \(table) any4 { tcp . 8080 }").contains("tcp 8080 is not in"))
        #expect(try difference("flush ruleset").contains("tcp 8080"))
        #expect(try node.call("DEL", wish).status == 0)
        #expect(node.marks == [])

        let other = config(node, #"{"hostPort":8081,"containerPort":80}"#)
        #expect(try node.call("ADD", wish, id: "c1", netns: PluginNode.path(first)).status == 0)
        #expect(try node.call("ADD", other, id: "c2", netns: PluginNode.path(second)).status == 0)
        let list = #","cni.dev/valid-attachments":[{"containerID":"c2","ifname":"eth0"}]"#
        #expect(try node.call("GC", node.config("1.1.0", more: list)).status == 0)
        #expect(try !node.table(Self.table).contains("8080"))
        #expect(try node.table(Self.table).contains("8081"))
        #expect(node.marks.count == 1)
        #expect(try node.call("GC", node.config("1.1.0", more: #","cni.dev/attachments":[]"#)).status == 0)
        #expect(try node.table(Self.table).isEmpty)
        #expect(node.marks == [])
    }

    @Test func `twenty pods at once get their ports, and each goes with its pod`() throws {
        let node = try PluginNode()
        let pods = try (0..<20).map { try node.makePod("p\($0)") }
        let failures = Collected()
        func all(_ verb: String) {
            DispatchQueue.concurrentPerform(iterations: pods.count) { index in
                let wish = config(node, #"{"hostPort":\#(9000 + index),"containerPort":80}"#)
                let answer = try? node.call(verb, wish, id: "c\(index)", netns: PluginNode.path(pods[index]))
                if answer?.status != 0 { failures.add([answer?.message ?? "no answer"]) }
            }
        }
        all("ADD")
        #expect(failures.values == [])
        let table = try node.table(Self.table)
        #expect((0..<20).allSatisfy { table.contains("tcp . \(9000 + $0) comment") })
        all("DEL")
        #expect(failures.values == [])
        #expect(try node.table(Self.table).isEmpty)
        try node.expectClean()
    }

    @Test(arguments: [
        #"{"hostPort":70000,"containerPort":80}"#, #"{"hostPort":"80","containerPort":80}"#, #"{"hostPort":80}"#,
        #"{"hostPort":80,"containerPort":80,"protocol":"icmp"}"#, #"{"hostPort":80,"containerPort":80,"hostIP":"x"}"#,
        #"{"hostPort":80,"containerPort":80},{"hostPort":80,"containerPort":81}"#, #"{"hostPort":-1}"#,
        #"{"hostPort":80,"containerPort":80,"hostIP":"1.2.3.4 } ; flush ruleset"}"#,
    ])
    func `a mapping that makes no sense is refused with code 7 and nothing is left`(mapping: String) throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let refused = try node.call("ADD", config(node, mapping), netns: PluginNode.path(pod))
        #expect(refused.code == 7, "\(refused.message)")
        try node.expectClean()
        #expect(try node.call("DEL", config(node, mapping), netns: PluginNode.path(pod)).status == 0)
    }

    @Test func `without nft host ports are refused with a word on what to install, and pods without them are not`()
        throws
    {
        let node = try PluginNode()
        let (pod, other) = (try node.makePod(), try node.makePod("q"))
        // A file system without the program: its directories are covered.
        let cover = [
            "unshare", "--mount", "bash", "-c",
            "for d in /usr/sbin /usr/local/sbin; do mount -t tmpfs none $d; done; exec \"$@\"", "-",
        ]
        let ipOnly = try require("sh", "-c", "readlink -f \"$(command -v ip)\"").trimmingCharacters(in: .newlines)
        try #require(!ipOnly.hasPrefix("/usr/sbin/"), "ip lies where nft does: \(ipOnly)")
        let wish = config(node, #"{"hostPort":8080,"containerPort":80}"#)
        let refused = try node.call("ADD", wish, netns: PluginNode.path(pod), prefix: cover)
        #expect(refused.code == 5, "\(refused.message)")
        #expect(refused.message.contains("install nftables"))
        let plain = try node.call("ADD", node.config("1.1.0"), id: "c2", netns: PluginNode.path(other), prefix: cover)
        #expect(plain.status == 0, "\(plain.message)")
        #expect(plain.errors.contains("not checked"))
        #expect(try node.call("DEL", wish, netns: PluginNode.path(pod), prefix: cover).status == 0)
    }
}

extension PluginNode {
    /// Marks of pods with host ports.
    var marks: Set<String> {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: "\(directory)/hostports")) ?? []
        return Set(files.filter { $0 != "lock" })
    }
}
