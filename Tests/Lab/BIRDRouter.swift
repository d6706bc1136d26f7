import Foundation
import TestKit

/// BIRD 2 in one namespace, asked through birdc. Announcing and withdrawing rewrite its configuration, as an operator
/// would.
package final class BIRDRouter: Router, @unchecked Sendable {
    package let kind = "BIRD"
    package let namespace: Namespace
    private let directory: String
    private let lock = NSLock()
    private var running: Daemon
    private var daemon: Daemon { lock.withLock { running } }
    private var configuration: RouterConfiguration

    package init(_ configuration: RouterConfiguration, in namespace: Namespace, directory: String) throws {
        self.namespace = namespace
        self.directory = directory
        self.configuration = configuration
        try makeDirectory(directory)
        try writeFile("\(directory)/bird.conf", Self.text(configuration, directory))
        running = try Self.startBIRD(namespace, directory)
        try awaitAnswer()
    }

    /// With `-R` it recovers what an earlier run left (graceful restart).
    private static func startBIRD(_ namespace: Namespace, _ directory: String) throws -> Daemon {
        let bird = try requireProgram("bird", package: "bird2")
        return try Daemon(
            [
                bird, "-f", "-R", "-c", "\(directory)/bird.conf", "-s", "\(directory)/bird.ctl", "-P",
                "\(directory)/bird.pid",
            ],
            in: namespace, log: "\(directory)/bird.out")
    }

    private func awaitAnswer() throws {
        try daemon.wait(for: "BIRD answers birdc") {
            let status = try birdc("show status")
            return status.contains("Daemon is up and running") || status.contains("Graceful restart recovery")
        }
    }

    /// Starts it again after `kill`, with the configuration of the beginning.
    package func restart() throws {
        let daemon = try Self.startBIRD(namespace, directory)
        lock.withLock { running = daemon }
        try awaitAnswer()
    }

    private static func text(_ own: RouterConfiguration, _ directory: String) -> String {
        var text = """
            log "\(directory)/bird.log" all;
            router id \(own.routerID);
            protocol device { }
            protocol direct { ipv4; ipv6; }
            protocol kernel kernel4 {
              graceful restart on; merge paths yes; ipv4 { import none; export where source = RTS_BGP; };
            }
            protocol kernel kernel6 {
              graceful restart on; merge paths yes; ipv6 { import none; export where source = RTS_BGP; };
            }

            """
        for family in ["ipv4", "ipv6"] {
            let routes = own.networks(family).map { "  route \($0) blackhole;\n" }.joined()
            text += "protocol static static_\(family) { \(family);\n\(routes)}\n"
        }
        for neighbor in own.neighbors {
            text += """
                protocol bgp \(word(neighbor.name)) {
                  local as \(own.asn);
                  neighbor \(neighbor.address) as \(neighbor.asn);
                  hold time \(own.holdTime); connect delay time 1; connect retry time 1; error wait time 1, 2;
                  graceful restart on;

                """
            text += neighbor.options.map { "  \($0);\n" }.joined()
            if neighbor.passive { text += "  passive on;\n" }
            if own.reflects, neighbor.asn == own.asn { text += "  rr client;\n" }
            for family in neighbor.families {
                var hop = neighbor.asn == own.asn ? "next hop self; " : ""
                if family == "ipv4", neighbor.extendsNextHop { hop += "extended next hop on; " }
                let more = neighbor.familyOptions.map { "\($0); " }.joined()
                text +=
                    "  \(family) { \(more)import all; \(hop)export where source = RTS_BGP || source = RTS_STATIC; };\n"
            }
            text += "}\n"
        }
        return text + own.extra + "\n"
    }

    /// BIRD's names are words of its language: no dashes.
    private static func word(_ name: String) -> String { name.replacingOccurrences(of: "-", with: "_") }

    /// One command of birdc.
    package func birdc(_ command: String) throws -> String {
        try must(["birdc", "-s", "\(directory)/bird.ctl"] + [command])
    }

    private func name(of neighbor: String) throws -> String {
        Self.word(try lock.withLock { try configuration.neighbor(neighbor).name })
    }

    package func state(of neighbor: String) throws -> String {
        let text = try birdc("show protocols all \(try name(of: neighbor))")
        for line in text.split(separator: "\n") where line.contains("BGP state:") {
            return line.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
        }
        return "unknown"
    }

    package func accepted(from neighbor: String) throws -> Set<String> {
        let text = try birdc("show route protocol \(try name(of: neighbor))")
        return Set(
            text.split(separator: "\n").filter { $0.first.map { $0.isHexDigit } == true && $0.contains("/") }.compactMap
            { line in
                line.split(separator: " ").first.map(String.init)
            })
    }

    /// The AS paths of what came for a prefix from a neighbour, as birdc shows them.
    package func paths(of prefix: String, from neighbor: String) throws -> [String] {
        let text = try birdc("show route for \(prefix) protocol \(try name(of: neighbor)) all")
        return text.split(separator: "\n").filter { $0.contains("BGP.as_path:") }.map {
            ($0.split(separator: ":").last ?? "").trimmingCharacters(in: .whitespaces)
        }.sorted()
    }

    package func announce(_ prefix: String) throws { try reconfigure { $0.networks.append(prefix) } }

    package func withdraw(_ prefix: String) throws { try reconfigure { $0.networks.removeAll { $0 == prefix } } }

    private func reconfigure(_ change: (inout RouterConfiguration) -> Void) throws {
        let text = lock.withLock {
            change(&configuration)
            return Self.text(configuration, directory)
        }
        try writeFile("\(directory)/bird.conf", text)
        let answer = try birdc("configure")
        guard answer.contains("Reconfigured") || answer.contains("Reconfiguration in progress") else {
            throw LabError("birdc configure: \(answer)")
        }
    }

    package func shutDown(_ neighbor: String, message: String) throws {
        _ = try birdc("disable \(try name(of: neighbor)) \"\(message)\"")
    }

    package var logTail: String {
        ((try? String(contentsOfFile: "\(directory)/bird.log", encoding: .utf8)).map { String($0.suffix(1500)) } ?? "")
            + daemon.logTail
    }

    package func stop() { daemon.stop() }
    package func kill() { daemon.killNow() }
    package func keep() { daemon.keep() }

    /// How an operator asks it.
    package var cli: String { "birdc -s \(directory)/bird.ctl" }
}
