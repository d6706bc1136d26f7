import BGPWire
import ControlAPI
import Dispatch
import Foundation
import Glibc
import NetTypes
import TestKit
import Testing

@testable import NodeAgent

/// From the start to readiness, in order.
@Suite struct `The start` {
    /// Directories of a runtime with plugins that only say which versions they speak, and the section that names them.
    private static func section(_ rack: AgentHarness) throws -> String {
        for directory in ["bin", "conf"] {
            try FileManager.default.createDirectory(
                atPath: "\(rack.directory)/\(directory)", withIntermediateDirectories: true)
        }
        for plugin in ["martlet", "martlet-ipam"] {
            let path = "\(rack.directory)/bin/\(plugin)"
            let answer = #"{"cniVersion":"1.1.0","supportedVersions":["0.4.0","1.0.0","1.1.0"]}"#
            try "#!/bin/sh\necho '\(answer)'\n".write(toFile: path, atomically: false, encoding: .utf8)
            #expect(chmod(path, 0o755) == 0)
        }
        return "cni: {write: true, confDir: \(rack.directory)/conf, binDir: \(rack.directory)/bin}"
    }

    private static func list(_ rack: AgentHarness) -> String { "\(rack.directory)/conf/10-martlet.conflist" }

    private static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    private static func sessions(_ rack: AgentHarness) -> String {
        (try? String(contentsOfFile: "\(rack.directory)/1/sessions.json", encoding: .utf8)) ?? ""
    }

    private static func configuration(
        _ rack: AgentHarness, deferral: String = "600s", cni: String? = nil
    ) throws -> Configuration {
        var configuration = try rack.configuration(
            1, pods: ["10.244.1.0/24"], peers: [rack.raw(99)], more: "gracefulRestart: {deferralTime: \(deferral)}")
        let section = try cni ?? section(rack)
        let text = "bgp: {asn: 64601}\n\(section)"
        let (other, problems) = Configuration.load(text: text, file: "f", hostname: "h")
        let loaded = try #require(other, "\(problems)")
        configuration.cni = loaded.cni
        return configuration
    }

    /// Brings the session up and sends no End-of-RIB; the prefixes that came before ours.
    private static func establish(_ peer: RawPeer) throws {
        peer.send(RawPeer.open(64799))
        _ = try peer.next()
        _ = try peer.next()
        peer.send(.keepalive)
    }

    private static func endOfRIB(_ peer: RawPeer) {
        var packer = UpdatePacker(fourOctetAS: true)
        packer.endOfRIB(.ipv4)
        packer.endOfRIB(.ipv6)
        peer.send(packer.take())
    }

    @Test func `announces first, awaits End-of-RIB, writes the list, and is ready then`() async throws {
        try await AgentHarness.run { rack in
            let hub = try await rack.start(Self.configuration(rack))
            let answers = ControlAnswers(agent: hub)
            func isReady() async -> Bool { await answers.readyChecks().allSatisfy(\.ok) }
            #expect(await hub.sequence.text == "waiting for the peers' End-of-RIB")
            #expect(Self.sessions(rack).contains("\"ready\":false"))
            // Liveness asks for no peer.
            #expect(await eventually { await answers.loopChecks().allSatisfy(\.ok) })

            let peer = try rack.connect(from: 99, to: 1)
            try Self.establish(peer)
            let own = try #require(Prefix(strict: "10.244.1.0/24"))
            #expect(try peer.awaitAnnouncement(own), "nothing holds the own prefix back")
            #expect(await eventually { await hub.session("raw-99").isEstablished })
            #expect(await !isReady() && !Self.exists(Self.list(rack)))
            #expect(await hub.sequence.step == .endOfRIB)

            Self.endOfRIB(peer)
            #expect(await eventually { await isReady() })
            var status = stat()
            #expect(stat(Self.list(rack), &status) == 0 && status.st_mode & 0o777 == 0o600)
            #expect(Self.sessions(rack).contains("\"ready\":true"))
            #expect(rack.log.all.contains { $0.contains("pods can be plugged") })
            await hub.stop(reason: "test")
            #expect(Self.exists(Self.list(rack)), "the list stays: pods come and go without the agent")
        }
    }

    @Test func `waits no longer than the deferral for a peer that has not told all`() async throws {
        try await AgentHarness.run { rack in
            let hub = try await rack.start(Self.configuration(rack, deferral: "1s"))
            #expect(await eventually { await hub.sequence.text == "waiting for the first BGP session" })
            #expect(!Self.exists(Self.list(rack)), "a node that has never had a session is no good to a pod")
            let peer = try rack.connect(from: 99, to: 1)
            try Self.establish(peer)
            #expect(await eventually { await hub.sequence.isReady })
            #expect(Self.exists(Self.list(rack)))
        }
    }

    @Test func `keeps what others put into the list, and tries again when it cannot be written`() async throws {
        try await AgentHarness.run { rack in
            let section = try Self.section(rack)
            let foreign = """
                {"cniVersion":"1.0.0","name":"martlet","plugins":[{"type":"martlet","mtu":1400},{"type":"istio-cni"}]}
                """
            try foreign.write(toFile: Self.list(rack), atomically: false, encoding: .utf8)
            #expect(chmod("\(rack.directory)/bin/martlet", 0o644) == 0)
            let hub = try await rack.start(Self.configuration(rack, cni: section))
            let peer = try rack.connect(from: 99, to: 1)
            try Self.establish(peer)
            Self.endOfRIB(peer)
            #expect(await eventually { await hub.sequence.problem?.contains("bin/martlet is missing") == true })
            let answers = ControlAnswers(agent: hub)
            #expect(await eventually { await answers.readyChecks().contains { !$0.ok && $0.name == "start" } })
            #expect(chmod("\(rack.directory)/bin/martlet", 0o755) == 0)
            #expect(await eventually { await hub.sequence.isReady })
            let text = try String(contentsOfFile: Self.list(rack), encoding: .utf8)
            #expect(text.contains("istio-cni") && text.contains("1400"))
        }
    }

    @Test func `writes no list that nobody asked for`() async throws {
        try await AgentHarness.run { rack in
            _ = try Self.section(rack)
            let hub = try await rack.start(
                Self.configuration(rack, cni: "cni: {confDir: \(rack.directory)/conf}"))
            let peer = try rack.connect(from: 99, to: 1)
            try peer.establish(64799)
            #expect(await eventually { await hub.sequence.isReady })
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(rack.directory)/conf").isEmpty)
        }
    }

    @Test func `a loop that hangs makes health fail, and nothing else does`() async throws {
        try await AgentHarness.run { rack in
            let hub = try await rack.start(Self.configuration(rack, deferral: "1s"))
            let answers = ControlAnswers(agent: hub)
            let isAlive = await eventually { await answers.loopChecks().allSatisfy(\.ok) }
            #expect(isAlive, "no peer is there, and none is needed")
            let speaker = try #require(await hub.speaker)
            let (stuck, release) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            speaker.executor.queue.async {
                stuck.signal()
                release.wait()
            }
            try await onThread { stuck.wait() }
            let failed = await answers.loopChecks().filter { !$0.ok }.map(\.name)
            release.signal()
            #expect(failed.contains("loop speaker"))
            #expect(await eventually { await answers.loopChecks().allSatisfy(\.ok) })
        }
    }
}
