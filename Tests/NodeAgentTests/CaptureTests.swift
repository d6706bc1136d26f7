import AgentClient
import BGPCapture
import BGPWire
import ControlAPI
import Foundation
import NetTypes
import Synchronization
import TestKit
import Testing

@testable import NodeAgent

/// What a capture of a live session holds, and what it costs.
struct CaptureTests {
    /// A listener on the agent's control socket, on a thread of its own.
    private final class Listener: Sendable {
        private let octets = Mutex<[UInt8]>([])
        private let isEnough = Atomic(false)
        /// Held while nothing is to be read.
        private let gate = DispatchSemaphore(value: 1)

        init(_ socket: String, peer: String) {
            Thread.detachNewThread {
                try? ControlClient(socket: socket).stream(.capture(peer)) { more in
                    self.gate.wait()
                    self.gate.signal()
                    self.octets.withLock { $0 += more }
                    return !self.isEnough.load(ordering: .relaxed)
                }
            }
        }

        /// Takes no more from the next octets on.
        func leave() { isEnough.store(true, ordering: .relaxed) }

        /// Reads nothing while `body` runs.
        func whileBlocked(_ body: () async throws -> Void) async throws {
            block()
            defer { unblock() }
            try await body()
        }

        private func block() { gate.wait() }
        private func unblock() { gate.signal() }

        var file: [UInt8] { octets.withLock { $0 } }

        var entries: [CaptureEntry] {
            var settings = CaptureSettings()
            settings.port = nil
            var decoder = CaptureDecoder(settings)
            return (try? decoder.append(file[...])) ?? []
        }

        var messages: [DecodedMessage] {
            entries.compactMap { if case .message(let message) = $0 { message } else { nil } }
        }
    }

    private func agent(_ rack: AgentHarness) async throws -> Agent {
        try await rack.start(rack.configuration(1, pods: ["10.244.1.0/24"], peers: [rack.raw(100)]))
    }

    private func captures(_ agent: Agent) async -> Int {
        guard let peer = await agent.peers.first else { return 0 }
        return await peer.loop.captureCount
    }

    @Test func `a capture within a session begins with the two OPENs and goes on at a message`() async throws {
        try await AgentHarness.run { rack in
            let agent = try await agent(rack)
            let raw = try rack.connect(from: 100, to: 1)
            try raw.establish(64800)
            #expect(await eventually { await agent.session("raw-100").isEstablished })
            let listener = Listener("\(rack.directory)/1/martletd.sock", peer: "raw-100")
            #expect(await eventually { listener.messages.count == 2 })
            #expect(listener.messages.map(\.name) == ["OPEN", "OPEN"])
            #expect(listener.messages.allSatisfy { $0.verdict.action == .accepted })
            #expect(listener.messages.contains { $0.sender?.port == 17900 })

            let prefix = try #require(Prefix("10.244.9.0/24"))
            raw.announce(prefix, path: [64800])
            #expect(await eventually { listener.messages.count == 3 })
            let update = try #require(listener.messages.last)
            #expect(update.withdrawn == [prefix] || update.announced == [prefix])
            #expect(update.context?.contains("both OPENs") == true)

            listener.leave()
            raw.send(.keepalive)
            #expect(await eventually { await captures(agent) == 0 })
            #expect(await agent.session("raw-100").isUntouched)
        }
    }

    @Test func `a capture that waits sees the connection from its first octet to the NOTIFICATION`() async throws {
        try await AgentHarness.run { rack in
            let agent = try await agent(rack)
            let listener = Listener("\(rack.directory)/1/martletd.sock", peer: "raw-100")
            #expect(await eventually { await captures(agent) == 1 })
            let raw = try rack.connect(from: 100, to: 1)
            try raw.establish(64800)
            raw.send([UInt8](repeating: 0xff, count: 16) + [0, 19, 9])
            #expect(try raw.verdict() == "1/3")
            #expect(await eventually { listener.messages.last?.name == "NOTIFICATION" })
            let names = listener.messages.map(\.name)
            #expect(names.starts(with: ["OPEN", "OPEN", "KEEPALIVE"]) && names.contains("UPDATE"), "\(names)")
            let bad = listener.messages.first { $0.type == 9 }
            #expect(bad?.verdict.notification == NotificationMessage(1, 3, [9]))
        }
    }

