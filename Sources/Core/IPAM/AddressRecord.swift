import NetTypes

/// Who owns addresses. It stands in every file of the attachment, so each file alone tells the whole story.
package struct AddressRecord: Hashable, Sendable {
    package let containerID: String
    package let ifname: String
    package var addresses: [IPAddress]
    /// Path of the pod's network namespace, where the caller told it.
    package var netns: String?
    /// `NAMESPACE/POD`, where the runtime tells it.
    package var pod: String?
    /// Type of the plugin that wired the pod: of `martlet`'s own pods a link of the node tells more than the namespace.
    package var plugin: String?
    /// When the addresses were given, on the clock that starts with the machine; nil: not known (imported).
    package var since: Instant?

    package init(containerID: String, ifname: String, addresses: [IPAddress] = []) {
        self.containerID = containerID
        self.ifname = ifname
        self.addresses = addresses
    }

    /// Name of the attachment's file. Container ids have no `@`, so the first one splits the name.
    package var name: String { "\(containerID)@\(ifname)" }

    /// The longest text that is kept of one fact: a record is read in one piece.
    private static let longestFact = 1024

    /// Lines: container id, interface, one address each, and one `KEY=VALUE` each of what else is known.
    package var text: String {
        var text = "\(containerID)\n\(ifname)\n"
        for address in addresses { text += "\(address)\n" }
        for (key, value) in [("netns", netns), ("pod", pod), ("plugin", plugin)] {
            guard let value, value.utf8.count <= Self.longestFact, !value.utf8.contains(where: { $0 < 0x20 }) else {
                continue
            }
            text += "\(key)=\(value)\n"
        }
        if let since { text += "since=\(since.nanoseconds)\n" }
        return text
    }

    /// Reads a record; nil when it is not complete. Keys that are not known are skipped.
    package init?(text: String) {
        // By octets: as characters, a carriage return and the line feed after it are one.
        var lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
            Substring(line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
        }
        if lines.last?.isEmpty == true { lines.removeLast() }
        guard lines.count >= 2, let container = lines.first, !container.isEmpty else { return nil }
        self.init(containerID: String(container), ifname: String(lines[1]))
        for line in lines.dropFirst(2) {
            if let address = IPAddress(line) {
                addresses.append(address)
            } else {
                guard let equals = line.firstIndex(of: "="), equals != line.startIndex else { return nil }
                take(line[..<equals], String(line[line.index(after: equals)...]))
            }
        }
    }

    private mutating func take(_ key: Substring, _ value: String) {
        switch key {
        case "netns": netns = value
        case "pod": pod = value
        case "plugin": plugin = value
        case "since": since = Int64(value).map { Instant(nanoseconds: $0) }
        default: break
        }
    }
}
