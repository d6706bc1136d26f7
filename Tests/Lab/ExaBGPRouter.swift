import CLinux
import Foundation
import TestKit

/// ExaBGP in one namespace, told by the pipe of its process API and asked through the JSON that it writes there. It has
/// no table of routes, no decision and no kernel: it announces what it was told to, and prints what it hears.
package final class ExaBGPRouter: Router, @unchecked Sendable {
    package let kind = "ExaBGP"
    package let namespace: Namespace
    private let directory: String
    private let service: Service
    private let lock = NSLock()
    private var configuration: RouterConfiguration

    package init(_ configuration: RouterConfiguration, in namespace: Namespace, directory: String) throws {
        self.namespace = namespace
        self.directory = directory
        self.configuration = configuration
        let exabgp = try requireProgram("exabgp", package: "exabgp")
        try makeDirectory(directory)
        try must(["mkfifo", "\(directory)/commands"])
        try writeFile("\(directory)/api.sh", Self.script(directory))
        try writeFile("\(directory)/exabgp.conf", Self.text(configuration, directory))
        let settings = [
            "exabgp.daemon.user=root", "exabgp.daemon.daemonize=false", "exabgp.tcp.bind=0.0.0.0 ::",
            "exabgp.api.cli=false", "exabgp.api.ack=false", "exabgp.log.destination=stdout", "exabgp.log.level=INFO",
        ]
        service = try Service(
            ["env"] + settings + [exabgp, "\(directory)/exabgp.conf"], in: namespace, log: "\(directory)/exabgp.log",
            ready: Self.isReady
        ) { Self.answers(directory) }
    }

    private static let isReady = "ExaBGP has started its process"

    private static func answers(_ directory: String) -> Bool {
        (try? String(contentsOfFile: "\(directory)/events", encoding: .utf8))?.hasPrefix("ready") == true
    }

    /// ExaBGP reads commands from this script and writes events to it.
    private static func script(_ directory: String) -> String {
        """
        exec 3<&0
        echo ready >\(directory)/events
        cat <&3 >>\(directory)/events &
        exec cat <>\(directory)/commands

        """
    }

    private static func text(_ own: RouterConfiguration, _ directory: String) -> String {
        var text = "process lab {\n  run /bin/sh \(directory)/api.sh;\n  encoder json;\n}\n"
        for neighbor in own.neighbors {
            let families = neighbor.families.map { "\($0) unicast;" }.joined(separator: " ")
            // The raw bytes of NOTIFICATIONs, too: 4.2 cannot print the text in one itself.
            text += """
                neighbor \(neighbor.address) {
                  description "\(neighbor.name)";
                  router-id \(own.routerID);
                  local-address \(own.address(towards: neighbor));
                  local-as \(own.asn);
                  peer-as \(neighbor.asn);
                  hold-time \(own.holdTime);
                  passive \(neighbor.passive);
                  family { \(families) }
                  api {
                    processes [ lab ];
                    neighbor-changes;
                    receive { parsed; open; update; }
                  }
                  api notes-\(neighbor.name) {
                    processes [ lab ];
                    receive { packets; notification; }
                    send { packets; notification; }
                  }
                \(options(of: neighbor, own))
                  static {
                \(own.networks.compactMap { route($0, to: neighbor, own).map { "    \($0);\n" } }.joined())  }
                }

                """
        }
        return text + own.extra + "\n"
    }

    /// All events of its last start.
    var events: String { (try? String(contentsOfFile: "\(directory)/events", encoding: .utf8)) ?? "" }

    /// A neighbour's settings, and its own.
    func settings(of address: String) throws -> (Neighbor, RouterConfiguration) {
        let own = lock.withLock { configuration }
        return (try own.neighbor(address), own)
    }

    /// Writes commands to its process API.
    func tell(_ commands: [String]) throws {
        // Opened for both ways it never blocks, and never gives the reader an end of file.
        let descriptor = clinux_open("\(directory)/commands", O_RDWR, 0)
        guard descriptor >= 0 else { throw LabError("\(directory)/commands: \(errorText())") }
        defer { close(descriptor) }
        for command in commands {
            let line = Array((command + "\n").utf8)
            guard write(descriptor, line, line.count) == line.count else {
                throw LabError("\(directory)/commands: \(errorText())")
            }
        }
    }

    package func state(of neighbor: String) throws -> String {
        try ExaBGPEvents(events, neighbor: neighbor).isUp ? "Established" : "down"
    }

    package func accepted(from neighbor: String) throws -> Set<String> {
        Set(try ExaBGPEvents(events, neighbor: neighbor).paths.keys)
    }

    package func announce(_ prefix: String) throws {
        let own = lock.withLock {
            configuration.networks.append(prefix)
            return configuration
        }
        try tell(
            own.neighbors.compactMap { neighbor in
                Self.route(prefix, to: neighbor, own).map { "neighbor \(neighbor.address) announce \($0)" }
            })
    }

    package func withdraw(_ prefix: String) throws {
        let own = lock.withLock {
            defer { configuration.networks.removeAll { $0 == prefix } }
            return configuration
        }
        try tell(
            own.neighbors.compactMap { neighbor in
                Self.route(prefix, to: neighbor, own).map { "neighbor \(neighbor.address) withdraw \($0)" }
            })
    }

    package func shutDown(_ neighbor: String, message: String) throws {
        // It has no way to give a text: it sends its own name of the subcode as one.
        try tell(["neighbor \(neighbor) teardown 2"])
    }

    package func crash() { service.killNow() }

    package func recover() throws {
        try? FileManager.default.removeItem(atPath: "\(directory)/events")
        let own = lock.withLock { configuration }
        try writeFile("\(directory)/exabgp.conf", Self.text(own, directory))
        try service.start(ready: Self.isReady) { Self.answers(directory) }
    }

    package var logTail: String { service.logTail + String(events.suffix(1500)) }
    package func stop() { service.stop() }
    package func kill() { service.killNow() }
    package func keep() { service.keep() }
}
