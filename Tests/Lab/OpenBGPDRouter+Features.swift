import Foundation

extension OpenBGPDRouter {
    /// Lines of `neighbor` for what a neighbour is to have.
    static func options(of neighbor: Neighbor, _ own: RouterConfiguration) -> [String] {
        var lines: [String] = []
        if let password = neighbor.password { lines.append("tcp md5sig password \(password)") }
        if neighbor.ttlSecurity { lines.append("ttl-security yes") }
        // It counts all families together.
        if let limit = neighbor.maxPrefixes { lines.append("max-prefix \(limit * neighbor.families.count)") }
        if neighbor.addPaths { lines += ["announce add-path recv yes", "announce add-path send all"] }
        if own.reflects, neighbor.asn == own.asn { lines.append("route-reflector") }
        return lines
    }

    /// Rules of the filter: next hops and communities of what a neighbour is told.
    static func rules(for neighbor: Neighbor, _ own: RouterConfiguration) -> [String] {
        var rules: [String] = []
        if neighbor.asn == own.asn { rules.append("prefix 0.0.0.0/0 or-longer set nexthop self") }
        // External neighbours on its own links get the first address of loopback all the same.
        if let hop = neighbor.nextHopIPv6 { rules.append("prefix ::/0 or-longer set nexthop \(hop)") }
        rules += neighbor.largeCommunities.map { "set large-community \($0)" }
        return rules.map { "match to \(neighbor.address) \($0)\n" }
    }

    package func askForRefresh(_ neighbor: String) throws { try bgpctl(["neighbor", neighbor, "refresh"]) }

    package func largeCommunities(of prefix: String, from neighbor: String) throws -> Set<String> {
        let paths = try ask("show", "rib", "in", "neighbor", neighbor, "detail")["rib"].array
        let path = paths.first { $0["prefix"].string == prefix } ?? .null
        return Set(path["large_communities"].array.compactMap(\.string))
    }

    package func paths(of prefix: String, from neighbor: String) throws -> [String] {
        try ask("show", "rib", "in", "neighbor", neighbor)["rib"].array.filter { $0["prefix"].string == prefix }
            .compactMap { $0["aspath"].string }.sorted()
    }

    package func hasExtendedMessages(with neighbor: String) throws -> Bool {
        // What both offered is listed a second time, as negotiated.
        try bgpctl(["show", "neighbor", neighbor]).components(separatedBy: "Extended message").count == 3
    }

    package func shows(_ notice: Notice, with neighbor: String) throws -> Bool {
        log.split(separator: "\n").contains { line in
            guard line.hasPrefix("neighbor \(neighbor):") || line.hasPrefix("neighbor \(neighbor) ") else {
                return false
            }
            return switch notice {
            case .tooManyPrefixes: line.contains("notification: Cease, received max-prefix exceeded")
            case .shutdown(let text): line.contains("shutdown reason: \"\(text)\"")
            }
        }
    }
}
