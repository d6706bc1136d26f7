import Foundation
import TestKit

/// FRRouting: zebra and bgpd in one namespace, with sockets of their own, asked through vtysh.
package final class FRRRouter: Router, @unchecked Sendable {
    package let kind = "FRR"
    package let namespace: Namespace
    private let directory: String
    private let configuration: RouterConfiguration
    private let lock = NSLock()
    /// bgpd, and zebra after it.
    private var running: [Daemon]
    private var daemons: [Daemon] { lock.withLock { running } }

    package init(_ configuration: RouterConfiguration, in namespace: Namespace, directory: String) throws {
        self.namespace = namespace
        self.directory = directory
        self.configuration = configuration
        let zebra = try requireProgram("/usr/lib/frr/zebra", package: "frr")
        _ = try requireProgram("vtysh", package: "frr")
        try makeDirectory(directory)
        try writeFile(
            "\(directory)/zebra.conf", "hostname \(namespace.role)\nlog file \(directory)/zebra.log informational\n")
        try writeFile("\(directory)/bgpd.conf", Self.text(configuration, namespace, directory))
        try writeFile("\(directory)/vtysh.conf", "")
        // The daemons drop to the user frr, and make their sockets and logs as that user.
        try must(["chown", "-R", "frr:frr", directory])
        let first = try Daemon(
            [zebra] + Self.arguments("zebra", directory), in: namespace, log: "\(directory)/zebra.out")
        running = [first]
        do {
            try first.wait(for: "zebra opens its socket") { access("\(directory)/zserv.api", F_OK) == 0 }
            running = [try Self.startBGPD(namespace, directory), first]
        } catch {
            first.killNow()
            throw error
        }
    }

    private static func arguments(_ daemon: String, _ directory: String) -> [String] {
        [
            "-f", "\(directory)/\(daemon).conf", "-i", "\(directory)/\(daemon).pid", "-z", "\(directory)/zserv.api",
            "-A", "127.0.0.1", "-P", "0", "--vty_socket", directory,
        ]
    }

    private static func startBGPD(_ namespace: Namespace, _ directory: String) throws -> Daemon {
        let program = try requireProgram("/usr/lib/frr/bgpd", package: "frr")
        let bgpd = try Daemon(
            [program, "-p", "179"] + arguments("bgpd", directory), in: namespace, log: "\(directory)/bgpd.out")
        try bgpd.wait(for: "bgpd answers vtysh") {
            access("\(directory)/bgpd.vty", F_OK) == 0
                && (try? ask(directory, "show bgp summary json")).map { $0.hasPrefix("{") } == true
        }
        return bgpd
    }

    /// Ends bgpd without a word; zebra goes on.
    package func killBGPD() { daemons.first?.killNow() }

    /// Starts bgpd again with the configuration of the beginning.
    package func restartBGPD() throws {
        let bgpd = try Self.startBGPD(namespace, directory)
        lock.withLock { running[0] = bgpd }
    }

    private static func text(_ own: RouterConfiguration, _ namespace: Namespace, _ directory: String) -> String {
        var lines = [
            "frr defaults traditional", "hostname \(namespace.role)", "log file \(directory)/bgpd.log informational",
            "router bgp \(own.asn)", " bgp router-id \(own.routerID)", " no bgp ebgp-requires-policy",
            " no bgp default ipv4-unicast", " no bgp network import-check", " bgp bestpath as-path multipath-relax",
        ]
        for neighbor in own.neighbors {
            let kind = neighbor.isUnnumbered ? "interface remote-as" : "remote-as"
            lines += [
                " neighbor \(neighbor.address) \(kind) \(neighbor.isUnnumbered ? "external" : "\(neighbor.asn)")",
                " neighbor \(neighbor.address) description \(neighbor.name)",
                " neighbor \(neighbor.address) timers \(own.holdTime / 3) \(own.holdTime)",
                " neighbor \(neighbor.address) timers connect 1",
            ]
            if neighbor.extendsNextHop { lines.append(" neighbor \(neighbor.address) capability extended-nexthop") }
            lines += neighbor.options.map { " neighbor \(neighbor.address) \($0)" }
            if neighbor.passive { lines.append(" neighbor \(neighbor.address) passive") }
        }
        for family in ["ipv4", "ipv6"] {
            lines.append(" address-family \(family) unicast")
            lines.append("  maximum-paths 4")
            for neighbor in own.neighbors where neighbor.families.contains(family) {
                lines.append("  neighbor \(neighbor.address) activate")
                lines += neighbor.familyOptions.map { "  neighbor \(neighbor.address) \($0)" }
                if own.reflects, neighbor.asn == own.asn {
                    lines.append("  neighbor \(neighbor.address) route-reflector-client")
                    lines.append("  neighbor \(neighbor.address) next-hop-self force")
                }
            }
            lines += own.networks(family).map { "  network \($0)" }
            lines.append(" exit-address-family")
        }
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

    package var logTail: String {
        ((try? String(contentsOfFile: "\(directory)/bgpd.log", encoding: .utf8)).map { String($0.suffix(1000)) } ?? "")
            + daemons.map(\.logTail).joined()
    }

    package func stop() { for daemon in daemons { daemon.stop() } }
    package func kill() { for daemon in daemons { daemon.killNow() } }
    package func keep() { for daemon in daemons { daemon.keep() } }

    /// How an operator asks it.
    package var cli: String { "vtysh --vty_socket \(directory) --config_dir \(directory)" }
}
