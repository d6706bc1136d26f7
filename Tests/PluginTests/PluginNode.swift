import CNIPlugin
import Foundation
import TestKit
import Testing

/// A node made of network namespaces, with a state directory; all of it goes away with the value.
final class PluginNode: @unchecked Sendable {
    let name: String
    let directory: String
    private let lock = NSLock()
    private var namespaces: [String] = []

    /// - Parameter podCIDRs: what the agent would have written; nil when no agent has run yet.
    init(podCIDRs: [String]? = ["10.244.1.0/24", "fd00:10:244:1::/64"], mtu: Int = 1400) throws {
        name = "mltn\(getpid())x\(UInt32.random(in: 0...UInt32.max))"
        directory = NSTemporaryDirectory() + name
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try makeNamespace(name)
        try require("ip", "-n", name, "link", "set", "lo", "up")
        try require("ip", "-n", name, "addr", "add", "192.0.2.1/32", "dev", "lo")
        try require("ip", "-n", name, "addr", "add", "2001:db8::1/128", "dev", "lo", "nodad")
        if let podCIDRs {
            let list = podCIDRs.map { "\"\($0)\"" }.joined(separator: ",")
            let state = "{\"schema\":1,\"name\":\"n\",\"podCIDRs\":[\(list)],\"mtu\":\(mtu),\"pid\":1}"
            try state.write(toFile: "\(directory)/node.json", atomically: true, encoding: .utf8)
            try tellSessions(configured: 1, established: 1, hadSession: true)
        }
    }

    /// What the agent would have written of its sessions.
    func tellSessions(configured: Int, established: Int, hadSession: Bool) throws {
        let text =
            "{\"schema\":1,\"configured\":\(configured),\"established\":\(established),\"hadSession\":\(hadSession)}"
        try text.write(toFile: "\(directory)/sessions.json", atomically: true, encoding: .utf8)
    }

    deinit {
        for namespace in namespaces { _ = try? run(["ip", "netns", "del", namespace]) }
        try? FileManager.default.removeItem(atPath: directory)
    }

    private func makeNamespace(_ name: String) throws {
        try require("ip", "netns", "add", name)
        lock.withLock { namespaces.append(name) }
    }

    /// Makes a pod's namespace; returns its name.
    func makePod(_ suffix: String = "p") throws -> String {
        let pod = name + suffix
        try makeNamespace(pod)
        return pod
    }

    static func path(_ namespace: String) -> String { "/var/run/netns/\(namespace)" }

    /// Our plugin's configuration with an `ipam` part and more members.
    func config(_ version: String, ipam: String = #"{"type":"martlet-ipam","subnet":"usePodCidr"}"#, more: String = "")
        -> String
    {
        """
        {"cniVersion":"\(version)","name":"martlet","type":"martlet","stateDir":"\(directory)","ipam":\(ipam)\(more)}
        """
    }

    /// A host-local part for IPv4, with its store in the node's directory.
    var hostLocal: String {
        #"{"type":"host-local","dataDir":"\#(directory)/host-local","ranges":[[{"subnet":"10.99.0.0/24"}]]}"#
    }

    struct Answer {
        let status: Int32
        let json: JSONValue?
        let errors: String
        var code: Int? { json?["code"]?.int }
        var message: String { "\(json?["msg"]?.string ?? "") \(json?["details"]?.string ?? "") \(errors)" }
        var addresses: [String] { (json?["ips"]?.array ?? []).compactMap { $0["address"]?.string } }
    }

    /// Runs a plugin in the node's namespace as a runtime does.
    func call(
        _ command: String, _ config: String, id: String = "c1", netns: String? = nil, ifname: String = "eth0",
        plugin: String = "martlet", arguments: String = "", searchPath: String? = nil, prefix: [String] = []
    ) throws -> Answer {
        let own = try Self.directory(martletBinary("martlet"))
        let ipam = try Self.directory(martletBinary("martlet-ipam"))
        let path = searchPath ?? "\(own):\(ipam):/usr/lib/cni"
        let binary = plugin.hasPrefix("/") ? plugin : try martletBinary(plugin)
        let environment = [
            "CNI_COMMAND": command, "CNI_CONTAINERID": id, "CNI_NETNS": netns ?? "", "CNI_IFNAME": ifname,
            "CNI_PATH": path,
            "CNI_ARGS": arguments,
        ]
        let finished = try run(prefix + ["ip", "netns", "exec", name, binary], input: config, environment: environment)
        return Answer(
            status: finished.status, json: try? JSONValue(parsing: Array(finished.output.utf8)), errors: finished.errors
        )
    }

    private static func directory(_ path: String) -> String { (path as NSString).deletingLastPathComponent }

    /// `ip -j ARGUMENTS` in a namespace.
    func ip(_ namespace: String, _ arguments: String...) throws -> [JSONValue] {
        let output = try run(["ip", "-j", "-n", namespace] + arguments).output
        return output.isEmpty ? [] : try JSONValue(parsing: Array(output.utf8)).array ?? []
    }

    /// Names of the links in a namespace, without loopback.
    func links(_ namespace: String) throws -> [String] {
        try ip(namespace, "link").compactMap { $0["ifname"]?.string }.filter { $0 != "lo" }
    }

    /// What our IPAM has given out in this node.
    var allocated: Set<String> {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: "\(directory)/ipam/martlet")) ?? []
        return Set(files.filter { !$0.hasPrefix("last.") && !$0.hasPrefix(".") && $0 != "lock" })
    }

    /// Nothing of any attachment is left in the node.
    func expectClean(_ location: SourceLocation = #_sourceLocation) throws {
        #expect(try links(name) == [], sourceLocation: location)
        #expect(allocated == [], sourceLocation: location)
        #expect(try ip(name, "route", "show", "proto", "180").isEmpty, sourceLocation: location)
        #expect(try ip(name, "-6", "route", "show", "proto", "180").isEmpty, sourceLocation: location)
    }
}
