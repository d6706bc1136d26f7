import CNIPlugin
import Foundation
import TestKit
import Testing

/// The capability `bandwidth`, and the keys of the same names in the configuration.
struct BandwidthTests {
    func config(_ node: PluginNode, _ wish: String) -> String {
        node.config("1.1.0", more: #","runtimeConfig":{"bandwidth":{\#(wish)}}"#)
    }

    /// Octets a second of a link's token bucket; nil when it has none.
    func limit(_ node: PluginNode, _ namespace: String, _ link: String) throws -> Int? {
        let output = try require("tc", "-j", "-n", namespace, "qdisc", "show", "dev", link)
        let queue = try JSONValue(parsing: Array(output.utf8)).array?.first
        return queue?["kind"]?.string == "tbf" ? queue?["options"]?["rate"]?.int : nil
    }

    /// Bits a second that a stream of `bytes` gets through.
    func rate(from client: String, to server: String, _ address: String, bytes: Int) throws -> Double {
        let output = try Frames.run(
            """
            import threading, time
            enter('\(server)')
            listener = socket.socket()
            listener.bind(('\(address)', 7000))
            listener.listen()
            enter('\(client)')
            sender = socket.create_connection(('\(address)', 7000), 5)
            receiver, _ = listener.accept()
            receiver.settimeout(30)
            def send():
                sender.sendall(bytes(\(bytes)))
                sender.close()
            threading.Thread(target=send).start()
            began, count = time.monotonic(), 0
            while True:
                got = len(receiver.recv(1 << 16))
                if got == 0: break
                count += got
            assert count == \(bytes)
            print(count * 8 / (time.monotonic() - began))
            """)
        return try #require(Double(output))
    }

    @Test func `a stream gets the rate that was given, each way its own`() throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        // As containerd writes it: capital letters, and a burst that means that nobody chose one.
        let wish =
            #""IngressRate":40000000,"IngressBurst":4294967295,"EgressRate":20000000,"EgressBurst":4294967295"#
        let added = try node.call("ADD", config(node, wish), netns: PluginNode.path(pod))
        #expect(added.status == 0, "\(added.message)")
        let host = try #require(added.json?["interfaces"]?.array?.first?["name"]?.string)
        #expect(try limit(node, node.name, host) == 5_000_000)
        #expect(try limit(node, pod, "eth0") == 2_500_000)
        // A machine under load may be slower than the limit, never faster: the burst is a hundredth of the stream.
        let ingress = try rate(from: node.name, to: pod, "10.244.1.2", bytes: 10_000_000)
        #expect((4_000_000...44_000_000).contains(ingress), "\(ingress)")
        let egress = try rate(from: pod, to: node.name, "192.0.2.1", bytes: 6_000_000)
        #expect((2_000_000...22_000_000).contains(egress), "\(egress)")
        print("bandwidth: 40 Mbit/s to the pod gave \(ingress / 1e6), 20 Mbit/s from it \(egress / 1e6)")

        let checking = try AttachTests().with(added.json, config(node, wish))
        #expect(try node.call("CHECK", checking, netns: PluginNode.path(pod)).status == 0)
        try require("tc", "-n", pod, "qdisc", "del", "dev", "eth0", "root")
        let egressGone = try node.call("CHECK", checking, netns: PluginNode.path(pod))
        #expect(egressGone.code == 104)
        #expect(egressGone.message.contains("the interface eth0 in the pod has no bandwidth limit"))
        try require(
            "tc", "-n", node.name, "qdisc", "replace", "dev", host, "root", "tbf", "rate", "1mbit", "burst",
            "64kb", "latency", "25ms")
        let changed = try node.call("CHECK", checking, netns: PluginNode.path(pod))
        #expect(changed.message.contains("is limited to 125000 bytes/s instead of 5000000"))
        #expect(try node.call("DEL", node.config("1.1.0")).status == 0)
        try node.expectClean()
    }

    @Test func `one way may be limited, small rates let whole packets pass, and the configuration goes first`() throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let both =
            #","egressRate":8000,"egressBurst":800,"runtimeConfig":{"bandwidth":{"IngressRate":9999,"IngressBurst":9}}"#
        let added = try node.call("ADD", node.config("1.1.0", more: both), netns: PluginNode.path(pod))
        #expect(added.status == 0, "\(added.message)")
        let host = try #require(added.json?["interfaces"]?.array?.first?["name"]?.string)
        #expect(try limit(node, node.name, host) == nil)
        #expect(try limit(node, pod, "eth0") == 1000)
        _ = try exchangeTCP(client: pod, server: node.name, address: "192.0.2.1", port: 7011)
        #expect(try node.call("DEL", node.config("1.1.0")).status == 0)
        let none = node.config("1.1.0", more: #","ingressRate":0,"runtimeConfig":{"bandwidth":{}}"#)
        #expect(try node.call("ADD", none, netns: PluginNode.path(pod)).status == 0)
        #expect(try limit(node, pod, "eth0") == nil)
    }

    @Test(arguments: [
        #""ingressRate":-1"#, #""ingressRate":"1M""#, #""ingressBurst":8000"#, #""egressRate":1.5"#,
        #""egressRate":8000,"egressBurst":99999999999"#,
    ])
    func `a limit that makes no sense is refused with code 7 and nothing is left`(wish: String) throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let refused = try node.call("ADD", config(node, wish), netns: PluginNode.path(pod))
        #expect(refused.code == 7, "\(refused.message)")
        try node.expectClean()
        #expect(try node.call("DEL", config(node, wish)).status == 0)
    }
}
