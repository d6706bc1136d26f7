import CNIPlugin
import NetTypes
import PodWiring

/// Whose translation it is, as the comment of each element says: the host end's name, which stands for container and
/// interface, and the network.
package struct HostPortOwner: Hashable, Sendable {
    package let hostName: String
    package let network: String

    /// Octets of a comment that nft takes (NFTNL_UDATA_COMMENT_MAXLEN less its zero), less the name and a space.
    private static let longestNetwork = 100

    package init(_ identity: PodIdentity) { self.init(hostName: identity.hostName, network: identity.network) }

    /// An overlong network's name is cut.
    package init(hostName: String, network: String) {
        self.hostName = hostName
        self.network = String(decoding: network.utf8.prefix(Self.longestNetwork), as: UTF8.self)
    }

    init?(comment: String) {
        let parts = comment.split(separator: " ")
        guard parts.count == 2 else { return nil }
        self.init(hostName: String(parts[0]), network: String(parts[1]))
    }

    var comment: String { "\(hostName) \(network)" }
}

/// The nftables table of the node's host ports: translations are elements of maps, so that a packet costs the same
/// whatever their number, and adding one changes no rule.
///
///     any4, any6     protocol . port             => pod . port     on every address of the node
///     one4, one6     address . protocol . port   => pod . port     on one address
///     self4, self6   pod . pod                   pods that come back to themselves: masqueraded
package enum HostPortTable {
    package static let name = "martlet-hostports"

    /// One element as it is in the table.
    package struct Element: Hashable, Sendable {
        let map: String
        let key: String
        /// Nil in a set.
        let value: String?
        /// Nil for what is not ours.
        package let owner: HostPortOwner?
    }

    /// The table as nft lists it.
    package struct Contents: Sendable {
        package var elements: [Element] = []
        /// Whether there is a table at all.
        var isTable = false
        /// Rules of each chain.
        var rules: [String: Int] = [:]
    }

    private static let maps = [
        ("any4", "inet_proto . inet_service : ipv4_addr . inet_service"),
        ("any6", "inet_proto . inet_service : ipv6_addr . inet_service"),
        ("one4", "ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service"),
        ("one6", "ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service"),
    ]
    private static let sets = [("self4", "ipv4_addr . ipv4_addr"), ("self6", "ipv6_addr . ipv6_addr")]

    /// Chain, hook (nil: called by others), rules. `guard` is before connection tracking: host ports need
    /// `route_localnet` on the pods' links, which must not open the node's loopback to the pods.
    private static let chains: [(name: String, hook: String?, rules: [String])] = [
        (
            "translate", nil,
            [
                "meta l4proto { tcp, udp, sctp } dnat ip to ip daddr . meta l4proto . th dport map @one4",
                "meta l4proto { tcp, udp, sctp } dnat ip6 to ip6 daddr . meta l4proto . th dport map @one6",
                "meta l4proto { tcp, udp, sctp } dnat ip to meta l4proto . th dport map @any4",
                "meta l4proto { tcp, udp, sctp } dnat ip6 to meta l4proto . th dport map @any6",
            ]
        ),
        ("prerouting", "type nat hook prerouting priority -100", ["fib daddr type local jump translate"]),
        (
            "output", "type nat hook output priority -100",
            // There is no route_localnet in IPv6: what the node sends to ::1 could not leave.
            ["ip6 daddr ::1 return", "fib daddr type local jump translate"]
        ),
        (
            "postrouting", "type nat hook postrouting priority 100",
            [
                "oifname \"mlt*\" ip saddr 127.0.0.0/8 masquerade",
                "oifname \"mlt*\" ip saddr . ip daddr @self4 masquerade",
                "oifname \"mlt*\" ip6 saddr . ip6 daddr @self6 masquerade",
            ]
        ),
        (
            "guard", "type filter hook prerouting priority -300",
            ["iifname \"mlt*\" ip daddr 127.0.0.0/8 drop", "iifname \"mlt*\" ip saddr 127.0.0.0/8 drop"]
        ),
    ]

    /// Makes the table, or makes it again what it should be: one text for both, since maps and chains may exist.
    static var foundation: String {
        var lines = ["add table inet \(name)"]
        lines += maps.map { "add map inet \(name) \($0.0) { type \($0.1) ; }" }
        lines += sets.map { "add set inet \(name) \($0.0) { type \($0.1) ; }" }
        for chain in chains {
            lines.append(
                "add chain inet \(name) \(chain.name)\(chain.hook.map { " { \($0) ; policy accept ; }" } ?? "")")
            lines.append("flush chain inet \(name) \(chain.name)")
        }
        for chain in chains { lines += chain.rules.map { "add rule inet \(name) \(chain.name) \($0)" } }
        return lines.joined(separator: "\n") + "\n"
    }

    /// What a pod's translations are in the table, each once.
    package static func elements(_ ports: [HostPort], of owner: HostPortOwner) -> [Element] {
        var result: [Element] = []
        for port in ports {
            let suffix = port.family == .ipv4 ? "4" : "6"
            let pair = "\(port.transport.name) . \(port.port)"
            let all = [
                Element(
                    map: (port.address == nil ? "any" : "one") + suffix,
                    key: port.address.map { "\($0) . \(pair)" } ?? pair, value: "\(port.target) . \(port.targetPort)",
                    owner: owner),
                Element(map: "self" + suffix, key: "\(port.target) . \(port.target)", value: nil, owner: owner),
            ]
            for element in all where !result.contains(element) { result.append(element) }
        }
        return result
    }

    /// A transaction: the table, without some elements and with others. `create` and not `add`, which would be content
    /// with what a dead pod of the same address has left, under that pod's name.
    package static func script(removing old: [Element], adding new: [Element]) -> String {
        var text = foundation
        for element in old { text += "delete element inet \(name) \(element.map) { \(element.key) }\n" }
        for element in new {
            let comment = element.owner.map { " comment \"\($0.comment)\"" } ?? ""
            let value = element.value.map { " : \($0)" } ?? ""
            text += "create element inet \(name) \(element.map) { \(element.key)\(comment)\(value) }\n"
        }
        return text
    }

    /// Takes elements away, and the table with the last one: its hooks cost every packet something.
    static func removal(of gone: [Element], from contents: Contents) -> String {
        guard contents.elements.contains(where: { !gone.contains($0) }) else { return "delete table inet \(name)\n" }
        return gone.map { "delete element inet \(name) \($0.map) { \($0.key) }\n" }.joined()
    }

    /// The first chain that does not have its rules, in words.
    static func missingRule(_ contents: Contents) -> String? {
        guard let chain = chains.first(where: { contents.rules[$0.name] != $0.rules.count }) else { return nil }
        return "chain \(chain.name) of table inet \(name) has not its \(chain.rules.count) rules"
    }
}

