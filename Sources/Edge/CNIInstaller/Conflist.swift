import CNIPlugin

/// Why something was not installed: what is wrong; what to do.
package struct InstallError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// A list of plugins, as runtimes read it from their configuration directory. Keys that are not known stay.
package struct Conflist: Hashable, Sendable {
    package private(set) var tree: JSONValue

    /// Reads a list; `name` is what problems call it.
    package init(_ bytes: [UInt8], name: String) throws(InstallError) {
        do { tree = try JSONValue(parsing: bytes) } catch {
            throw InstallError("\(name) is not JSON (\(error)); mend it, or move it away")
        }
        guard let plugins = tree["plugins"]?.array, !plugins.isEmpty else {
            throw InstallError("\(name) has no list \"plugins\": it is no list of plugins; mend it, or move it away")
        }
        guard plugins.allSatisfy({ $0["type"]?.string?.isEmpty == false }) else {
            throw InstallError("\(name) has a plugin without a type; mend it, or move it away")
        }
    }

    package var plugins: [JSONValue] { tree["plugins"]?.array ?? [] }

    /// The plugins' types in order.
    package var types: [String] { plugins.compactMap { $0["type"]?.string } }

    /// The versions that the list asks for: `cniVersion`, which every runtime reads, and `cniVersions`, of which newer
    /// ones take the highest that they know.
    package var versions: [String] {
        let first = tree["cniVersion"]?.string.map { [$0] } ?? []
        return first + (tree["cniVersions"]?.array ?? []).compactMap(\.string).filter { !first.contains($0) }
    }

    /// Writes one version for all runtimes, and the list for newer ones if there is more than one.
    mutating func setVersions(_ versions: [SpecVersion], first: SpecVersion) {
        var members = (tree.members ?? []).filter { !["cniVersion", "cniVersions"].contains($0.name) }
        var own = [JSONMember("cniVersion", .string(first.rawValue))]
        if versions.count > 1 {
            own.append(JSONMember("cniVersions", .array(versions.sorted().map { .string($0.rawValue) })))
        }
        members.insert(contentsOf: own, at: 0)
        tree = .object(members)
    }

    /// This list, put into one that is installed. Entries of types that this list does not have are others', and stay
    /// where they are among the rest; so do keys of the list that this one does not have. Entries of ours that are
    /// missing come after those before them here.
    /// - Parameter keeps: our own entries and keys keep what the installed ones say, and only get what they lack.
    package func merged(into installed: Conflist, keeps: Bool) -> Conflist {
        var result = installed
        for member in tree.members ?? [] where member.name != "plugins" {
            if !keeps || installed.tree[member.name] == nil { result.tree.set(member.name, member.value) }
        }
        var list = installed.plugins
        var place = 0
        for entry in plugins {
            if let index = list.firstIndex(where: { $0["type"] == entry["type"] }) {
                list[index] = keeps ? Self.completed(list[index], from: entry) : entry
                place = index + 1
            } else {
                list.insert(entry, at: place)
                place += 1
            }
        }
        result.tree.set("plugins", .array(list))
        return result
    }

    /// An object with the members of another that it does not have.
    private static func completed(_ entry: JSONValue, from other: JSONValue) -> JSONValue {
        var result = entry
        for member in other.members ?? [] where entry[member.name] == nil { result.set(member.name, member.value) }
        return result
    }

    /// The text that is written: for people too.
    package var text: String { Self.text(tree, indent: "") + "\n" }

    private static func text(_ value: JSONValue, indent: String) -> String {
        let inner = indent + "  "
        switch value {
        case .array(let values) where values.contains(where: { $0.members != nil }):
            return "[\n" + values.map { inner + text($0, indent: inner) }.joined(separator: ",\n") + "\n\(indent)]"
        case .object(let members) where !members.isEmpty:
            let isShort = value.description.utf8.count <= 80 && !indent.isEmpty
            let parts = members.map { member in
                "\(JSONValue.string(member.name)): \(text(member.value, indent: inner))"
            }
            return isShort
                ? "{" + parts.joined(separator: ", ") + "}"
                : "{\n" + parts.map { inner + $0 }.joined(separator: ",\n") + "\n\(indent)}"
        default: return value.description
        }
    }

    /// What is installed without another word: `manifests/10-martlet.conflist`.
    package static let standard = """
        {
          "cniVersion": "1.0.0",
          "cniVersions": ["1.0.0", "1.1.0"],
          "name": "martlet",
          "plugins": [
            {
              "type": "martlet",
              "mtu": 0,
              "delete": "auto",
              "stateDir": "/run/martlet",
              "capabilities": {
                "portMappings": true,
                "bandwidth": true,
                "ips": true,
                "mac": true,
                "io.kubernetes.cri.pod-annotations": true
              },
              "ipam": {"type": "martlet-ipam", "subnet": "usePodCidr"}
            }
          ]
        }
        """
}
