import NetTypes

/// Who owns addresses. It stands in every file of the attachment, so each file alone tells the whole story.
package struct AddressRecord: Hashable, Sendable {
    package let containerID: String
    package let ifname: String
    package let addresses: [IPAddress]

    package init(containerID: String, ifname: String, addresses: [IPAddress]) {
        self.containerID = containerID
        self.ifname = ifname
        self.addresses = addresses
    }

    /// Lines: container id, interface, then one address each.
    package var text: String {
        addresses.reduce(into: "\(containerID)\n\(ifname)\n") { $0 += "\($1)\n" }
    }

    package init?(text: String) {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.last == "\r" ? line.dropLast() : line
        }
        if lines.last?.isEmpty == true { lines.removeLast() }
        guard lines.count >= 2, let container = lines.first, !container.isEmpty else { return nil }
        let addresses = lines.dropFirst(2).compactMap { IPAddress($0) }
        guard addresses.count == lines.count - 2 else { return nil }
        self.init(containerID: String(container), ifname: String(lines[1]), addresses: addresses)
    }
}
