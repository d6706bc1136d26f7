import CNIPlugin
import Testing

/// A plugin that returns its configuration, to see what arrives.
struct EchoPlugin: Plugin {
    let about = "echo"
    var failure: PluginError?

    func add(_ request: Request) throws(PluginError) -> JSONValue {
        if let failure { throw failure }
        return request.config.tree
    }
    func check(_ request: Request) throws(PluginError) {}
    func del(_ request: Request) throws(PluginError) {}
    func status(_ request: Request) throws(PluginError) { throw PluginError(.notAvailable, "no podCIDRs") }
    func gc(_ request: Request) throws(PluginError) {}
}

/// A call that works, to be changed.
func environment(_ command: String, _ changes: [String: String] = [:]) -> Variables {
    let call = [
        "CNI_COMMAND": command, "CNI_CONTAINERID": "c1", "CNI_NETNS": "/var/run/netns/x", "CNI_IFNAME": "eth0",
        "CNI_PATH": "/opt/cni/bin",
    ]
    return Variables(call.merging(changes) { _, new in new })
}

func call(
    _ environment: Variables, _ config: String = #"{"cniVersion":"1.1.0","name":"net"}"#,
    plugin: EchoPlugin = EchoPlugin(), own: Bool = false
) -> PluginOutput {
    plugin.run(
        PluginInput(environment: environment, isOwnNamespace: { _ in own }) { () throws(PluginError) in
            Array(config.utf8)
        })
}

struct PluginCallTests {
    func error(_ output: PluginOutput) throws -> JSONValue {
        #expect(output.status == 1)
        return try JSONValue(parsing: Array(output.output.utf8))
    }

    @Test func `without a command the plugin says what it is and succeeds`() {
        let output = call([:])
        #expect(output.status == 0)
        #expect(output.output.isEmpty)
        #expect(output.errors == "echo\nCNI protocol versions supported: 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n")
    }

