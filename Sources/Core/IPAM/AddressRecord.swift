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
        func add(_ key: String, _ value: String?) {
            guard let value, value.utf8.count <= Self.longestFact, !value.utf8.contains(where: { $0 < 0x20 }) else {
                return
            }
            text += "\(key)=\(value)\n"
        }
        add("netns", netns)
        add("pod", pod)
        add("plugin", plugin)
        if let since { text += "since=\(since.nanoseconds)\n" }
        return text
    }

    /// Reads a record; nil when it is not complete. Keys that are not known are skipped.
    package init?(text: String) {
        var lines = Lines(text)
        guard let container = lines.next(), !container.isEmpty, let interface = lines.next() else { return nil }
        self.init(containerID: lines.text(container), ifname: lines.text(interface))
        while let line = lines.next() {
            if let equals = lines.equals(in: line) {
                guard equals != line.lowerBound else { return nil }
                take(lines.text(line.lowerBound..<equals), lines.text((equals + 1)..<line.upperBound))
            } else {
                guard let address = IPAddress(lines.text(line)) else { return nil }
                addresses.append(address)
            }
        }
    }

    private mutating func take(_ key: String, _ value: String) {
        switch key {
        case "netns": netns = value
        case "pod": pod = value
        case "plugin": plugin = value
        case "since": since = Int64(value).map { Instant(nanoseconds: $0) }
        default: break
        }
    }
}

/// A text's lines, by octets: as characters, a carriage return and the line feed after it are one. Plain loops: every
/// call of the plugin reads a record, and the first use of a generic algorithm in a process costs more than all of it.
private struct Lines {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    /// The next line, without what ends it; what follows the last line feed is none if it is empty.
    mutating func next() -> Range<Int>? {
        let start = position
        guard start < bytes.count else { return nil }
        var end = start
        while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
        position = end + 1
        let isLast = end == bytes.count
        if end > start, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        return isLast && end == start ? nil : start..<end
    }

    /// Where the first `=` of a line is.
    func equals(in line: Range<Int>) -> Int? {
        var index = line.lowerBound
        while index < line.upperBound {
            if bytes[index] == UInt8(ascii: "=") { return index }
            index += 1
        }
        return nil
    }

    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
}
