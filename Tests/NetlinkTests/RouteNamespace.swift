import Foundation
import NetTypes
import Synchronization
import TestKit
import Testing

@testable import FIB

/// A route as `ip -j route` shows it.
struct ShownRoute: Decodable, Equatable {
    struct Hop: Decodable, Equatable {
        var gateway: String?
        var via: Via?
        var dev: String
        var weight: Int
    }
    struct Via: Decodable, Equatable { var host: String }

    var dst: String
    var type: String?
    var gateway: String?
    var via: Via?
    var dev: String?
    var `protocol`: String?
    var metric: Int?
    var nexthops: [Hop]?

    /// The next hops as "gateway dev weight".
    var hops: [String] {
        if let nexthops {
            return nexthops.map { "\($0.gateway ?? $0.via?.host ?? "") \($0.dev) \($0.weight)" }.sorted()
        }
        return ["\(gateway ?? via?.host ?? "") \(dev ?? "") 1"]
    }
}

/// A network namespace with two uplinks, `up0` and `up1`, whose far ends `far0` and `far1` lie in it too.
final class RouteNamespace: Sendable {
    private static let counter = Atomic<Int>(0)
    let name: String
    var path: String { "/run/netns/\(name)" }

    init() throws {
        name = "mlt-route-\(getpid())-\(Self.counter.add(1, ordering: .relaxed).newValue)"
        try require("ip", "netns", "add", name)
        try ip("link set lo up")
        for number in 0...1 {
            try ip("link add up\(number) type veth peer name far\(number)")
            // Without this the address would be tentative for seconds after each change of the link.
            for end in ["up", "far"] {
                try require(
                    "ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.\(end)\(number).accept_dad=0",
                    "net.ipv6.conf.\(end)\(number).keep_addr_on_down=1")
                try ip("link set \(end)\(number) up")
            }
        }
        try ip("addr add 192.0.2.10/24 dev up0")
        try ip("addr add 198.51.100.10/24 dev up1")
        try ip("-6 addr add 2001:db8::10/64 dev up0")
        try ip("-6 addr add 2001:db8:1::10/64 dev up1")
    }

    struct Refused: Error { let text: String }

    deinit { _ = try? run(["ip", "netns", "del", name]) }

    /// Runs `ip` in the namespace.
    @discardableResult
    func ip(_ arguments: String) throws -> String {
        let finished = try run(["ip", "-n", name] + arguments.split(separator: " ").map(String.init))
        guard finished.succeeded else { throw Refused(text: "ip \(arguments): \(finished.errors)") }
        return finished.output
    }

    /// The routes of the main table that match, of one family.
    func routes(_ family: AddressFamily, _ filter: String = "") throws -> [ShownRoute] {
        let text = try ip("-j \(family == .ipv4 ? "-4" : "-6") route show \(filter)")
        return try JSONDecoder().decode([ShownRoute].self, from: Data(text.utf8))
    }

    /// The one route for a prefix that an owner made.
    func route(_ prefix: String, proto: String = "179") throws -> ShownRoute? {
        let family: AddressFamily = prefix.contains(":") ? .ipv6 : .ipv4
        return try routes(family, "\(prefix) proto \(proto)").first
    }
}
