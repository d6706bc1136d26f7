import CNIPlugin
import Foundation
import TestKit
import Testing

/// What a runtime wishes for a pod in CNI_ARGS: podman's `--ip` and `--mac-address` come so.
struct RuntimeWishTests {
    private let ipam = #"{"type":"martlet-ipam","ranges":[[{"subnet":"10.7.0.0/24"}]]}"#

    @Test func `an address and a MAC in CNI_ARGS are the pod's`() throws {
        let node = try PluginNode(podCIDRs: nil)
        let pod = try node.makePod()
        let added = try node.call(
            "ADD", node.config("1.0.0", ipam: ipam, more: #","mtu":1400"#), netns: PluginNode.path(pod),
            arguments: "IgnoreUnknown=1;K8S_POD_NAME=job;MAC=02:aa:bb:cc:dd:ee;IP=10.7.0.99")
        #expect(added.addresses == ["10.7.0.99/32"], "\(added.message)")
        let link = try #require(try node.ip(pod, "link", "show", "eth0").first)
        #expect(link["address"]?.string == "02:aa:bb:cc:dd:ee")
        #expect(added.json?["interfaces"]?.array?.last?["mac"]?.string == "02:aa:bb:cc:dd:ee")
    }

    @Test func `the capability goes before CNI_ARGS`() throws {
        let node = try PluginNode(podCIDRs: nil)
        let pod = try node.makePod()
        let added = try node.call(
            "ADD",
            node.config("1.0.0", ipam: ipam, more: #","mtu":1400,"runtimeConfig":{"mac":"02:00:00:00:00:01"}"#),
            netns: PluginNode.path(pod), arguments: "MAC=02:aa:bb:cc:dd:ee")
        #expect(added.json?["interfaces"]?.array?.last?["mac"]?.string == "02:00:00:00:00:01", "\(added.message)")
    }

    @Test(arguments: ["nonsense", "01:00:5e:00:00:01"])
    func `a MAC that is none is refused and leaves nothing`(text: String) throws {
        let node = try PluginNode(podCIDRs: nil)
        let pod = try node.makePod()
        let config = node.config("1.0.0", ipam: ipam, more: #","mtu":1400"#)
        let answer = try node.call("ADD", config, netns: PluginNode.path(pod), arguments: "MAC=\(text)")
        #expect(answer.code == 7)
        #expect(answer.message.contains("MAC") && answer.message.contains(text), "\(answer.message)")
        try node.expectClean()
    }
}
