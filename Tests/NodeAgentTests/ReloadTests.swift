import BGPSpeaker
import ControlAPI
import Foundation
import NetTypes
import RIB
import TestKit
import Testing

@testable import NodeAgent

/// Two agents as peers of a third, whose file is edited.
@Suite struct `A reload` {
    /// Keys of the whole file, of peer host-2, and more lines of `bgp`, after an edit.
    struct Edit: Sendable, CustomTestStringConvertible {
        var name: String
        var peer = ""
        var bgp = ""
        var pods = ["10.244.1.0/24"]
        var file = ""
        var testDescription: String { name }
    }

    static let harmless = [
        Edit(name: "import", peer: ", import: none"), Edit(name: "export", peer: ", export: none"),
        Edit(name: "allowOwnAS", peer: ", allowOwnAS: 1"),
        Edit(name: "maxPrefixes", peer: ", maxPrefixes: {limit: 7}"),
        Edit(name: "gracefulShutdown", peer: ", gracefulShutdown: false"),
        Edit(name: "blackhole", peer: ", blackhole: true"),
        Edit(name: "peer MRAI", peer: ", minimumAdvertisementInterval: 1s"),
        Edit(name: "holdTime said again", peer: ", holdTime: 90s"),
        Edit(name: "MRAI", bgp: "minimumAdvertisementInterval: 1s"),
        Edit(name: "connectRetryTime", bgp: "connectRetryTime: 3s"),
        Edit(name: "keepaliveTime", bgp: "keepaliveTime: 7s"), Edit(name: "sendHoldTime", bgp: "sendHoldTime: 600s"),
        Edit(name: "deferralTime", bgp: "gracefulRestart: {deferralTime: 9s}"),
        Edit(name: "clusterID", bgp: "clusterID: 192.0.2.77"),
        Edit(name: "bestPath", bgp: "bestPath: {maximumPaths: 2}"),
        Edit(name: "aggregate", bgp: "aggregates: [{prefix: 10.244.0.0/18}]"),
        Edit(name: "podCIDR more", pods: ["10.244.1.0/24", "10.244.9.0/24"]), Edit(name: "podCIDR gone", pods: []),
        Edit(name: "log", file: "log: {level: debug, format: json}"),
        Edit(name: "import lengths", file: "import: {ipv4: {minLength: 9}}"),
        Edit(name: "ipam", file: "ipam: {sweepInterval: 30s}"),
        Edit(name: "cni", file: "cni: {write: false, name: 11-x.conflist}"),
        Edit(name: "a comment", file: "# nothing at all"),
    ]

    static let transport = [
        Edit(name: "holdTime", peer: ", holdTime: 30s"), Edit(name: "families", peer: ", families: [ipv4-unicast]"),
        Edit(name: "passive", peer: ", passive: true"), Edit(name: "ttlSecurity", peer: ", ttlSecurity: true"),
        Edit(name: "multihop", peer: ", multihop: 3"), Edit(name: "role", peer: ", role: peer"),
        Edit(name: "addPath", peer: ", addPath: {receive: true}"),
        Edit(name: "extendedNextHop", peer: ", extendedNextHop: true"),
        Edit(name: "localAS", peer: ", localAS: {asn: 64999}"),
        Edit(name: "longLivedStaleTime", peer: ", gracefulRestart: {longLivedStaleTime: 60s}"),
    ]

    /// The text of agent 1's file.
    private static func text(_ rack: AgentHarness, _ edit: Edit) -> String {
        let peer = rack.peer(2, of: 1)
        // A key may stand only once in a peer.
        let known = edit.peer.contains("port") || edit.peer.hasPrefix(", import") || edit.peer.hasPrefix(", export")
        var second = String(peer.dropLast()) + edit.peer + "}"
        if known {
            let key = edit.peer.dropFirst(2).prefix { $0 != ":" }
            second = peer.replacing("\(key): all", with: edit.peer.dropFirst(2))
        }
        let retry = edit.bgp.hasPrefix("connectRetryTime") ? "" : "connectRetryTime: 1s"
        return """
            node: {name: host-1, routerID: 192.0.2.1, podCIDRs: [\(edit.pods.joined(separator: ", "))], \
            stateDir: \(rack.directory)/1}
            clusterCIDRs: [10.244.0.0/16, "fd00:10:244::/48"]
            fib: {enabled: false}
            \(edit.file)
            bgp:
              asn: 64601
              listenPort: 17900
              listenAddress: \(rack.network).1
              \(retry)
              \(edit.bgp)
              peers: [\(second), \(rack.peer(3, of: 1))]
            """
    }

