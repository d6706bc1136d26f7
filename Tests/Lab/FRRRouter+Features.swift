import Foundation

extension FRRRouter {
    /// Lines after `neighbor ADDRESS` of `router bgp` for what a neighbour is to have.
    static func options(of neighbor: Neighbor) -> [String] {
        var lines: [String] = []
        if let password = neighbor.password { lines.append("password \(password)") }
        if neighbor.extendsNextHop { lines.append("capability extended-nexthop") }
        if neighbor.ttlSecurity { lines.append("ttl-security hops 1") }
        return lines
    }

    /// The same, of each address family.
    static func familyOptions(of neighbor: Neighbor) -> [String] {
        var lines: [String] = []
        if let limit = neighbor.maxPrefixes { lines.append("maximum-prefix \(limit)") }
        if neighbor.addPaths { lines.append("addpath-tx-all-paths") }
        if !neighbor.largeCommunities.isEmpty {
            lines += ["send-community all", "route-map \(mapName(of: neighbor)) out"]
        }
        return lines
    }

    /// The route map that `familyOptions` names.
    static func routeMap(of neighbor: Neighbor) -> [String] {
        guard !neighbor.largeCommunities.isEmpty else { return [] }
        return [
            "route-map \(mapName(of: neighbor)) permit 10",
            " set large-community \(neighbor.largeCommunities.joined(separator: " ")) additive",
        ]
    }

    private static func mapName(of neighbor: Neighbor) -> String { "TO-\(neighbor.name)" }

    package func askForRefresh(_ neighbor: String) throws { _ = try vtysh("clear bgp \(neighbor) soft in") }

    package func largeCommunities(of prefix: String, from neighbor: String) throws -> Set<String> {
        let family = prefix.contains(":") ? "ipv6" : "ipv4"
        let paths = try show("bgp \(family) unicast \(prefix)")["paths"].array
        let path = paths.first { $0["peer"]["peerId"].string == neighbor } ?? .null
        return Set(path["largeCommunity"]["list"].array.compactMap(\.string))
    }

    package func hasExtendedMessages(with neighbor: String) throws -> Bool {
        let capabilities = try show("bgp neighbors \(neighbor)")[neighbor]["neighborCapabilities"]
        return capabilities["extendedMessage"].string == "advertisedAndReceived"
    }

    package func shows(_ notice: Notice, with neighbor: String) throws -> Bool {
        log.split(separator: "\n").contains { line in
            guard line.contains("NOTIFICATION"), line.contains("neighbor \(neighbor) ") else { return false }
            return switch notice {
            case .tooManyPrefixes: line.contains("Maximum Number of Prefixes Reached")
            case .shutdown(let text): line.contains("Administrative Shutdown") && line.contains(text)
            }
        }
    }
}
