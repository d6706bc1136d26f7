import NetTypes

/// Whose link it is: an attachment (container and interface) in a network, with the pod's name where the runtime
/// tells it.
package struct PodIdentity: Hashable, Sendable {
    package let containerID: String
    package let ifname: String
    package let network: String
    /// Kubernetes namespace and pod, or nil outside Kubernetes.
    package let namespace: String?
    package let pod: String?

    package init(containerID: String, ifname: String, network: String, namespace: String? = nil, pod: String? = nil) {
        self.containerID = containerID
        self.ifname = ifname
        self.network = network
        self.namespace = namespace
        self.pod = pod
    }

    /// Name of the host end: `mlt` and the low 44 bits of the hash of container id and interface in hex. A new
    /// sandbox of the same pod has a new container id, so it never meets the old one's link.
    package var hostName: String {
        var name = DigitText(capacity: 14)
        for letter in "mlt".unicodeScalars { name.append(letter) }
        name.append(hex: hash & 0xfff_ffff_ffff, width: 11)
        return name.text
    }

    /// MAC of the pod's end: locally administered unicast, the same for the same attachment, so that the host's
    /// permanent neighbour can be written before the pod's end is looked at.
    package var podMAC: MACAddress {
        MACAddress(rawValue: hash >> 16 & 0x00ff_ffff_ffff | 0x0200_0000_0000)
    }

    /// FNV-1a, 64 bits, over container id, a zero octet, and interface name.
    private var hash: UInt64 {
        var value: UInt64 = 0xcbf2_9ce4_8422_2325
        func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
        for byte in containerID.utf8 { add(byte) }
        add(0)
        for byte in ifname.utf8 { add(byte) }
        return value
    }
}

// The link's alias: who asks the kernel, learns the pod without any file of ours.
extension PodIdentity {
    /// Octets that the kernel takes (IFALIASZ without the final zero).
    private static let maximumAlias = 255

    /// `martlet CONTAINER IFNAME NETWORK [NAMESPACE/POD]`; none of the fields can hold a space. What identifies the
    /// attachment comes first, because an overlong alias is cut.
    package var alias: String {
        var text = "martlet \(containerID) \(ifname) \(network)"
        if let pod { text += " \(namespace ?? "")/\(pod)" }
        return String(decoding: text.utf8.prefix(Self.maximumAlias), as: UTF8.self)
    }

    /// Reads an alias; nil when the link is not ours.
    package init?(alias: String) {
        let fields = alias.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard (4...5).contains(fields.count), fields[0] == "martlet", !fields[1].isEmpty, !fields[2].isEmpty else {
            return nil
        }
        let name =
            fields.count == 5 ? fields[4].split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false) : []
        self.init(
            containerID: fields[1], ifname: fields[2], network: fields[3],
            namespace: name.count == 2 && !name[0].isEmpty ? String(name[0]) : nil,
            pod: name.count == 2 ? String(name[1]) : nil)
    }

    /// Whether a link of our name with this alias is this attachment's. One without an alias is: we were killed after
    /// making it.
    package func owns(alias: String?) -> Bool {
        guard let alias, !alias.isEmpty else { return true }
        // The common case without taking it apart; a text that was cut may be another's.
        if alias.utf8.count < Self.maximumAlias, alias == self.alias { return true }
        guard let other = PodIdentity(alias: alias) else { return false }
        return other.containerID == containerID && other.ifname == ifname
    }
}
