import DispatchIO
import Glibc
import NetTypes

/// `node.json` in the state directory: what the CNI plugins must know of the node, without asking anybody.
struct NodeState {
    var name: String
    var podCIDRs: [Prefix]
    var mtu: UInt32
    /// Why no pod may be added now.
    var blocked: String?

    /// Writes the file so that a reader sees the old one or the new one, never half of one.
    func write(to directory: String) throws(SystemError) {
        if mkdir(directory, 0o755) != 0, errno != EEXIST { throw SystemError("mkdir \(directory)") }
        try StateFile.write(Array(json.utf8), to: "\(directory)/node.json", synced: true)
    }

    /// The name was checked by the configuration: nothing here needs escaping but what a host name cannot have.
    private var json: String {
        let safe = Self.plain(name)
        let blocked = blocked.map { ",\"blocked\":\"\(Self.plain($0))\"" } ?? ""
        let list = podCIDRs.map { "\"\($0)\"" }.joined(separator: ",")
        return
            "{\"schema\":1,\"name\":\"\(safe)\",\"podCIDRs\":[\(list)],\"mtu\":\(mtu),\"pid\":\(getpid())\(blocked)}\n"
    }

    /// Without what JSON escapes.
    private static func plain(_ text: String) -> String {
        String(text.unicodeScalars.filter { $0 != "\"" && $0 != "\\" && $0.value >= 0x20 })
    }
}