    @Test func `a listener that does not read loses octets and is told so, and the session does not wait`() async throws
    {
        try await AgentHarness.run { rack in
            let agent = try await agent(rack)
            let raw = try rack.connect(from: 100, to: 1)
            try raw.establish(64800)
            #expect(await eventually { await agent.session("raw-100").isEstablished })
            let listener = Listener("\(rack.directory)/1/martletd.sock", peer: "raw-100")
            #expect(await eventually { listener.messages.count == 2 })

            // Eight million octets that the speaker reads and has nothing to do with.
            let value = [UInt8](repeating: 0, count: 4000)
            let idle =
                [UInt8](repeating: 0xff, count: 16) + [0x0f, 0xbb, 2, 0, 0, 0x0f, 0xa4, 0x90, 200, 0x0f, 0xa0] + value
            let before = await agent.updates("raw-100")
            try await listener.whileBlocked {
                for _ in 0..<2000 { raw.send(idle) }
                #expect(await eventually { await agent.updates("raw-100") == before + 2000 })
            }
            // What comes after the listener has caught up is whole again.
            let keepalive = [UInt8](repeating: 0xff, count: 16) + [0, 19, 4]
            #expect(
                await eventually {
                    raw.send(keepalive)
                    return listener.messages.last?.name == "KEEPALIVE"
                })
            let notes = listener.entries.compactMap { if case .note(let note) = $0 { note.text } else { nil } }
            #expect(notes.contains { $0.hasSuffix("octets are not in the capture") }, "\(notes)")
            #expect(listener.messages.count < 2000)
            #expect(await agent.session("raw-100").isUntouched)
        }
    }

    @Test func `explain names the malformed UPDATE that a prefix was lost in, until it is announced well`() async throws
    {
        try await AgentHarness.run { rack in
            let agent = try await agent(rack)
            let raw = try rack.connect(from: 100, to: 1)
            try raw.establish(64800)
            #expect(await eventually { await agent.session("raw-100").isEstablished })
            let body: [UInt8] = [
                0, 0, 0, 20, 0x40, 1, 1, 9, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0x20, 0x40, 3, 4, 192, 0, 2, 99, 24, 10, 244,
                9,
            ]
            let socket = "\(rack.directory)/1/martletd.sock"
            let destination = try #require(Prefix("10.244.9.7/32"))
            func misses() async throws -> [NearMissDocument] {
                try await onThread {
                    let client = ControlClient(socket: socket)
                    return try client.decode(ExplainDocument.self, try client.get(.explain(destination))).nearMisses
                }
            }
            #expect(try await misses().isEmpty)
            raw.send([UInt8](repeating: 0xff, count: 16) + [0, UInt8(body.count + 19), 2] + body)
            #expect(await eventually { (try? await misses().count) == 1 })
            let miss = try #require(try await misses().first)
            #expect(miss.prefix == "10.244.9.0/24" && miss.source == "raw-100")
            #expect(
                miss.reason.contains("treat-as-withdraw: ORIGIN is 9, needs 0, 1 or 2 (RFC 7606 section 7.1)"),
                "\(miss.reason)")
            var good = body
            good[7] = 0
            raw.send([UInt8](repeating: 0xff, count: 16) + [0, UInt8(body.count + 19), 2] + good)
            #expect(await eventually { (try? await misses().allSatisfy { !$0.reason.contains("malformed") }) == true })
        }
    }

    @Test func `nobody is told of a peer that is not configured`() async throws {
        try await AgentHarness.run { rack in
            _ = try await agent(rack)
            let socket = "\(rack.directory)/1/martletd.sock"
            await #expect(throws: ControlError.self) {
                try await onThread { try ControlClient(socket: socket).stream(.capture("nobody")) { _ in true } }
            }
        }
    }
}

extension Agent {
    /// UPDATEs that came from a peer.
    fileprivate func updates(_ name: String) async -> UInt64 {
        guard let peer = peers.first(where: { $0.settings.name == name }) else { return 0 }
        return await peer.loop.status().received.update
    }
}

extension PeerLoop {
    fileprivate var captureCount: Int { captures.count }
}
