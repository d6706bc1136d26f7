import Foundation
import TestKit

/// BIRD 2 in one namespace, asked through birdc. Announcing and withdrawing rewrite its configuration, as an operator
/// would.
package final class BIRDRouter: Router, @unchecked Sendable {
    package let kind = "BIRD"
    package let namespace: Namespace
    private let directory: String
    private let service: Service
    private let lock = NSLock()
    private var configuration: RouterConfiguration

    package init(_ configuration: RouterConfiguration, in namespace: Namespace, directory: String) throws {
        self.namespace = namespace
        self.directory = directory
        self.configuration = configuration
        let bird = try requireProgram("bird", package: "bird2")
        try makeDirectory(directory)
        try writeFile("\(directory)/bird.conf", Self.text(configuration, directory))
        // With -R it announces nothing before every neighbour is there, or 240 s are over.
        service = try Service(
            [
                bird, "-f", "-c", "\(directory)/bird.conf", "-s", "\(directory)/bird.ctl", "-P",
                "\(directory)/bird.pid",
            ],
            in: namespace, log: "\(directory)/bird.out", ready: Self.isReady
        ) { try Self.answers(directory) }
    }

    private static let isReady = "BIRD answers birdc"

    private static func answers(_ directory: String) throws -> Bool {
        // While it waits for neighbours after a crash it says `Graceful restart recovery in progress` instead.
        let text = try ask(directory, "show status")
        return text.contains("Daemon is up and running") || text.contains("Graceful restart recovery in progress")
    }

    package func crash() { service.killNow() }

    package func recover() throws {
        try? FileManager.default.removeItem(atPath: "\(directory)/bird.ctl")
        try service.start(adding: configuration.keepsForwarding ? ["-R"] : [], ready: Self.isReady) {
            try Self.answers(directory)
        }
    }

    private static func text(_ own: RouterConfiguration, _ directory: String) -> String {
        let keeps = own.keepsForwarding ? "graceful restart on; " : ""
        var text = """
            log "\(directory)/bird.log" all;
            router id \(own.routerID);
            protocol device { }
            protocol direct { ipv4; ipv6; }
            protocol kernel kernel4 { \(keeps)merge paths yes; ipv4 { import none; export where source = RTS_BGP; }; }
            protocol kernel kernel6 { \(keeps)merge paths yes; ipv6 { import none; export where source = RTS_BGP; }; }

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
            text += (options(of: neighbor) + neighbor.options).map { "  \($0);\n" }.joined()
            if neighbor.passive { text += "  passive on;\n" }
            if own.reflects, neighbor.asn == own.asn { text += "  rr client;\n" }
            for family in neighbor.families {
                var hop = neighbor.asn == own.asn ? "next hop self; " : ""
                if family == "ipv4", neighbor.extendsNextHop { hop += "extended next hop on; " }
                text += "  \(family) { import all; \(hop)\(channel(of: neighbor)) };\n"
            }
            text += "}\n"
        }
        return text + bfdText(own) + own.extra + "\n"
    }

    /// BIRD's names are words of its language: no dashes.
    private static func word(_ name: String) -> String { name.replacingOccurrences(of: "-", with: "_") }

    private static func ask(_ directory: String, _ command: String) throws -> String {
        try must(["birdc", "-s", "\(directory)/bird.ctl"] + [command])
    }

    /// One command of birdc.
    package func birdc(_ command: String) throws -> String { try Self.ask(directory, command) }

    /// All that it logged.
    var log: String { (try? String(contentsOfFile: "\(directory)/bird.log", encoding: .utf8)) ?? "" }

    /// Its name of the session with a neighbour.
    func name(of neighbor: String) throws -> String {
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

    package var logTail: String { String(log.suffix(1500)) + service.logTail }

    package func stop() { service.stop() }
    package func kill() { service.killNow() }
    package func keep() { service.keep() }

    /// How an operator asks it.
    package var cli: String { "birdc -s \(directory)/bird.ctl" }
}