    @Test(arguments: ["", "{", #"{"cniVersion":"9.9.9"}"#])
    func `VERSION lists exactly what we speak, whatever is on standard input`(config: String) {
        let expected =
            #"{"cniVersion":"1.1.0","supportedVersions":["0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}"# + "\n"
        #expect(call(["CNI_COMMAND": "VERSION"], config) == PluginOutput(output: expected))
    }

    @Test func `all missing variables are named, in order`() throws {
        let cases = [
            ("ADD", "[CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH]"),
            ("CHECK", "[CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH]"),
            ("DEL", "[CNI_CONTAINERID,CNI_IFNAME,CNI_PATH]"), ("STATUS", "[CNI_PATH]"), ("GC", "[CNI_PATH]"),
        ]
        for (command, names) in cases {
            let error = try error(call(["CNI_COMMAND": command]))
            #expect(error["code"]?.int == 4)
            #expect(error["msg"]?.string == "required env variables \(names) missing")
            #expect(error["cniVersion"]?.string == "1.1.0")
        }
    }

    @Test(arguments: [
        ("PLAY", [:], #"{"cniVersion":"1.1.0","name":"net"}"#, 4),
        ("ADD", [:], "{", 6),
        ("ADD", [:], "[]", 6),
        ("ADD", [:], #"{"cniVersion":"1.1.0"}"#, 7),
        ("ADD", [:], #"{"cniVersion":"1.1.0","name":""}"#, 7),
        ("ADD", [:], #"{"cniVersion":"1.1.0","name":"a b"}"#, 7),
        ("ADD", [:], #"{"cniVersion":"1.1.0","name":"../a"}"#, 7),
        ("ADD", [:], #"{"name":"net"}"#, 1),
        ("ADD", [:], #"{"cniVersion":"0.2.0","name":"net"}"#, 1),
        ("ADD", [:], #"{"cniVersion":"2.0.0","name":"net"}"#, 1),
        ("CHECK", [:], #"{"cniVersion":"0.3.1","name":"net"}"#, 1),
        ("STATUS", [:], #"{"cniVersion":"1.0.0","name":"net"}"#, 1),
        ("GC", [:], #"{"cniVersion":"1.0.0","name":"net"}"#, 1),
        ("ADD", ["CNI_CONTAINERID": "-c"], #"{"cniVersion":"1.1.0","name":"net"}"#, 4),
        ("ADD", ["CNI_CONTAINERID": "a/../b"], #"{"cniVersion":"1.1.0","name":"net"}"#, 4),
        ("ADD", ["CNI_IFNAME": "sixteen-letters0"], #"{"cniVersion":"1.1.0","name":"net"}"#, 4),
        ("DEL", ["CNI_IFNAME": ".."], #"{"cniVersion":"1.1.0","name":"net"}"#, 4),
        ("ADD", ["CNI_IFNAME": "a b"], #"{"cniVersion":"1.1.0","name":"net"}"#, 4),
        ("ADD", ["CNI_IFNAME": "a:b"], #"{"cniVersion":"1.1.0","name":"net"}"#, 4),
        ("STATUS", [:], #"{"cniVersion":"1.1.0","name":"net"}"#, 50),
    ])
    func `each fault has its code`(command: String, changes: [String: String], config: String, code: Int) throws {
        #expect(try error(call(environment(command, changes), config))["code"]?.int == code)
    }

    @Test func `the plugin's own namespace is refused before anything is done`() throws {
        for command in ["ADD", "DEL"] {
            #expect(try error(call(environment(command), own: true))["code"]?.int == 8)
            #expect(call(environment(command, ["CNI_NETNS_OVERRIDE": "1"]), own: true).status == 0)
        }
        #expect(call(environment("CHECK"), own: true).status == 0)
    }

    @Test func `DEL needs no namespace, GC and STATUS no container`() throws {
        #expect(call(environment("DEL", ["CNI_NETNS": ""]), own: true) == PluginOutput())
        #expect(call(["CNI_COMMAND": "GC", "CNI_PATH": "/x"]) == PluginOutput())
        #expect(try error(call(["CNI_COMMAND": "STATUS", "CNI_PATH": "/x"]))["msg"]?.string == "no podCIDRs")
    }

    @Test func `an error carries the configuration's version, its texts, and its code`() throws {
        let plugin = EchoPlugin(failure: PluginError(.tryAgainLater, "full", details: "10.0.0.0/24"))
        let output = call(environment("ADD"), #"{"cniVersion":"0.4.0","name":"net"}"#, plugin: plugin)
        #expect(output.output == #"{"cniVersion":"0.4.0","code":11,"msg":"full","details":"10.0.0.0/24"}"# + "\n")
    }

    @Test func `unknown keys reach the plugin unchanged`() {
        let config = #"{"cniVersion":"1.0.0","name":"net","mystery":{"Deep":[1.0,null]},"prevResult":{"x":1e3}}"#
        #expect(call(environment("ADD"), config).output == config + "\n")
    }

    @Test func `arguments are pairs, and what is none is skipped`() throws {
        let config = try NetworkConfig(Array(#"{"cniVersion":"1.0.0","name":"net"}"#.utf8))
        let text = "IgnoreUnknown=1;K8S_POD_NAME=web;;junk;IP=10.0.0.1=2"
        let request = try Request(.add, environment: environment("ADD", ["CNI_ARGS": text]), config: config)
        #expect(request.arguments == ["IgnoreUnknown": "1", "K8S_POD_NAME": "web", "IP": "10.0.0.1=2"])
    }

    @Test func `both keys of GC are read, and no key is not an empty list`() throws {
        func valid(_ member: String) throws -> [AttachmentKey]? {
            try NetworkConfig(Array(#"{"cniVersion":"1.1.0","name":"net"\#(member)}"#.utf8)).validAttachments
        }
        let list = #"[{"containerID":"a","ifname":"eth0"},{"bad":1}]"#
        #expect(
            try valid(#","cni.dev/valid-attachments":\#(list)"#) == [AttachmentKey(containerID: "a", ifname: "eth0")])
        #expect(try valid(#","cni.dev/attachments":\#(list)"#)?.count == 1)
        #expect(try valid(#","cni.dev/attachments":[]"#) == [])
        #expect(try valid("") == nil)
    }
}
