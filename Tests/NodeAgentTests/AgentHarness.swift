import DispatchIO
import Foundation
import Glibc
import Logging
import NetTypes
import RIB
import Synchronization
import TestKit
import Testing

@testable import NodeAgent

/// The lines that an agent logged.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }

    func logger() -> Logger { Logger(label: "test") { _ in Handler(lines: self) } }

    private struct Handler: LogHandler {
        let lines: LogLines
        var logLevel = Logger.Level.trace
        var metadata = Logger.Metadata()

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let handler = StructuredLogHandler(level: .trace, format: .logfmt)
            lines.add(
                handler.line(
                    time: "now", level: event.level, message: "\(event.message)", metadata: event.metadata ?? [:]))
        }
    }
}

/// Agents on loopback that install nothing, each on an address of its own; all are stopped at the end.
final class AgentHarness {
    let directory: String
    let log = LogLines()
    private var agents: [Agent] = []
    /// 127.a.b: the network of this harness.
    let network: String
    private static let count = Mutex<UInt32>(0)

    init() throws {
        let number = Self.count.withLock { count -> UInt32 in
            count += 1
            return count
        }
        network = "127.\((UInt32(getpid()) &* 7) % 200 + 20).\(number)"
        directory = String(try require("mktemp", "-d", "/tmp/martlet-agent-\(getpid())-XXXXXX").dropLast())
    }

    /// Runs `body`; afterwards nothing is left, whatever happened.
    static func run(_ body: (AgentHarness) async throws -> Void) async throws {
        let harness = try AgentHarness()
        do {
            try await body(harness)
        } catch {
            await harness.end()
            throw error
        }
        await harness.end()
    }

    private func end() async {
        for agent in agents { await agent.stop(reason: "the test is over") }
        _ = try? TestKit.run(["rm", "-rf", "--", directory])
    }

    /// The configuration of agent `host`, in AS 64600 + host, with these podCIDRs and lines of peers.
    func configuration(_ host: Int, pods: [String] = [], peers: [String] = [], more: String = "") throws
        -> Configuration
    {
        let list = pods.map { "\"\($0)\"" }.joined(separator: ", ")
        let text = """
            node: {name: host-\(host), routerID: 192.0.2.\(host), podCIDRs: [\(list)], stateDir: \(directory)/\(host)}
            clusterCIDRs: [10.244.0.0/16, "fd00:10:244::/48"]
            fib: {enabled: false}
            bgp:
              asn: \(64600 + host)
              listenPort: 17900
              listenAddress: \(network).\(host)
              connectRetryTime: 1s
              \(more)
              peers: [\(peers.joined(separator: ", "))]
            """
        let (configuration, problems) = Configuration.load(text: text, file: "test", hostname: "test")
        return try #require(configuration, "\(problems.map(\.description))")
    }

    /// A line for `configuration`: the peer that is agent `remote`, seen from agent `host`.
    func peer(_ remote: Int, of host: Int, more: String = "") -> String {
        """
        {name: host-\(remote), address: \(network).\(remote), asn: \(64600 + remote), port: 17900, \
        localAddress: \(network).\(host), import: all, export: all\(more)}
        """
    }

    func start(_ configuration: Configuration) async throws -> Agent {
        let agent = Agent(configuration, logger: log.logger())
        try await agent.start()
        agents.append(agent)
        return agent
    }

    /// A line for `configuration`: the peer on address `host` that is a `RawPeer`, in AS 64700 + host.
    func raw(_ host: Int) -> String {
        """
        {name: raw-\(host), address: \(network).\(host), asn: \(64700 + host), passive: true, \
        import: all, export: all}
        """
    }

    /// A blocking socket from `host` to agent `to`.
    func connect(from host: Int, to remote: Int) throws -> RawPeer {
        let local = try #require(IPAddress("\(network).\(host)"))
        let address = try #require(IPAddress("\(network).\(remote)"))
        return try RawPeer(from: local, to: SocketAddress(address, port: 17900))
    }
}

/// Asks again and again until the answer is yes, at most twenty seconds.
func eventually(_ condition: () async -> Bool) async -> Bool {
    let deadline = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < deadline {
        if await condition() { return true }
        await withCheckedContinuation { continuation in
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(5)) { continuation.resume() }
        }
    }
    return false
}

/// What the tests ask of a session.
struct SessionFacts: Equatable {
    var isEstablished = false
    /// How often it was established.
    var count: UInt64 = 0
    /// The last error's words.
    var error: String?

    /// Up since the beginning; what failed before does not matter.
    var isUntouched: Bool { isEstablished && count == 1 }
}

extension PeerLoop {
    var wireCount: Int { wires.count }
}

extension Agent {
    /// The named peer's session; down when there is no such peer.
    func session(_ name: String) async -> SessionFacts {
        guard let peer = peers.first(where: { $0.settings.name == name }) else { return SessionFacts() }
        let status = await peer.loop.status()
        return SessionFacts(
            isEstablished: status.state == .established, count: status.establishedCount,
            error: status.lastError?.text.lowercased())
    }

    /// Prefixes that the named peer was told.
    func advertised(to name: String) async -> Set<Prefix> {
        guard let speaker, let peer = peers.first(where: { $0.settings.name == name }) else { return [] }
        return Set(await speaker.paths(PathQuery(.advertised(peer.id))).views.map(\.prefix))
    }

    /// Prefixes learned from others.
    func learned() async -> Set<Prefix> {
        guard let speaker else { return [] }
        return Set(await speaker.paths(PathQuery(.usable)).views.filter { $0.peer != .local }.map(\.prefix))
    }
}