    private static func configuration(_ rack: AgentHarness, _ edit: Edit) throws -> Configuration {
        let (configuration, problems) = Configuration.load(text: text(rack, edit), file: "f", hostname: "h")
        return try #require(configuration, "\(edit.name): \(problems.map(\.description))")
    }

    /// Starts three agents, and waits for both sessions.
    private static func start(_ rack: AgentHarness) async throws -> Agent {
        let hub = try await rack.start(configuration(rack, Edit(name: "none")))
        for host in 2...3 { _ = try await rack.start(rack.configuration(host, peers: [rack.peer(1, of: host)])) }
        for host in 2...3 { #expect(await eventually { await hub.session("host-\(host)").isEstablished }) }
        return hub
    }

    private static func ids(_ agent: Agent) async -> [String: PeerID] {
        Dictionary(uniqueKeysWithValues: await agent.peers.map { ($0.settings.name, $0.id) })
    }

    @Test func `R11: resets no session for what can change while it is up`() async throws {
        try await AgentHarness.run { rack in
            let hub = try await Self.start(rack)
            let before = await Self.ids(hub)
            for edit in Self.harmless + [Edit(name: "none")] {
                let new = try Self.configuration(rack, edit)
                let plan = ReloadPlan(from: await hub.configuration, to: new)
                #expect(plan.resets.isEmpty && plan.fixed.isEmpty, "\(edit.name): \(plan)")
                await hub.reload(new)
                #expect(await Self.ids(hub) == before, "\(edit.name)")
            }
            for host in 2...3 { #expect(await hub.session("host-\(host)").isUntouched) }
        }
    }

    @Test func `R11: resets exactly the peer whose transport changed, and the check says so`() async throws {
        try await AgentHarness.run { rack in
            let hub = try await Self.start(rack)
            for edit in Self.transport {
                let new = try Self.configuration(rack, edit)
                let plan = ReloadPlan(from: await hub.configuration, to: new)
                #expect(plan.resets.map(\.peer) == ["host-2"], "\(edit.name): \(plan)")
                #expect(plan.resets.first?.keys != ["a setting of the session"], "\(edit.name)")
                #expect(plan.disturbs)
                let before = await Self.ids(hub)
                await hub.reload(new)
                let after = await Self.ids(hub)
                #expect(after["host-2"] != before["host-2"], "\(edit.name)")
                #expect(after["host-3"] == before["host-3"], "\(edit.name)")
            }
            #expect(await hub.session("host-3").isUntouched)
        }
    }

    @Test func `R10: leaves all as it is after two hundred broken files, and says so`() async throws {
        try await AgentHarness.run { rack in
            let hub = try await Self.start(rack)
            let file = "\(rack.directory)/martletd.yaml"
            let good = Self.text(rack, Edit(name: "none"))
            await hub.setSource(file: file, text: good)
            let before = await Self.ids(hub)
            var generator = ConfigurationMutationTests.SeededGenerator(state: 5)
            var refused = 0
            while refused < 200 {
                let text = ConfigurationMutationTests.mutate(good, &generator)
                let reading = Configuration.load(
                    text: String(decoding: text, as: UTF8.self), file: file, hostname: "h")
                guard reading.configuration == nil else { continue }
                try Data(text).write(to: URL(fileURLWithPath: file))
                #expect(await hub.reloadFile(isOrdered: true) == .refused)
                refused += 1
            }
            #expect(await Self.ids(hub) == before)
            for host in 2...3 { #expect(await hub.session("host-\(host)").isUntouched) }
            let answers = ControlAnswers(agent: hub)
            #expect(await answers.metrics().contains("martlet_config_stale 1\n"))
            guard case .status(let status) = await answers.respond(to: .status) else { throw CancellationError() }
            #expect(status.configuration?.isStale == true && status.configuration?.refusals == 200)
            #expect(Render.status(status).contains("STALE"))
            let history = await hub.history
            #expect(history.events("host-2").contains { $0.text.contains("configuration not reloaded") })
            #expect(rack.log.all.contains { $0.contains("configuration not reloaded") })

            try good.write(toFile: file, atomically: true, encoding: .utf8)
            #expect(await hub.reloadFile(isOrdered: true) == .unchanged)
            #expect(await answers.metrics().contains("martlet_config_stale 0\n"))
            #expect(await Self.ids(hub) == before)
        }
    }

    @Test func `R10: of an unchanged file says nothing to any peer`() async throws {
        try await AgentHarness.run { rack in
            let hub = try await Self.start(rack)
            let file = "\(rack.directory)/martletd.yaml"
            let text = Self.text(rack, Edit(name: "none"))
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            await hub.setSource(file: file, text: text)
            #expect(await eventually { await hub.speaker?.isQuiet == true })
            func sent() async -> [UInt64] {
                var counts: [UInt64] = []
                for peer in await hub.peers {
                    let sent = await peer.loop.status().sent
                    counts += [sent.open, sent.update, sent.notification, sent.routeRefresh]
                }
                return counts
            }
            let before = await sent()
            for _ in 0..<20 { #expect(await hub.reloadFile(isOrdered: true) == .unchanged) }
            #expect(await hub.speaker?.isQuiet == true)
            #expect(await sent() == before)
        }
    }

    @Test func `changes the level and the form of the log`() async throws {
        let control = LogControl(level: .info, format: .logfmt)
        let handler = StructuredLogHandler(control: control)
        #expect(handler.logLevel == .info)
        control.set(Configuration.LogSettings(level: .debug, format: .json))
        #expect(handler.logLevel == .debug)
        #expect(handler.line(time: "t", level: .info, message: "m", metadata: [:]).hasPrefix("{"))
    }

    @Test func `is told beforehand, with the exit status that it deserves`() throws {
        let directory = String(try require("mktemp", "-d", "/tmp/martlet-check-\(getpid())-XXXXXX").dropLast())
        defer { _ = try? run(["rm", "-rf", "--", directory]) }
        let running = """
            node: {name: n, routerID: 192.0.2.9, podCIDRs: [10.244.1.0/24]}
            clusterCIDRs: [10.244.0.0/16]
            bgp:
              asn: 64601
              peers: [{name: tor-1, address: 192.0.2.1, asn: 65001}, {name: tor-2, address: 192.0.2.2, asn: 65002}]
            """
        var document = ConfigurationDocument(
            file: "f", loadedMilliseconds: 0, problems: [], reloads: 0, refusals: 0)
        (document.text, document.hostname, document.established) = (running, "n", ["tor-1"])
        func verdict(_ text: String) throws -> RunningAgent.Verdict {
            try text.write(toFile: "\(directory)/f", atomically: true, encoding: .utf8)
            return RunningAgent.compare("\(directory)/f", document)
        }
        #expect(try verdict(running) == .init(report: "\(directory)/f: ok\nnothing changes\n", status: 0))
        let reset = try verdict(running.replacing("asn: 65001", with: "asn: 65001, holdTime: 30s"))
        #expect(reset.status == 2)
        #expect(reset.report.contains("tor-1: the session resets, for holdTime changed (it is established now)"))
        let moved = try verdict(running.replacing("10.244.1.0/24", with: "10.244.2.0/24"))
        #expect(moved.status == 2)
        #expect(moved.report.contains("10.244.1.0/24: withdrawn") && moved.report.contains("10.244.2.0/24: announced"))
        let rules = try verdict(running.replacing("asn: 65002", with: "asn: 65002, export: none"))
        #expect(rules.status == 0 && rules.report.contains("tor-2: its rules change"))
        let restart = try verdict(running.replacing("asn: 64601", with: "asn: 64602"))
        #expect(restart.status == 2 && restart.report.contains("bgp.asn changed: this needs a restart"))
        #expect(try verdict("bgp: {asn: none}").status == 1)
        #expect(RunningAgent.check(file: nil, socket: "\(directory)/none.sock").status == 1)
    }
}
