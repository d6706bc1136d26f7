import Foundation
import TestKit

/// FRRouting: zebra and bgpd in one namespace, with sockets of their own, asked through vtysh.
package final class FRRRouter: Router {
    package let kind = "FRR"
    package let namespace: Namespace
    private let directory: String
    private let configuration: RouterConfiguration
    private let zebra, bgpd: Service
    private let bfdd: Service?

    package init(_ configuration: RouterConfiguration, in namespace: Namespace, directory: String) throws {
        self.namespace = namespace
        self.directory = directory
        self.configuration = configuration
        let zebra = try requireProgram("/usr/lib/frr/zebra", package: "frr")
        let bgpd = try requireProgram("/usr/lib/frr/bgpd", package: "frr")
        _ = try requireProgram("vtysh", package: "frr")
        try makeDirectory(directory)
        try writeFile(
            "\(directory)/zebra.conf", "hostname \(namespace.role)\nlog file \(directory)/zebra.log informational\n")
        try writeFile("\(directory)/bgpd.conf", Self.text(configuration, namespace, directory))
        try writeFile("\(directory)/vtysh.conf", "")
        try writeFile("\(directory)/bfdd.conf", Self.bfdText(configuration, directory))
        // The daemons drop to the user frr, and make their sockets and logs as that user.
        try must(["chown", "-R", "frr:frr", directory])
        func arguments(_ daemon: String) -> [String] {
            [
                "-f", "\(directory)/\(daemon).conf", "-i", "\(directory)/\(daemon).pid", "-z", "\(directory)/zserv.api",
                "-A", "127.0.0.1", "-P", "0", "--vty_socket", directory,
            ]
        }
        self.zebra = try Service(
            [zebra] + arguments("zebra"), in: namespace, log: "\(directory)/zebra.out", ready: "zebra opens its socket"
        ) { access("\(directory)/zserv.api", F_OK) == 0 }
        do {
            bfdd = configuration.runsBFD ? try Self.startBFD(arguments("bfdd"), namespace, directory) : nil
        } catch {
            self.zebra.killNow()
            throw error
        }
        do {
            self.bgpd = try Service(
                [bgpd, "-p", "179"] + arguments("bgpd"), in: namespace, log: "\(directory)/bgpd.out",
                ready: Self.isReady
            ) { Self.answers(directory) }
        } catch {
            self.zebra.killNow()
            bfdd?.killNow()
            throw error
        }
    }

    private static let isReady = "bgpd answers vtysh"

    private static func answers(_ directory: String) -> Bool {
        access("\(directory)/bgpd.vty", F_OK) == 0
            && (try? ask(directory, "show bgp summary json")).map { $0.hasPrefix("{") } == true
    }

    /// bgpd only: zebra, and what it put into the kernel, stay.
    package func crash() { bgpd.killNow() }

    package func recover() throws {
        try? FileManager.default.removeItem(atPath: "\(directory)/bgpd.vty")
        try bgpd.start(ready: Self.isReady) { Self.answers(directory) }
    }

    private static func text(_ own: RouterConfiguration, _ namespace: Namespace, _ directory: String) -> String {
        var lines = [
            "frr defaults traditional", "hostname \(namespace.role)", "log file \(directory)/bgpd.log informational",
            "router bgp \(own.asn)", " bgp router-id \(own.routerID)", " no bgp ebgp-requires-policy",
            " no bgp default ipv4-unicast", " no bgp network import-check", " bgp bestpath as-path multipath-relax",
            " bgp log-neighbor-changes",
        ]
        if own.keepsForwarding { lines += [" bgp graceful-restart", " bgp graceful-restart preserve-fw-state"] }
        for neighbor in own.neighbors {
            let kind = neighbor.isUnnumbered ? "interface remote-as" : "remote-as"
            lines += [
                " neighbor \(neighbor.address) \(kind) \(neighbor.isUnnumbered ? "external" : "\(neighbor.asn)")",
                " neighbor \(neighbor.address) description \(neighbor.name)",
                " neighbor \(neighbor.address) timers \(own.holdTime / 3) \(own.holdTime)",
                " neighbor \(neighbor.address) timers connect 1",
            ]
            lines += (options(of: neighbor) + neighbor.options).map { " neighbor \(neighbor.address) \($0)" }
            if neighbor.passive { lines.append(" neighbor \(neighbor.address) passive") }
        }
        for family in ["ipv4", "ipv6"] {
            lines.append(" address-family \(family) unicast")
            lines.append("  maximum-paths 4")
            for neighbor in own.neighbors where neighbor.families.contains(family) {
                lines.append("  neighbor \(neighbor.address) activate")
                lines += familyOptions(of: neighbor).map { "  neighbor \(neighbor.address) \($0)" }
                if own.reflects, neighbor.asn == own.asn {
                    lines.append("  neighbor \(neighbor.address) route-reflector-client")
                    lines.append("  neighbor \(neighbor.address) next-hop-self force")
                }
            }
            lines += own.networks(family).map { "  network \($0)" }
            lines.append(" exit-address-family")
        }
        lines += own.neighbors.flatMap(routeMap)
        return lines.joined(separator: "\n") + "\n" + own.extra + "\n"
    }

    private static func ask(_ directory: String, _ commands: [String]) throws -> String {
        try must(["vtysh", "--vty_socket", directory, "--config_dir", directory] + commands.flatMap { ["-c", $0] })
    }

    private static func ask(_ directory: String, _ command: String) throws -> String { try ask(directory, [command]) }

    /// One command of vtysh, as text.
    package func vtysh(_ commands: String...) throws -> String { try Self.ask(directory, commands) }

    /// One `show ... json` of vtysh.
    package func show(_ what: String) throws -> JSONValue { try JSONValue(parsing: try vtysh("show \(what) json")) }

    package func state(of neighbor: String) throws -> String {
        try show("bgp neighbors \(neighbor)")[neighbor]["bgpState"].string ?? "unknown"
    }

    package func accepted(from neighbor: String) throws -> Set<String> {
        var prefixes: Set<String> = []
        for family in try configuration.neighbor(neighbor).families {
            prefixes.formUnion(try show("bgp \(family) unicast neighbors \(neighbor) routes")["routes"].object.keys)
        }
        return prefixes
    }

    /// The AS paths of what came for a prefix from a neighbour.
    package func paths(of prefix: String, from neighbor: String) throws -> [String] {
        try show("bgp \(prefix.contains(":") ? "ipv6" : "ipv4") unicast \(prefix)")["paths"].array.filter {
            $0["peer"]["peerId"].string == neighbor
        }.compactMap { $0["aspath"]["string"].string }.sorted()
    }

    package func announce(_ prefix: String) throws { try configure(prefix, "network \(prefix)") }

    package func withdraw(_ prefix: String) throws { try configure(prefix, "no network \(prefix)") }

    private func configure(_ prefix: String, _ line: String) throws {
        let family = prefix.contains(":") ? "ipv6" : "ipv4"
        _ = try vtysh("configure terminal", "router bgp \(configuration.asn)", "address-family \(family) unicast", line)
    }

    package func shutDown(_ neighbor: String, message: String) throws {
        _ = try vtysh(
            "configure terminal", "router bgp \(configuration.asn)", "neighbor \(neighbor) shutdown message \(message)")
    }

    /// All that bgpd logged.
    var log: String { (try? String(contentsOfFile: "\(directory)/bgpd.log", encoding: .utf8)) ?? "" }
    package var logTail: String { String(log.suffix(1000)) + bgpd.logTail + zebra.logTail }

    private var services: [Service] { [bgpd, zebra] + (bfdd.map { [$0] } ?? []) }

    package func stop() { for service in services { service.stop() } }
    package func kill() { for service in services { service.killNow() } }
    package func keep() { for service in services { service.keep() } }

    /// How an operator asks it.
    package var cli: String { "vtysh --vty_socket \(directory) --config_dir \(directory)" }
}