extension HostPortTable.Contents {
    /// Reads what `nft -j list table` says.
    package init(_ listing: JSONValue) {
        for entry in listing["nftables"]?.array ?? [] {
            if entry["table"] != nil { isTable = true }
            if let chain = entry["rule"]?["chain"]?.string { rules[chain, default: 0] += 1 }
            if let map = entry["map"], let name = map["name"]?.string {
                for pair in map["elem"]?.array ?? [] {
                    guard let key = pair.array?.first, let value = pair.array?.last else { continue }
                    add(to: name, key, Self.joined(value))
                }
            }
            if let set = entry["set"], let name = set["name"]?.string {
                for key in set["elem"]?.array ?? [] { add(to: name, key, nil) }
            }
        }
    }

    private mutating func add(to map: String, _ entry: JSONValue, _ value: String?) {
        let element = entry["elem"]
        guard let key = Self.joined(element?["val"] ?? entry) else { return }
        let owner = element?["comment"]?.string.flatMap { HostPortOwner(comment: $0) }
        elements.append(HostPortTable.Element(map: map, key: key, value: value, owner: owner))
    }

    /// `{"concat": ["tcp", 8080]}` as it is written in a script.
    private static func joined(_ value: JSONValue) -> String? {
        guard let parts = value["concat"]?.array else { return value.string ?? value.int.map(String.init) }
        return parts.map { $0.string ?? $0.description }.joined(separator: " . ")
    }
}
