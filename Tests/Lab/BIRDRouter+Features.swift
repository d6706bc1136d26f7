import Foundation

extension BIRDRouter {
    /// Lines of `protocol bgp` for what a neighbour is to have.
    static func options(of neighbor: Neighbor) -> [String] {
        var lines: [String] = []
        if let password = neighbor.password { lines.append("password \"\(password)\"") }
        if neighbor.ttlSecurity { lines.append("ttl security on") }
        if neighbor.extendedMessages { lines.append("enable extended messages on") }
        return lines
    }

    /// What a channel of a neighbour has besides the next hop.
    static func channel(of neighbor: Neighbor) -> String {
        var text = ""
        if let limit = neighbor.maxPrefixes { text += "import limit \(limit) action disable; " }
        if neighbor.addPaths { text += "add paths on; " }
        let all = "source = RTS_BGP || source = RTS_STATIC"
        guard !neighbor.largeCommunities.isEmpty else { return text + "export where \(all);" }
        let additions = neighbor.largeCommunities.map {
            "bgp_large_community.add((\($0.replacingOccurrences(of: ":", with: ","))));"
        }
        return text + "export filter { if \(all) then { \(additions.joined(separator: " ")) accept; } reject; };"
    }

    package func askForRefresh(_ neighbor: String) throws { _ = try birdc("reload in \(try name(of: neighbor))") }

    package func largeCommunities(of prefix: String, from neighbor: String) throws -> Set<String> {
        let text = try birdc("show route \(prefix) protocol \(try name(of: neighbor)) all")
        let values = text.split(separator: "\n").filter { $0.contains("BGP.large_community:") }.flatMap { line in
            line.split(separator: "(").dropFirst().map { $0.prefix { $0 != ")" } }
        }
        return Set(values.map { $0.replacingOccurrences(of: ", ", with: ":") })
    }

    package func hasExtendedMessages(with neighbor: String) throws -> Bool {
        // It lists what it offered, and then what the neighbour did.
        let text = try birdc("show protocols all \(try name(of: neighbor))")
        return text.components(separatedBy: "Extended message").count == 3
    }

    package func shows(_ notice: Notice, with neighbor: String) throws -> Bool {
        let own = try name(of: neighbor)
        return log.split(separator: "\n").contains { line in
            guard line.contains(own) else { return false }
            return switch notice {
            case .tooManyPrefixes:
                ["Maximum number of prefixes reached", "Route limit exceeded"].contains { line.contains($0) }
            case .shutdown(let text): line.contains("Administrative shutdown") && line.contains(text)
            }
        }
    }
}
