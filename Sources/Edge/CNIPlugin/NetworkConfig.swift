/// One plugin's configuration as the runtime sends it: the whole tree, and what all plugins need of it.
package struct NetworkConfig: Sendable {
    package let tree: JSONValue
    /// The network's name, valid by the specification's rule.
    package let name: String
    package let version: SpecVersion

    /// Checks a document: code 6 if it is no object, 7 for its name, 1 for its version.
    package init(_ bytes: [UInt8]) throws(PluginError) {
        do { tree = try JSONValue(parsing: bytes) } catch {
            throw PluginError(.decoding, "the network configuration is not JSON", details: error.description)
        }
        guard tree.members != nil else {
            throw PluginError(.decoding, "the network configuration is not a JSON object")
        }
        guard let name = tree["name"]?.string, !name.isEmpty else {
            throw PluginError(.invalidConfig, "the network configuration has no name")
        }
        guard Names.isIdentifier(name) else { throw PluginError(.invalidConfig, "invalid network name", details: name) }
        self.name = name
        // A configuration without the key is one of version 0.1.0, which we do not speak.
        let text = tree["cniVersion"].map { $0.string ?? $0.description } ?? "0.1.0"
        guard let version = SpecVersion(rawValue: text) else {
            throw PluginError(
                .incompatibleVersion, "incompatible CNI versions",
                details: "config is \"\(text)\", plugin supports \(SpecVersion.allCases.map(\.rawValue))")
        }
        self.version = version
    }

    package var ipam: JSONValue? { tree["ipam"] }

    package var prevResult: JSONValue? { tree["prevResult"] }

    package var runtimeConfig: JSONValue? { tree["runtimeConfig"] }

    /// Where the agent leaves `node.json`: in the plugin's configuration or in its `ipam` part.
    package var stateDirectory: String { ipam?["stateDir"]?.string ?? tree["stateDir"]?.string ?? "/run/martlet" }

    /// The attachments that must stay, for GC; nil when the key is missing, which means "do nothing" and not "none
    /// are valid". The tagged text of 1.1.0 and its later form name the key differently, and runtimes send both.
    package var validAttachments: [AttachmentKey]? {
        guard let list = (tree["cni.dev/valid-attachments"] ?? tree["cni.dev/attachments"])?.array else { return nil }
        return list.compactMap { entry in
            guard let container = entry["containerID"]?.string, let ifname = entry["ifname"]?.string else { return nil }
            return AttachmentKey(containerID: container, ifname: ifname)
        }
    }
}

/// What identifies an attachment within a network.
package struct AttachmentKey: Hashable, Sendable {
    package let containerID: String
    package let ifname: String

    package init(containerID: String, ifname: String) {
        self.containerID = containerID
        self.ifname = ifname
    }
}

/// The specification's rules for names.
package enum Names {
    /// Container ids and network names: a letter or digit, then letters, digits, `_`, `.`, `-`.
    package static func isIdentifier(_ text: String) -> Bool {
        guard let first = text.utf8.first, isAlphanumeric(first) else { return false }
        return text.utf8.allSatisfy { isAlphanumeric($0) || "_.-".utf8.contains($0) }
    }

    /// Interface names: 1 to 15 octets, not `.` or `..`, without `/`, `:` and white space.
    package static func isInterface(_ text: String) -> Bool {
        guard (1...15).contains(text.utf8.count), text != ".", text != ".." else { return false }
        return !text.utf8.contains { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ":") || $0 <= 0x20 || $0 == 0x7f }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
