import Foundation
import TestKit

/// OpenBGPD in one namespace, asked through `bgpctl -j`. It speaks BGP only: no routes of its own in the kernel.
package final class OpenBGPDRouter: Router, @unchecked Sendable {
    package let kind = "OpenBGPD"
    package let namespace: Namespace
    private let directory: String
    private let service: Service
    private let configuration: RouterConfiguration

    package init(_ configuration: RouterConfiguration, in namespace: Namespace, directory: String) throws {
        self.namespace = namespace
        self.directory = directory
        self.configuration = configuration
        // For IPv6 routes on a session over IPv4 it takes the first IPv6 address of loopback, whatever the session
        // runs over.
        if let hop = configuration.nextHopIPv6 {
            try must(["ip", "-n", namespace.name, "address", "delete", "::1/128", "dev", "lo"])
            try must(["ip", "-n", namespace.name, "address", "add", "\(hop)/128", "dev", "lo"])
        }
        let bgpd = try requireProgram("/usr/sbin/bgpd", package: "openbgpd")
        try makeDirectory(directory)
        try writeFile("\(directory)/bgpd.conf", Self.text(configuration, directory), mode: 0o600)
        // It wants to chroot to /run/openbgpd, which systemd would make. `ip netns exec` gave it a mount namespace of
        // its own:
        // a private /run there leaves the machine's alone.
        let script = "mount -t tmpfs tmpfs /run && mkdir -p /run/openbgpd && exec \"$0\" -d -f \"$1\""
        service = try Service(
            ["sh", "-c", script, bgpd, "\(directory)/bgpd.conf"], in: namespace, log: "\(directory)/bgpd.log",
            ready: Self.isReady
        ) { try Self.answers(directory) }
    }

    private static let isReady = "OpenBGPD answers bgpctl"

    private static func answers(_ directory: String) throws -> Bool {
        try !ask(directory, ["show", "summary"])["neighbors"].isNull
    }

    /// All three of its processes: the session engine would say goodbye if only its parent died.
    package func crash() throws {
        let pids = try must(["ip", "netns", "pids", namespace.name]).split(separator: "\n").compactMap { pid_t($0) }
        for pid in pids where pid != getpid() { Foundation.kill(pid, SIGKILL) }
        service.killNow()
    }

    package func recover() throws {
        try? FileManager.default.removeItem(atPath: "\(directory)/bgpd.sock")
        try service.start(ready: Self.isReady) { try Self.answers(directory) }
    }

    private static func text(_ own: RouterConfiguration, _ directory: String) -> String {
        var text = """
            AS \(own.asn)
            router-id \(own.routerID)
            holdtime \(own.holdTime)
            connect-retry 2
            socket "\(directory)/bgpd.sock"
            fib-update no

            """
        text += own.networks.map { "network \($0)\n" }.joined()
        for neighbor in own.neighbors {
            text += "neighbor \(neighbor.address) {\n  remote-as \(neighbor.asn)\n  descr \"\(neighbor.name)\"\n"
            if neighbor.passive { text += "  passive\n" }
            text += options(of: neighbor, own).map { "  \($0)\n" }.joined()
            for family in neighbor.families { text += "  announce \(family == "ipv4" ? "IPv4" : "IPv6") unicast\n" }
            text += "}\n"
        }
        return text + "allow from any\nallow to any\n" + own.neighbors.flatMap { rules(for: $0, own) }.joined()
            + own.extra + "\n"
    }

    private static func bgpctl(_ directory: String, _ arguments: [String]) throws -> String {
        try must(["bgpctl", "-s", "\(directory)/bgpd.sock"] + arguments)
    }

    private static func ask(_ directory: String, _ arguments: [String]) throws -> JSONValue {
        let text = try bgpctl(directory, ["-j"] + arguments)
        return text.isEmpty ? .null : try JSONValue(parsing: text)
    }

    /// One command of bgpctl, as text.
    @discardableResult
    package func bgpctl(_ arguments: [String]) throws -> String { try Self.bgpctl(directory, arguments) }

    /// `bgpctl -j`.
    func ask(_ arguments: String...) throws -> JSONValue { try Self.ask(directory, arguments) }

    package func state(of neighbor: String) throws -> String {
        let all = try ask("show", "summary")["neighbors"].array
        return all.first { $0["remote_addr"].string == neighbor }?["state"].string ?? "unknown"
    }

    package func accepted(from neighbor: String) throws -> Set<String> {
        Set(try ask("show", "rib", "in", "neighbor", neighbor)["rib"].array.compactMap { $0["prefix"].string })
    }

    package func announce(_ prefix: String) throws { _ = try bgpctl(["network", "add", prefix]) }

    package func withdraw(_ prefix: String) throws { _ = try bgpctl(["network", "delete", prefix]) }

    package func shutDown(_ neighbor: String, message: String) throws {
        _ = try bgpctl(["neighbor", neighbor, "down", message])
    }

    /// All that it logged.
    var log: String { service.output }
    package var logTail: String { service.logTail }
    package func stop() { service.stop() }
    package func kill() { service.killNow() }
    package func keep() { service.keep() }
}
