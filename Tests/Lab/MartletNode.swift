import Foundation
import TestKit

/// One of `bgp.peers` of our agent.
package struct MartletPeer: Sendable {
    package var name: String
    package var address: String
    package var asn: UInt32
    /// Instead of the number: `external`, `internal`.
    package var asnText: String?
    package var passive = false
    package var port: UInt16 = 179
    /// In place of the address: `interface: eth0`, `defaultGateway: true`. Then `address` is what tests call the peer.
    package var location: String?
    /// cluster, all, none.
    package var imports: String?
    /// own, all, none.
    package var exports: String?
    /// More keys with their values: `passwordFile: /etc/key`.
    package var options: [String] = []

    package init(name: String, address: String, asn: UInt32, passive: Bool = false) {
        (self.name, self.address, self.asn, self.passive) = (name, address, asn, passive)
    }

    fileprivate var yaml: String {
        let place = location ?? "address: \"\(address)\""
        var text = "    - {name: \(name), \(place), asn: \(asnText ?? "\(asn)"), passive: \(passive)"
        text += ", port: \(port)"
        if let imports { text += ", import: \(imports)" }
        if let exports { text += ", export: \(exports)" }
        return text + options.map { ", \($0)" }.joined() + "}\n"
    }
}

/// martletd.yaml of a node of the lab.
package struct MartletConfiguration: Sendable {
    package var name: String
    package var asn: UInt32
    package var routerID: String
    package var podCIDRs: [String]
    package var clusterCIDRs = Rack.clusterCIDRs
    package var peers: [MartletPeer]
    /// Seconds.
    package var holdTime = 90
    package var deferralTime = 30
    package var restartTime = 120
    package var connectRetryTime = 1
    /// More keys of `bgp`, one a line: `minimumAdvertisementInterval: 5s`.
    package var options: [String] = []
    /// More keys of `bgp.gracefulRestart`.
    package var restartOptions: [String] = []
    /// Whole sections for the end of the file.
    package var extra = ""

    package init(name: String, asn: UInt32, routerID: String, podCIDRs: [String], peers: [MartletPeer]) {
        (self.name, self.asn, self.routerID, self.podCIDRs, self.peers) = (name, asn, routerID, podCIDRs, peers)
    }

    func yaml(stateDirectory: String) -> String {
        let restart =
            (["restartTime: \(restartTime)s", "deferralTime: \(deferralTime)s"] + restartOptions)
            .joined(separator: ", ")
        func list(_ values: [String]) -> String { "[" + values.map { "\"\($0)\"" }.joined(separator: ", ") + "]" }
        return """
            node:
              name: \(name)
              routerID: \(routerID)
              podCIDRs: \(list(podCIDRs))
              stateDir: \(stateDirectory)
            clusterCIDRs: \(list(clusterCIDRs))
            bgp:
              asn: \(asn)
              holdTime: \(holdTime)s
              connectRetryTime: \(connectRetryTime)s
              gracefulRestart: {\(restart)}
            \(options.map { "  \($0)\n" }.joined())
              peers:
            \(peers.map(\.yaml).joined())
            \(extra)

            """
    }
}

