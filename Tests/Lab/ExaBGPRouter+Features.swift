import Foundation
import TestKit

extension RouterConfiguration {
    /// Our address of a session in a rack, where both ends of a link lie in a /31 or a /64.
    func address(towards neighbor: Neighbor) -> String {
        if neighbor.address.contains(":") { return String(neighbor.address.dropLast()) + "1" }
        let parts = neighbor.address.split(separator: ".")
        let last = parts.last.flatMap { Int($0) } ?? 0
        return (parts.dropLast().map(String.init) + [String(last ^ 1)]).joined(separator: ".")
    }
}

extension ExaBGPRouter {
    /// Lines of `neighbor` for what a neighbour is to have.
    static func options(of neighbor: Neighbor, _ own: RouterConfiguration) -> String {
        var lines: [String] = []
        if let password = neighbor.password { lines.append("md5-password \"\(password)\";") }
        if neighbor.ttlSecurity { lines += ["outgoing-ttl 255;", "incoming-ttl 255;"] }
        var capabilities = ["asn4 enable;", "route-refresh enable;"]
        capabilities.append("extended-message \(neighbor.extendedMessages ? "enable" : "disable");")
        if neighbor.addPaths { capabilities.append("add-path send/receive;") }
        if own.keepsForwarding { capabilities.append("graceful-restart 120;") }
        lines.append("capability { \(capabilities.joined(separator: " ")) }")
        return lines.map { "  " + $0 }.joined(separator: "\n")
    }

    /// `route PREFIX next-hop ...`; nil for a prefix of a family that the session does not carry, or has no next hop
    /// for.
    static func route(_ prefix: String, to neighbor: Neighbor, _ own: RouterConfiguration) -> String? {
        let family = prefix.contains(":") ? "ipv6" : "ipv4"
        guard neighbor.families.contains(family) else { return nil }
        var text = "route \(prefix) next-hop "
        if family == "ipv6", !neighbor.address.contains(":") {
            guard let hop = neighbor.nextHopIPv6 ?? own.nextHopIPv6 else { return nil }
            text += hop
        } else {
            text += "self"
        }
        if !neighbor.largeCommunities.isEmpty {
            text += " large-community [ \(neighbor.largeCommunities.joined(separator: " ")) ]"
        }
        return text
    }

    package func askForRefresh(_ neighbor: String) throws {
        try tell(["ipv4", "ipv6"].map { "neighbor \(neighbor) announce route-refresh \($0) unicast" })
    }

    package func largeCommunities(of prefix: String, from neighbor: String) throws -> Set<String> {
        let paths = try ExaBGPEvents(events, neighbor: neighbor).paths[prefix] ?? [:]
        return Set(
            (paths.values.first ?? .null)["large-community"].array.map { value in
                value.array.compactMap(\.string).joined(separator: ":")
            })
    }

    package func paths(of prefix: String, from neighbor: String) throws -> [String] {
        let paths = try ExaBGPEvents(events, neighbor: neighbor).paths[prefix] ?? [:]
        return paths.values.map { $0["as-path"].array.compactMap(\.string).joined(separator: " ") }.sorted()
    }

    /// Announces one of several paths of a prefix to a neighbour that takes them.
    package func announce(_ prefix: String, path identifier: Int, asPath: [UInt32], to address: String) throws {
        let (neighbor, own) = try settings(of: address)
        guard let route = Self.route(prefix, to: neighbor, own) else { throw LabError("no next hop for \(prefix)") }
        let path = asPath.map(String.init).joined(separator: " ")
        try tell(["neighbor \(address) announce \(route) path-information 0.0.0.\(identifier) as-path [ \(path) ]"])
    }

    package func hasExtendedMessages(with neighbor: String) throws -> Bool {
        let capabilities = try ExaBGPEvents(events, neighbor: neighbor).capabilities
        return capabilities.contains { $0["name"] == "extended-message" }
    }

    package func shows(_ notice: Notice, with neighbor: String) throws -> Bool {
        let bodies = try ExaBGPEvents(events, neighbor: neighbor).notifications
        return switch notice {
        case .tooManyPrefixes: bodies.contains { $0.starts(with: [6, 1]) }
        case .shutdown(let text):
            bodies.contains { $0.starts(with: [6, 2]) && $0.dropFirst(3).elementsEqual(Array(text.utf8)) }
        }
    }
}

/// What ExaBGP's events say of one neighbour.
struct ExaBGPEvents {
    private(set) var isUp = false
    /// Attributes of each prefix that it announced and did not withdraw, by path identifier: empty without add-path.
    private(set) var paths: [String: [String: JSONValue]] = [:]
    /// Capabilities of its last OPEN.
    private(set) var capabilities: [JSONValue] = []
    /// NOTIFICATIONs of both directions, without the header: code, subcode, data.
    private(set) var notifications: [[UInt8]] = []

    init(_ text: String, neighbor: String) throws {
        for line in text.split(separator: "\n") where line.contains("\"peer\": \"\(neighbor)\"") {
            // The events of ROUTE-REFRESH are not JSON in 4.2: quotes within quotes.
            guard let event = try? JSONValue(parsing: String(line)) else { continue }
            take(event)
        }
    }

    private mutating func take(_ event: JSONValue) {
        switch event["type"].string {
        case "state":
            guard let state = event["neighbor"]["state"].string, state != "connected" else { return }
            isUp = state == "up"
            if !isUp { paths = [:] }
        case "open": capabilities = Array(event["neighbor"]["open"]["capabilities"].object.values)
        case "notification":
            // As raw bytes: `0x`, then hex digits. As parsed, which also comes, it has no body.
            let body = event["neighbor"]["message"]["body"].string ?? ""
            if let bytes = try? hex(String(body.dropFirst(2))), !bytes.isEmpty { notifications.append(bytes) }
        case "update": take(update: event["neighbor"]["message"]["update"])
        default: break
        }
    }

    private mutating func take(update: JSONValue) {
        for nlri in update["withdraw"].object.values.flatMap(\.array) {
            guard let prefix = nlri["nlri"].string else { continue }
            paths[prefix]?[nlri["path-information"].string ?? ""] = nil
            if paths[prefix]?.isEmpty == true { paths[prefix] = nil }
        }
        for nlri in update["announce"].object.values.flatMap({ $0.object.values }).flatMap(\.array) {
            guard let prefix = nlri["nlri"].string else { continue }
            paths[prefix, default: [:]][nlri["path-information"].string ?? ""] = update["attribute"]
        }
    }
}
