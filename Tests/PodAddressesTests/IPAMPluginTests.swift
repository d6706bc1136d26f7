import CNIPlugin
import Foundation
import NetTypes
import PodAddresses
import Testing

/// The verbs of `martlet-ipam`, as a process would call them.
struct IPAMPluginTests {
    let directory = NSTemporaryDirectory() + "mlta\(getpid())x\(UInt32.random(in: 0...UInt32.max))"

    func call(_ command: String, id: String = "c1", _ members: String = "") -> PluginOutput {
        let config = """
            {"cniVersion":"1.1.0","name":"net","ipam":{"type":"martlet-ipam","dataDir":"\(directory)",
             "ranges":[[{"subnet":"10.7.0.0/30"}]]}\(members)}
            """
        let environment: Variables = [
            "CNI_COMMAND": command, "CNI_CONTAINERID": id, "CNI_NETNS": "/none", "CNI_IFNAME": "eth0", "CNI_PATH": "/x",
        ]
        return IPAMPlugin().run(
            PluginInput(environment: environment) { () throws(PluginError) in Array(config.utf8) })
    }

    @Test func `an address is given, checked, told as missing, and taken back`() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        #expect(call("STATUS").status == 0)
        let added = try JSONValue(parsing: Array(call("ADD").output.utf8))
        #expect(added["ips"]?.array?.first?["address"]?.string == "10.7.0.2/30")
        #expect(call("CHECK").status == 0)
        let full = try JSONValue(parsing: Array(call("ADD", id: "c2").output.utf8))
        #expect(full["code"]?.int == 11)
        #expect(call("STATUS").output.contains(#""code":50"#))
        #expect(call("DEL") == PluginOutput())
        #expect(call("DEL") == PluginOutput())
        #expect(call("CHECK").output.contains(#""code":104"#))
        #expect(call("ADD", id: "c2").status == 0)
        #expect(call("GC", #","cni.dev/valid-attachments":[]"#).status == 0)
        #expect(call("ADD").status == 0)
    }

    @Test func `a store that is no directory is an input and output error, with the system's reason`() throws {
        let file = directory
        try "".write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        let answer = try JSONValue(parsing: Array(call("ADD").output.utf8))
        #expect(answer["code"]?.int == 5)
        #expect(answer["details"]?.string?.contains("Not a directory") == true)
    }
}