/// Our agent on a node of a rack: its configuration, its process (which may be killed and started again), and
/// martletctl.
package final class MartletNode: Speaker, @unchecked Sendable {
    package let kind = "Martlet"
    package let namespace: Namespace
    package let configurationFile: String
    /// node.json and the control socket are in it.
    package let stateDirectory: String
    private let directory: String
    private let lock = NSLock()
    private var daemon: Daemon?
    private var current: MartletConfiguration
    /// What the agent is started by, which replaces itself by it: `env NAME=VALUE`, `setpriv ...`.
    package var entry: [String] = []

    /// Writes the configuration; `start` starts the agent.
    package init(_ configuration: MartletConfiguration, in namespace: Namespace, directory: String) throws {
        self.namespace = namespace
        self.directory = directory
        current = configuration
        configurationFile = "\(directory)/martletd.yaml"
        stateDirectory = "\(directory)/run"
        try makeDirectory(stateDirectory)
        try writeFile(configurationFile, configuration.yaml(stateDirectory: stateDirectory))
    }

    package var configuration: MartletConfiguration { lock.withLock { current } }
    package var socket: String { "\(stateDirectory)/martletd.sock" }
    package var log: String { "\(directory)/martletd.log" }
    package var logTail: String { lock.withLock { daemon }?.logTail ?? "" }
    package var pid: pid_t? { lock.withLock { daemon }?.pid }
    package var isRunning: Bool { lock.withLock { daemon }?.isRunning ?? false }

    /// Starts the agent and waits until it answers on its control socket. `program`: another file than the one that was
    /// built.
    package func start(_ program: String? = nil) throws {
        let program = try program ?? martletBinary("martletd")
        let started = try Daemon(entry + [program, "--config", configurationFile], in: namespace, log: log)
        lock.withLock { daemon = started }
        try started.wait(for: "martletd answers martletctl") { try ctl("sessions", "-o", "json").output.hasPrefix("{") }
    }

    /// Writes another configuration; `reload` or a restart makes the agent read it.
    package func configure(_ change: (inout MartletConfiguration) -> Void) throws {
        let text = lock.withLock {
            change(&current)
            return current.yaml(stateDirectory: stateDirectory)
        }
        try writeFile(configurationFile, text)
    }

    /// Reads the configuration again.
    package func reload() { lock.withLock { daemon }?.send(SIGHUP) }

    package func stop() { lock.withLock { daemon }?.stop() }
    package func kill() { lock.withLock { daemon }?.killNow() }
    package func keep() { lock.withLock { daemon }?.keep() }

    /// Sends a signal to the running agent.
    package func send(_ signal: Int32) { lock.withLock { daemon }?.send(signal) }
    /// How the agent ended: its exit status, or 128 + signal; nil while it runs.
    package var exitStatus: Int32? { lock.withLock { daemon }?.exitStatus }
    /// All that every run of the agent wrote.
    package var lines: [Substring] {
        ((try? String(contentsOfFile: log, encoding: .utf8)) ?? "").split(separator: "\n")
    }

    /// martletctl as an operator types it on this node.
    package func ctl(_ arguments: String...) throws -> Finished {
        try namespace.run([try martletBinary("martletctl")] + arguments + ["--socket", socket])
    }

    /// martletctl ... -o json.
    package func json(_ arguments: String...) throws -> JSONValue {
        let command = arguments + ["-o", "json", "--socket", socket]
        let finished = try namespace.run([try martletBinary("martletctl")] + command)
        // A session that is down makes the exit status non-zero; the document is there all the same.
        guard finished.output.hasPrefix("{") else {
            throw LabError(command: ["martletctl"] + command, finished: finished)
        }
        return try JSONValue(parsing: finished.output)
    }

    /// The session with a peer, by address or name, as `/v1/sessions` has it.
    package func session(_ address: String) throws -> JSONValue {
        let sessions = try json("sessions")["sessions"].array
        return sessions.first { [$0["address"].string, $0["peer"].string].contains(address) } ?? .null
    }

    package func state(of neighbor: String) throws -> String {
        let state = try session(neighbor)["state"].string ?? "unknown"
        return state.prefix(1).uppercased() + state.dropFirst()
    }

    private func peerName(_ neighbor: String) throws -> String {
        guard let peer = configuration.peers.first(where: { $0.address == neighbor || $0.name == neighbor }) else {
            throw LabError("no peer \(neighbor)")
        }
        return peer.name
    }

    package func accepted(from neighbor: String) throws -> Set<String> {
        let routes = try json("routes", "--received", try peerName(neighbor))["routes"].array
        return Set(routes.filter { $0["state"].string != "rejected" }.compactMap { $0["prefix"].string })
    }

    /// Prefixes that the agent says it announces to a peer.
    package func advertised(to neighbor: String) throws -> Set<String> {
        Set(
            try json("routes", "--advertised", try peerName(neighbor))["routes"].array.compactMap {
                $0["prefix"].string
            })
    }

    /// Prefix and reason of every rejected path.
    package func rejected() throws -> [String: String] {
        let routes = try json("routes", "--rejected")["routes"].array
        return Dictionary(routes.map { ($0["prefix"].string ?? "", $0["reason"].string ?? "") }) { first, _ in first }
    }

    /// Plugs pods into this node by our plugin, with addresses from martlet-ipam.
    package func podNetwork() throws -> PodNetwork {
        PodNetwork(
            node: namespace,
            conflist: [
                "cniVersion": "1.1.0", "name": "martlet",
                "plugins": [
                    [
                        "type": "martlet", "mtu": 0, "stateDir": .string(stateDirectory),
                        "ipam": [
                            "type": "martlet-ipam", "subnet": "usePodCidr", "stateDir": .string(stateDirectory),
                            "dataDir": .string("\(directory)/ipam"),
                        ],
                    ]
                ],
            ], path: [URL(fileURLWithPath: try martletBinary("martlet")).deletingLastPathComponent().path])
    }
}

extension Rack {
    /// The configuration of our agent on a node: every router of the rack is a peer.
    package func nodeConfiguration(_ node: Int) -> MartletConfiguration {
        let peers = tors.indices.map {
            MartletPeer(name: tors[$0].role, address: link(tor: $0, node: node).routerIPv4, asn: Self.torASN($0))
        }
        return MartletConfiguration(
            name: Self.nodeName(node), asn: Self.nodeASN(node), routerID: link(node: node).nodeIPv4,
            podCIDRs: Self.podCIDRs(node), peers: peers)
    }

    /// Our agent on a node, not started yet.
    package func martlet(_ node: Int, _ configuration: MartletConfiguration? = nil) throws -> MartletNode {
        try MartletNode(
            configuration ?? nodeConfiguration(node), in: nodes[node], directory: directory(Self.nodeName(node)))
    }

    /// Our agent on a node, started.
    package func startMartlet(_ node: Int, _ change: (inout MartletConfiguration) -> Void = { _ in }) throws
        -> MartletNode
    {
        var configuration = nodeConfiguration(node)
        change(&configuration)
        let agent = try martlet(node, configuration)
        try agent.start()
        return agent
    }
}
