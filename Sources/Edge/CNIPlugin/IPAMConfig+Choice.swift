import IPAM
import NetTypes

// Which addresses are given, and when again.
extension IPAMConfig {
    /// The pod annotations that ask for addresses: ours, and the one that Calico's users know.
    package static let addressAnnotations = ["martlet.dev/ips", "cni.projectcalico.org/ipAddrs"]

    /// What the pod's annotations ask for: addresses with commas between them, or a JSON list.
    var annotatedAddresses: [String] {
        guard let annotations = config.runtimeConfig?["io.kubernetes.cri.pod-annotations"] else { return [] }
        for name in Self.addressAnnotations {
            guard let text = annotations[name]?.string, !text.isEmpty else { continue }
            guard text.first == "[" else { return [text.filter { $0 != " " }] }
            let list = (try? JSONValue(parsing: Array(text.utf8)))?.array
            return list.map { $0.map { $0.string ?? $0.description } } ?? [text]
        }
        return []
    }

    /// Key `cooldown`: how long a released address rests, 30 s unless it says otherwise; with `cooldownRequired` also
    /// when there is no other address left.
    package func cooldown() throws(PluginError) -> Cooldown {
        var cooldown = Cooldown()
        if let value = ipam["cooldown"] {
            guard let time = Self.duration(value) else {
                throw PluginError(
                    .invalidConfig, "ipam.cooldown must be 0, or a time up to 24h such as 30s, 500ms or 2m",
                    details: value.description)
            }
            cooldown.time = time
        }
        if let value = ipam["cooldownRequired"] {
            guard case .bool(let isRequired) = value else {
                throw PluginError(
                    .invalidConfig, "ipam.cooldownRequired must be true or false", details: value.description)
            }
            cooldown.isRequired = isRequired
        }
        return cooldown
    }

    /// `30s`, `500ms`, `2m`, `1h`, or a number of seconds.
    private static func duration(_ value: JSONValue) -> Duration? {
        let text = value.string ?? value.description
        let digits = text.prefix { ("0"..."9").contains($0) }
        guard (1...8).contains(digits.count), let number = Int64(digits) else { return nil }
        let time: Duration? =
            switch text.dropFirst(digits.count) {
            case "ms": .milliseconds(number)
            case "s": .seconds(number)
            case "": number == 0 || value.int != nil ? .seconds(number) : nil
            case "m": .seconds(number * 60)
            case "h": .seconds(number * 3600)
            default: nil
            }
        return time.flatMap { $0 <= .seconds(86_400) ? $0 : nil }
    }

    /// Key `reserved`: addresses, prefixes and ranges (`FIRST-LAST`) that no pod gets.
    func reservedAddresses() throws(PluginError) -> [ClosedRange<IPAddress>] {
        guard let value = ipam["reserved"] else { return [] }
        let words = "ipam.reserved must be a list of addresses, prefixes, or ranges such as 10.244.1.10-10.244.1.20"
        guard let list = value.array else { throw PluginError(.invalidConfig, words, details: value.description) }
        var result: [ClosedRange<IPAddress>] = []
        for entry in list {
            guard let range = entry.string.flatMap(Self.range) else {
                throw PluginError(.invalidConfig, words, details: entry.description)
            }
            result.append(range)
        }
        return result
    }

    private static func range(_ text: String) -> ClosedRange<IPAddress>? {
        if let address = IPAddress(text) { return address...address }
        if let prefix = Prefix(strict: text) { return prefix.address...prefix.lastAddress }
        let ends = text.split(separator: "-", maxSplits: 1).map { $0.filter { $0 != " " } }
        guard ends.count == 2, let first = IPAddress(ends[0]), let last = IPAddress(ends[1]),
            first.family == last.family, first <= last
        else { return nil }
        return first...last
    }
}
