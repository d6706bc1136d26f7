import Foundation
import TestKit

/// GoBGP in one namespace, asked through `gobgp -j`. It speaks BGP only: no routes of its own in the kernel.
package final class GoBGPRouter: Router {
    package let kind = "GoBGP"
    package let namespace: Namespace
    private let directory: String
    private let configuration: RouterConfiguration
    private let service: Service

    package init(_ configuration: RouterConfiguration, in namespace: Namespace, directory: String) throws {
        self.namespace = namespace
        self.directory = directory
        self.configuration = configuration
        let gobgpd = try requireProgram("gobgpd", package: "gobgpd")
        try makeDirectory(directory)
        try writeFile("\(directory)/gobgpd.toml", Self.text(configuration))
        service = try Service(
            [gobgpd, "-f", "\(directory)/gobgpd.toml", "-t", "toml", "--api-hosts", "127.0.0.1:50051", "--log-plain"],
            in: namespace, log: "\(directory)/gobgpd.log", ready: "gobgpd answers"
        ) { try Self.answers(configuration, namespace) }
        for network in configuration.networks { try announce(network) }
    }

    private static func answers(_ own: RouterConfiguration, _ namespace: Namespace) throws -> Bool {
        try ask(namespace, ["global"]).int(at: "asn") == Int(own.asn)
    }

    package func crash() { service.killNow() }

    /// It keeps nothing over its death: what it originates must be told again. `-r` sets the R and F bits.
    package func recover() throws {
        try service.start(adding: ["-r"], ready: "gobgpd answers") { try Self.answers(configuration, namespace) }
        for network in configuration.networks { try announce(network) }
    }

    private static func text(_ own: RouterConfiguration) -> String {
        let policy = Policy(own)
        var text = "[global.config]\n as = \(own.asn)\n router-id = \"\(own.routerID)\"\n port = 179\n"
        text += policy.use
        for neighbor in own.neighbors {
            text += """
                [[neighbors]]
                 [neighbors.config]
                  neighbor-address = "\(neighbor.address)"
                  peer-as = \(neighbor.asn)
                  description = "\(neighbor.name)"
                \(neighbor.password.map { "  auth-password = \"\($0)\"" } ?? "")
                 [neighbors.transport.config]
                  passive-mode = \(neighbor.passive)
                 [neighbors.timers.config]
                  connect-retry = 5
                  idle-hold-time-after-reset = 1
                  hold-time = \(own.holdTime)
                  keepalive-interval = \(own.holdTime / 3)
                \(options(of: neighbor, own))

                """
            for family in neighbor.families {
                text += " [[neighbors.afi-safis]]\n  [neighbors.afi-safis.config]\n"
                text += "   afi-safi-name = \"\(family)-unicast\"\n" + familyOptions(of: neighbor, own)
            }
        }
        return text + policy.definition + own.extra + "\n"
    }

    func ask(_ arguments: String...) throws -> JSONValue { try Self.ask(namespace, arguments) }

    private static func ask(_ namespace: Namespace, _ arguments: [String]) throws -> JSONValue {
        let finished = try namespace.run(["gobgp", "-j"] + arguments)
        guard finished.succeeded else { throw LabError(command: ["gobgp"] + arguments, finished: finished) }
        return finished.output.isEmpty ? .null : try JSONValue(parsing: finished.output)
    }

    package func state(of neighbor: String) throws -> String {
        // apipb.PeerState.SessionState: 1 idle, 2 connect, 3 active, 4 opensent, 5 openconfirm, 6 established.
        switch try ask("neighbor", neighbor)["state"]["session_state"].int {
        case 6: "Established"
        case 5: "OpenConfirm"
        case 4: "OpenSent"
        case 3: "Active"
        case 2: "Connect"
        case let other: other.map { "session_state \($0)" } ?? "Idle"
        }
    }

    package func accepted(from neighbor: String) throws -> Set<String> {
        var prefixes: Set<String> = []
        for family in try configuration.neighbor(neighbor).families {
            prefixes.formUnion(try ask("neighbor", neighbor, "adj-in", "-a", family).object.keys)
        }
        return prefixes
    }

    /// The AS paths of what came for a prefix from a neighbour.
    package func paths(of prefix: String, from neighbor: String) throws -> [String] {
        let family = prefix.contains(":") ? "ipv6" : "ipv4"
        let paths = try ask("neighbor", neighbor, "adj-in", "-a", family)[prefix].array
        return paths.map { path in
            let attributes = path["attrs"].array.first { $0["as_paths"] != .null } ?? .null
            return attributes["as_paths"].array.flatMap { $0["asns"].array.compactMap(\.int) }
                .map { String($0) }.joined(separator: " ")
        }.sorted()
    }

    package func announce(_ prefix: String) throws { try change("add", prefix) }

    package func withdraw(_ prefix: String) throws { try change("del", prefix) }

    private func change(_ verb: String, _ prefix: String) throws {
        let family = prefix.contains(":") ? "ipv6" : "ipv4"
        let hop = family == "ipv6" ? configuration.nextHopIPv6.map { ["nexthop", $0] } ?? [] : []
        let command = ["gobgp", "global", "rib", verb, "-a", family, prefix] + hop
        let finished = try namespace.run(command)
        guard finished.succeeded else { throw LabError(command: command, finished: finished) }
    }

    package func shutDown(_ neighbor: String, message: String) throws {
        // `disable`, which is to take its place, forgets the reason.
        try namespace.require("gobgp", "neighbor", neighbor, "shutdown", "--reason", message)
    }

    /// All that it logged.
    var log: String { service.output }
    package var logTail: String { service.logTail }
    package func stop() { service.stop() }
    package func kill() { service.killNow() }
    package func keep() { service.keep() }
}

extension JSONValue {
    /// The whole number of a key, wherever in the first two levels it is: `gobgp -j global` changed its shape between
    /// versions.
    fileprivate func int(at key: String) -> Int? {
        self[key].int ?? object.values.lazy.compactMap { $0[key].int }.first
    }
}
