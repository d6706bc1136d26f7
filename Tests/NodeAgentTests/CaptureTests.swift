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
@Suite(.timeLimit(.minutes(1)))
struct CaptureTests {
    /// A listener on the agent's control socket, on a thread of its own.
    private final class Listener: Sendable {
        private let octets = Mutex<[UInt8]>([])
        private let isEnough = Atomic(false)

        init(_ socket: String, peer: String) {
            Thread.detachNewThread {
                try? ControlClient(socket: socket).stream(.capture(peer)) { more in
                    self.octets.withLock { $0 += more }
                    return !self.isEnough.load(ordering: .relaxed)
                }
            }
        }

        /// Takes no more from the next octets on.
        func leave() { isEnough.store(true, ordering: .relaxed) }

        var file: [UInt8] { octets.withLock { $0 } }

        var messages: [DecodedMessage] {
            var settings = CaptureSettings()
            settings.port = nil
            var decoder = CaptureDecoder(settings)
            let entries = (try? decoder.append(file[...])) ?? []
            return entries.compactMap { if case .message(let message) = $0 { message } else { nil } }
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

    @Test func `nobody is told of a peer that is not configured`() async throws {
        try await AgentHarness.run { rack in
            _ = try await agent(rack)
            let socket = "\(rack.directory)/1/martletd.sock"
            #expect(throws: ControlError.self) {
                try ControlClient(socket: socket).stream(.capture("nobody")) { _ in true }
            }
        }
    }
}

extension PeerLoop {
    fileprivate var captureCount: Int { captures.count }
}
