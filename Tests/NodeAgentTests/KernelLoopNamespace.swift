import FIB
import Foundation
import NetTypes
import Synchronization
import TestKit
import Testing

@testable import NodeAgent

/// A kernel loop in a network namespace of its own, with two uplinks whose far ends lie in it too.
final class KernelRig: Sendable {
    private static let counter = Atomic<Int>(0)
    let name: String
    let loop: KernelLoop
    let events = Log<KernelEvent>()
    let topologies = Log<Topology>()
    private var path: String { "/run/netns/\(name)" }

    init(_ configuration: KernelConfiguration = KernelConfiguration(), sharing other: KernelRig? = nil) throws {
        loop = KernelLoop(
            configuration, onTopology: { [topologies] in topologies.append($0) },
            onEvent: { [events] in events.append($0) })
        if let other {
            name = other.name
            return
        }
        name = "mlt-loop-\(getpid())-\(Self.counter.add(1, ordering: .relaxed).newValue)"
        try require("ip", "netns", "add", name)
        try ip("link set lo up")
        for number in 0...1 {
            try ip("link add up\(number) type veth peer name far\(number)")
            try require("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.up\(number).accept_dad=0")
            try ip("link set far\(number) up")
            try ip("link set up\(number) up")
        }
        try ip("addr add 192.0.2.10/24 dev up0")
        try ip("addr add 198.51.100.10/24 dev up1")
        try ip("-6 addr add 2001:db8::10/64 dev up0")
        try ip("-6 addr add 2001:db8:1::10/64 dev up1")
    }

    deinit { _ = try? run(["ip", "netns", "del", name]) }

    struct Refused: Error { let text: String }

    @discardableResult
    func ip(_ arguments: String) throws -> String {
        let finished = try run(["ip", "-n", name] + arguments.split(separator: " ").map(String.init))
        guard finished.succeeded else { throw Refused(text: "ip \(arguments): \(finished.errors)") }
        return finished.output
    }

    /// Removes all routes of ours, as another program might. (`ip route flush` of iproute2 6.1 cannot do it with routes
    /// that use nexthop objects.)
    func removeAll() throws {
        let prefixes = try routes().compactMap { $0.split(separator: " ").first }
        let commands = prefixes.map { "route del \($0) proto 179 metric 50\n" }.joined()
        try TestKit.require("ip", "-n", name, "-batch", "-", input: commands)
    }

    /// The routes of one owner, one "prefix gateway..." each.
    func routes(_ proto: String = "179") throws -> [String] {
        struct Hop: Decodable {
            var gateway: String?
            var dev: String?
        }
        struct Route: Decodable {
            var dst: String
            var type: String?
            var gateway: String?
            var nexthops: [Hop]?
        }
        var result: [String] = []
        for family in ["-4", "-6"] {
            let text = try ip("-j \(family) route show table main proto \(proto)")
            for route in try JSONDecoder().decode([Route].self, from: Data(text.utf8)) {
                let hops = route.nexthops?.compactMap(\.gateway).sorted() ?? [route.gateway ?? route.type ?? ""]
                result.append(([route.dst] + hops).joined(separator: " "))
            }
        }
        return result.sorted()
    }

    @discardableResult
    func start() async throws -> KernelStart { try await loop.start(namespace: path) }

    func apply(_ wishes: [(String, [String])]) async throws {
        let changes = try wishes.map { prefix, gateways in
            let prefix = try #require(Prefix(strict: prefix))
            let hops = try gateways.map { DesiredNextHop(gateway: try #require(IPAddress($0))) }
            return FIBChange(prefix: prefix, route: hops.isEmpty ? nil : DesiredRoute(prefix: prefix, nextHops: hops))
        }
        await loop.apply(changes)
    }

    func status(_ prefix: String) async throws -> FIBStatus? {
        let prefix = try #require(Prefix(strict: prefix))
        return await loop.snapshot().rows.first { $0.prefix == prefix }?.status
    }

    /// Polls until the routes of ours are exactly these.
    func expect(
        _ wanted: [String], within seconds: Double = 5, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        var found: [String] = []
        _ = try await poll(within: seconds) {
            found = try routes()
            return found == wanted.sorted()
        }
        #expect(found == wanted.sorted(), sourceLocation: sourceLocation)
    }

    /// Polls until `condition` holds.
    func eventually(
        within seconds: Double = 5, sourceLocation: SourceLocation = #_sourceLocation,
        _ condition: () async throws -> Bool
    ) async throws {
        if try await poll(within: seconds, condition) { return }
        Issue.record("not within \(seconds) s; events: \(events.all.suffix(20))", sourceLocation: sourceLocation)
    }
}

/// What a loop told, in order.
final class Log<Element: Sendable>: Sendable {
    private let entries = Mutex<[Element]>([])
    var all: [Element] { entries.withLock { $0 } }
    func append(_ element: Element) { entries.withLock { $0.append(element) } }
}
