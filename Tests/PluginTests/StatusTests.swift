import CNIPlugin
import Foundation
import TestKit
import Testing

/// STATUS and GC of the real binary, with an agent that is played by its files.
struct StatusTests {
    @Test func `no agent is 50, no session yet is 50, lost sessions are 51, and a session is ready`() throws {
        let node = try PluginNode()
        let config = node.config("1.1.0")
        var answer = try node.call("STATUS", config)
        #expect(answer.code == 50)
        #expect(answer.message.contains("martletd is not running"))
        let agent = try DeferredTests.Agent(node)
        #expect(try node.call("STATUS", config).status == 0)
        try node.tellSessions(configured: 2, established: 0, hadSession: false)
        answer = try node.call("STATUS", config)
        #expect(answer.code == 50)
        #expect(answer.message.contains("no BGP session has been established yet"))
        #expect(answer.message.contains("2 peers are configured, none is up"))
        try node.tellSessions(configured: 2, established: 0, hadSession: true)
        answer = try node.call("STATUS", config)
        #expect(answer.code == 51)
        #expect(answer.message.contains("all BGP sessions are lost"))
        try node.tellSessions(configured: 2, established: 1, hadSession: true)
        #expect(try node.call("STATUS", config).status == 0)
        // A node that has nobody to speak with needs no session.
        try node.tellSessions(configured: 0, established: 0, hadSession: false)
        #expect(try node.call("STATUS", config).status == 0)
        withExtendedLifetime(agent) {}
    }

    @Test func `a damaged or missing file of the agent is 50 with a reason`() throws {
        let node = try PluginNode()
        let agent = try DeferredTests.Agent(node)
        for text in ["", "{", "{}", #"{"schema":2,"configured":1,"established":1,"hadSession":true}"#] {
            try text.write(toFile: "\(node.directory)/sessions.json", atomically: true, encoding: .utf8)
            #expect(try node.call("STATUS", node.config("1.1.0")).code == 50, "\(text)")
        }
        try FileManager.default.removeItem(atPath: "\(node.directory)/sessions.json")
        #expect(try node.call("STATUS", node.config("1.1.0")).message.contains("not told of its sessions"))
        withExtendedLifetime(agent) {}
    }

    @Test func `a full pool is 50 also when all sessions are lost, and a delegate's own STATUS is passed on`() throws {
        let node = try PluginNode(podCIDRs: ["10.244.1.0/30"])
        let agent = try DeferredTests.Agent(node)
        let pod = try node.makePod()
        try node.tellSessions(configured: 1, established: 0, hadSession: true)
        #expect(try node.call("STATUS", node.config("1.1.0")).code == 51)
        #expect(try node.call("ADD", node.config("1.1.0"), netns: PluginNode.path(pod)).status == 0)
        #expect(try node.call("STATUS", node.config("1.1.0")).code == 50)
        try node.tellSessions(configured: 1, established: 1, hadSession: true)
        let path = "\(node.directory)/picky"
        let error = #"{"cniVersion":"1.1.0","code":50,"msg":"no lease server"}"#
        try "#!/bin/sh\necho '\(error)'\nexit 1\n".write(toFile: path, atomically: true, encoding: .utf8)
        try require("chmod", "+x", path)
        let config = node.config("1.1.0", ipam: #"{"type":"picky"}"#)
        let answer = try node.call("STATUS", config, searchPath: node.directory)
        #expect(answer.code == 50 && answer.message.contains("no lease server"))
        withExtendedLifetime(agent) {}
    }

    @Test(arguments: ["cni.dev/valid-attachments", "cni.dev/attachments"], [true, false])
    func `GC under both names of its key removes what is not valid, and without the key nothing`(
        key: String, inProcess: Bool
    ) throws {
        let node = try PluginNode()
        let ipam = #"{"type":"martlet-ipam","subnet":"usePodCidr","inProcess":\#(inProcess)}"#
        let pods = try ["a", "b", "c"].map { try node.makePod($0) }
        let config = node.config("1.1.0", ipam: ipam)
        for pod in pods {
            #expect(try node.call("ADD", config, id: "c\(pod.suffix(1))", netns: PluginNode.path(pod)).status == 0)
        }
        let before = node.allocated
        #expect(try node.call("GC", config).status == 0)
        #expect(node.allocated == before)
        let valid = #","\#(key)":[{"containerID":"cb","ifname":"eth0"}]"#
        #expect(try node.call("GC", node.config("1.1.0", ipam: ipam, more: valid)).status == 0)
        #expect(node.allocated.filter { $0.contains("@") } == ["cb@eth0"])
        #expect(node.allocated.count == 3)
        #expect(try node.links(node.name).count == 1)
        #expect(try node.links(pods[1]) == ["eth0"])
        #expect(try node.call("GC", node.config("1.1.0", ipam: ipam, more: #","\#(key)":[]"#)).status == 0)
        try node.expectClean()
    }

    @Test func `addresses are asked for by annotation, kept from pods by reservation, and come from every podCIDR`()
        throws
    {
        let node = try PluginNode(podCIDRs: ["10.244.1.0/30", "10.244.9.0/29", "fd00:10:244:1::/64"])
        let ipam =
            #"{"type":"martlet-ipam","subnet":"usePodCidr","reserved":["10.244.9.2-10.244.9.4","fd00:10:244:1::2"]}"#
        func add(_ id: String, _ annotations: String) throws -> PluginNode.Answer {
            let runtime = #","runtimeConfig":{"io.kubernetes.cri.pod-annotations":{\#(annotations)}}"#
            return try node.call(
                "ADD", node.config("1.1.0", ipam: ipam, more: runtime), id: id,
                netns: PluginNode.path(node.makePod(id)))
        }
        #expect(try add("c1", "").addresses == ["10.244.1.2/32", "fd00:10:244:1::3/128"])
        #expect(try add("c2", "").addresses == ["10.244.9.5/32", "fd00:10:244:1::4/128"])
        let asked = #""martlet.dev/ips":"10.244.9.6, fd00:10:244:1::77""#
        #expect(try add("c3", asked).addresses == ["10.244.9.6/32", "fd00:10:244:1::77/128"])
        let calico = #""cni.projectcalico.org/ipAddrs":"[\"10.244.9.6\"]""#
        #expect(try add("c4", calico).code == 102)
        let reserved = try add("c5", #""martlet.dev/ips":"10.244.9.3""#)
        #expect(reserved.code == 7 && reserved.message.contains("is reserved"))
        let full = try add("c6", "")
        #expect(full.code == 11)
        #expect(full.message.contains("6 given out, 0 at rest"), "\(full.message)")
        #expect(try add("c7", #""martlet.dev/ips":"many""#).code == 7)
    }
}
