import CNIPlugin
import Foundation
import TestKit
import Testing

/// The calls of CRI-O, which Debian has no package of, in the words of its library: keys in small letters, capabilities
/// that are nobody's, the cached result in CHECK and DEL, STATUS and GC since 1.1.0.
struct CRIOTests {
    private let id = String(repeating: "5c1a", count: 16)

    private var arguments: String {
        "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=\(id);"
            + "K8S_POD_UID=1f0c2a44-6d1e-4d0c-9f7e-0a5b6c7d8e9f"
    }

    private func config(_ node: PluginNode, _ version: String, more: String = "") -> String {
        let runtime = """
            {"aliases":{"martlet":["web-0"]},"bandwidth":{"ingressRate":10000000,"egressRate":20000000},\
            "cgroupPath":"/kubepods.slice/kubepods-pod1.slice","ips":["10.244.1.44"],\
            "portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp","hostIP":""}]}
            """
        let capabilities = #"{"portMappings":true,"bandwidth":true,"ips":true}"#
        return node.config(
            version, more: #","capabilities":\#(capabilities),"runtimeConfig":\#(runtime)\#(more)"#)
    }

    @Test(arguments: ["0.4.0", "1.0.0", "1.1.0"])
    func `from the start of a node to a pod's end each call of CRI-O is answered, and nothing is left`(
        version: String
    ) throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let netns = PluginNode.path(pod)
        if version == "1.1.0" {
            let agent = try DeferredTests.Agent(node)
            #expect(try node.call("STATUS", node.config(version)).status == 0)
            withExtendedLifetime(agent) {}
            let none = node.config(version, more: #","cni.dev/attachments":[],"cni.dev/valid-attachments":[]"#)
            #expect(try node.call("GC", none).status == 0)
        }
        let added = try node.call("ADD", config(node, version), id: id, netns: netns, arguments: arguments)
        #expect(added.addresses.first == "10.244.1.44/32", "\(added.message)")
        let host = try #require(added.json?["interfaces"]?.array?.first?["name"]?.string)
        let link = try #require(try node.ip(node.name, "link", "show", host).first)
        #expect(link["ifalias"]?.string == "martlet \(id) eth0 martlet shop/web-0")
        #expect(try node.table(HostPortTests.table).contains("8080"))

        let cached = try AttachTests().with(added.json, config(node, version))
        // CRI-O checks whenever kubelet asks for a sandbox's state.
        for _ in 0..<2 {
            let checked = try node.call("CHECK", cached, id: id, netns: netns, arguments: arguments)
            #expect(checked.status == 0, "\(checked.message)")
        }
        if version == "1.1.0" {
            let valid = #","cni.dev/valid-attachments":[{"containerID":"\#(id)","ifname":"eth0"}]"#
            #expect(try node.call("GC", node.config(version, more: valid)).status == 0)
            #expect(try node.links(node.name) == [host])
        }
        let deleted = try node.call("DEL", cached, id: id, netns: netns, arguments: arguments)
        #expect(deleted.status == 0, "\(deleted.message)")
        // After a restart it deletes again, without a namespace and without what it had cached.
        #expect(try node.call("DEL", config(node, version), id: id, arguments: arguments).status == 0)
        try node.expectClean()
        #expect(try node.table(HostPortTests.table).isEmpty)
        #expect(node.marks == [])
    }
}
