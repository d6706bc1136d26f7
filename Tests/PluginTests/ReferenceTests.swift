import CNIPlugin
import Foundation
import TestKit
import Testing

/// The behaviours that runtimes know from the reference plugins, asked of both in the same words: `ptp` with
/// `host-local`, as Debian has them, and ours. Where ours differs, the table says why.
struct ReferenceTests {
    struct Call: Sendable, CustomTestStringConvertible {
        let name: String
        var environment: [String: String] = [:]
        /// TYPE, IPAM, STATEDIR and NETNS are filled in.
        var config = #"{"cniVersion":"1.0.0","name":"net","type":"TYPE","ipam":IPAM}"#
        /// The reference's exit status and code, then ours where they differ.
        let reference: Int
        var ours: Int?
        /// What both messages contain.
        var words = ""
        var testDescription: String { name }
    }

    static let complete = [
        "CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c1", "CNI_NETNS": "NETNS", "CNI_IFNAME": "eth0", "CNI_PATH": "PATH",
    ]

    static let calls: [Call] = [
        Call(
            name: "unknown verb", environment: ["CNI_COMMAND": "PLAY"], reference: 4, words: "unknown CNI_COMMAND: PLAY"
        ),
        Call(
            name: "all variables missing",
            environment: [
                "CNI_CONTAINERID": "", "CNI_NETNS": "", "CNI_IFNAME": "", "CNI_PATH": "",
            ], reference: 4,
            words: "required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH] missing"),
        Call(
            name: "DEL without path", environment: ["CNI_COMMAND": "DEL", "CNI_PATH": ""], reference: 4,
            words: "required env variables [CNI_PATH] missing"),
        Call(name: "no JSON", config: "{", reference: 6),
        Call(name: "empty input", config: "", reference: 6),
        Call(name: "no name", config: #"{"cniVersion":"1.0.0","type":"TYPE"}"#, reference: 7),
        Call(
            name: "bad name", config: #"{"cniVersion":"1.0.0","name":"a b","type":"TYPE"}"#, reference: 7,
            words: "a b"),
        Call(name: "bad id", environment: ["CNI_CONTAINERID": "-c"], reference: 4, words: "-c"),
        Call(name: "id with dots", environment: ["CNI_CONTAINERID": "../c"], reference: 4),
        Call(name: "long interface name", environment: ["CNI_IFNAME": "sixteen-letters0"], reference: 4),
        Call(name: "interface name ..", environment: ["CNI_IFNAME": ".."], reference: 4),
        Call(name: "interface name with slash", environment: ["CNI_IFNAME": "a/b"], reference: 4),
        Call(
            name: "CHECK of 0.3.1", environment: ["CNI_COMMAND": "CHECK"],
            config: #"{"cniVersion":"0.3.1","name":"net","type":"TYPE","ipam":IPAM}"#, reference: 1,
            words: "config version does not allow CHECK"),
        Call(
            name: "version of the future", config: #"{"cniVersion":"9.0.0","name":"net","type":"TYPE","ipam":IPAM}"#,
            reference: 1, words: "incompatible CNI versions"),
        // Debian's 1.1.1 plugs the node into itself; newer ones refuse, after they have done so.
        Call(name: "own namespace", environment: ["CNI_NETNS": "/proc/self/ns/net"], reference: 0, ours: 8),
        // Code 999 is the library's "internal"; the specification has 8 for it.
        Call(name: "no namespace", environment: ["CNI_NETNS": "/var/run/netns/none"], reference: 999, ours: 8),
        // ptp without ipam.type looks for a plugin without a name.
        Call(
            name: "no IPAM", config: #"{"cniVersion":"1.0.0","name":"net","type":"TYPE","ipam":{}}"#, reference: 999,
            ours: 7),
        // Debian's end at 1.0.0; ours speak 1.1.0, and here no agent runs.
        Call(
            name: "STATUS", environment: ["CNI_COMMAND": "STATUS"],
            config: #"{"cniVersion":"1.1.0","name":"net","type":"TYPE","stateDir":"STATEDIR","ipam":IPAM}"#,
            reference: 4, ours: 50),
        Call(
            name: "GC", environment: ["CNI_COMMAND": "GC"],
            config: #"{"cniVersion":"1.1.0","name":"net","type":"TYPE","ipam":IPAM}"#, reference: 4, ours: 0),
        Call(name: "VERSION", environment: ["CNI_COMMAND": "VERSION"], config: "", reference: 0),
        Call(name: "no command", environment: ["CNI_COMMAND": ""], config: "", reference: 0),
        Call(name: "DEL of nothing", environment: ["CNI_COMMAND": "DEL"], reference: 0),
        Call(name: "DEL without namespace", environment: ["CNI_COMMAND": "DEL", "CNI_NETNS": ""], reference: 0),
        Call(
            name: "DEL with a namespace that is gone",
            environment: ["CNI_COMMAND": "DEL", "CNI_NETNS": "/var/run/netns/none"], reference: 0),
        Call(name: "ADD", reference: 0),
    ]

    @Test(arguments: calls)
    func `what the reference does is what we do, but for where it is wrong`(call: Call) throws {
        for isOurs in [false, true] {
            let node = try PluginNode()
            let pod = try node.makePod()
            let binary = isOurs ? try martletBinary("martlet") : "/usr/lib/cni/ptp"
            let ipam =
                isOurs
                ? #"{"type":"martlet-ipam","subnet":"10.99.0.0/24","dataDir":"\#(node.directory)/a"}"# : node.hostLocal
            var environment = Self.complete.merging(call.environment) { $1 }
            if environment["CNI_NETNS"] == "NETNS" { environment["CNI_NETNS"] = PluginNode.path(pod) }
            if environment["CNI_PATH"] == "PATH" { environment["CNI_PATH"] = "/usr/lib/cni" }
            environment = environment.filter { !$0.value.isEmpty }
            let config = call.config.replacingOccurrences(of: "TYPE", with: isOurs ? "martlet" : "ptp")
                .replacingOccurrences(of: "IPAM", with: ipam)
                .replacingOccurrences(of: "STATEDIR", with: node.directory)
            let finished = try run(
                ["ip", "netns", "exec", node.name, binary], input: config, environment: environment)
            let json = try? JSONValue(parsing: Array(finished.output.utf8))
            let code = json?["code"]?.int ?? 0
            let text = "\(finished.output)\(finished.errors)"
            #expect(
                code == (isOurs ? call.ours ?? call.reference : call.reference), "\(isOurs ? "ours" : "ptp"): \(text)")
            #expect((finished.status == 0) == (code == 0), "\(text)")
            #expect(call.words.isEmpty || text.contains(call.words), "\(text)")
            // Ours tells in which version it answers, which the reference leaves out of its errors.
            if isOurs, code != 0 { #expect(json?["cniVersion"] != nil) }
            if isOurs, call.name != "ADD" { try node.expectClean() }
        }
    }

    @Test(arguments: ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])
    func `in a chain the earlier result and unknown keys survive unchanged`(version: String) throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let earlier = """
            {"cniVersion":"\(version)","interfaces":[{"name":"lo0","mac":"table:100","sandbox":"/x","odd":[1.50]}],\
            "ips":[\(version < "1.0.0" ? #"{"version":"4","# : "{")"address":"10.1.1.1/24","interface":0,"odd":true}],\
            "routes":[{"dst":"10.1.0.0/16","odd":null}],"dns":{"domain":"d"},"mystery":{"Deep":1e2}}
            """
        let added = try node.call(
            "ADD", node.config(version, more: #","surprise":{"a":[]},"prevResult":\#(earlier)"#),
            netns: PluginNode.path(pod))
        let result = try #require(added.json, "\(added.message)")
        let before = try JSONValue(parsing: Array(earlier.utf8))
        #expect(result["mystery"] == before["mystery"])
        #expect(result["dns"] == before["dns"])
        for key in ["interfaces", "ips", "routes"] {
            #expect(result[key]?.array?.first == before[key]?.array?.first, "\(key)")
        }
        #expect(result["interfaces"]?.array?.count == 3)
        #expect(result["ips"]?.array?.dropFirst().allSatisfy { $0["interface"]?.int == 2 } == true)
        let config = try AttachTests().with(result, node.config(version))
        let netns = PluginNode.path(pod)
        #expect(try node.call("CHECK", config, netns: netns).code == (version < "0.4.0" ? 1 : nil))
        #expect(try node.call("DEL", config, netns: netns).status == 0)
        try node.expectClean()
    }

    @Test func `hostile names, deep JSON and too much of it get the right code and leave nothing`() throws {
        let node = try PluginNode()
        let pod = try node.makePod()
        let netns = PluginNode.path(pod)
        func code(_ config: String, id: String = "c1", ifname: String = "eth0", path: String? = nil) throws -> Int? {
            try node.call("ADD", config, id: id, netns: path ?? netns, ifname: ifname).code
        }
        let deep = String(repeating: "[", count: 50_000) + String(repeating: "]", count: 50_000)
        #expect(try code(node.config("1.1.0", more: #","x":\#(deep)"#)) == 6)
        let padding = String(repeating: " ", count: 1 << 20)
        #expect(try code(padding + node.config("1.1.0")) == 6)
        for id in ["..", "../../etc", "a/b", "a b", "a\nb", "-rf", "\u{e9}", String(repeating: "/", count: 3000)] {
            #expect(try code(node.config("1.1.0"), id: id) == 4, "\(id)")
        }
        for name in [".", "..", "a/b", "a:b", "a\tb", "a\u{7f}"] {
            #expect(try code(node.config("1.1.0"), ifname: name) == 4, "\(name)")
        }
        let escape = node.config("1.1.0").replacingOccurrences(of: #""name":"martlet""#, with: #""name":"../../x""#)
        #expect(try code(escape) == 7)
        for path in ["/etc/passwd", "/", "/var/run/netns/../netns", "/dev/zero", "relative"] {
            #expect(try code(node.config("1.1.0"), path: path) == 8, "\(path)")
        }
        // An id of any length is a file name and a part of an alias: what does not fit is refused, or works whole.
        for length in [200, 255, 300, 4000] {
            let id = String(repeating: "a", count: length)
            let answer = try node.call("ADD", node.config("1.1.0"), id: id, netns: netns)
            let deleted = try node.call("DEL", node.config("1.1.0"), id: id, netns: netns)
            #expect(answer.status == 0 || answer.code == 5 || answer.code == 4, "\(length): \(answer.message)")
            #expect(deleted.status == 0, "\(length): \(deleted.message)")
            try node.expectClean()
        }
        #expect(try node.links(pod) == [])
    }
}
