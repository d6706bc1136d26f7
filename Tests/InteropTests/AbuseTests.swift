import BGPWire
import Foundation
import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// A neighbour that abuses the agent while another one does not: the other one must not notice, and the agent may
    /// neither grow nor fill its log. Each test prints figures; none is about the speed of a machine.
    @Suite(.serialized)
    struct AbuseTests {
        /// Seconds that the longest abuse takes; `make test-long` takes its time.
        private static let seconds = ProcessInfo.processInfo.environment["MARTLET_TEST_LONG"] == nil ? 10.0 : 60.0

        @Test func `1,000 flaps a second delay no KEEPALIVE, and the last word counts`() throws {
            try Scene.run("1,000 flaps a second") { scene in
                let prefixes = (100..<200).compactMap { Prefix("10.244.\($0).0/24") }
                let rogue = try scene.rogue()
                rogue.listen()
                let end = Date(timeIntervalSinceNow: Self.seconds)
                var flaps = 0
                var next = Date()
                while Date() < end {
                    // Ten in ten milliseconds: prefixes come in one turn, one by one, and go in the next.
                    let turn = (0..<10).map { prefixes[(flaps / 20 * 10 + $0) % prefixes.count] }
                    let octets = turn.flatMap {
                        flaps % 20 == 0 ? scene.announcement([$0]) : RawSpeaker.withdrawal([$0])
                    }
                    #expect(rogue.send(octets, notBefore: next))
                    flaps += 10
                    next += 0.01
                }
                #expect(rogue.send(scene.announcement(prefixes)))
                let wanted = Set(Rack.podCIDRs(0) + prefixes.map(\.description))
                try scene.space.waitPrefixes(wanted, protocolID: 179)
                #expect(rogue.record.end == nil)
                rogue.end()
                return "\(flaps) flaps in \(Int(Self.seconds)) s"
            }
        }

        @Test func `R18: 1,000 half-open connections leave nothing behind`() throws {
            try Scene.run("1,000 half-open connections") { scene in
                let (local, remote) = (scene.local(0), scene.remote)
                let descriptors = try scene.tor(0).inside {
                    try (0..<1000).map { _ in try RawSpeaker.connect(Endpoint(local, 0), remote) }
                }
                try scene.waitForDescriptors("while all are open on the other side")
                for descriptor in descriptors { close(descriptor) }
                // The place is free again for a peer that means it.
                let honest = try scene.rogue()
                honest.listen()
                try eventually("the session is up") { try scene.isEstablished(0) }
                honest.end()
                return "\(descriptors.count) connections"
            }
        }

        @Test func `an unknown source that connects 10,000 times is refused in a few lines`() throws {
            try Scene.run("10,000 calls of an unknown source") { scene in
                try scene.addUnknownSource()
                let refused = try scene.callFromUnknownSource(10_000)
                #expect(refused == 10_000, "each is closed without an octet")
                #expect(scene.logLines("connection refused") <= 3)
                return "\(refused) calls"
            }
        }

        @Test func `a peer that stops reading costs the others nothing`() throws {
            try Scene.run("a peer that stops reading") { scene in
                let deaf = try scene.rogue(receiveBuffer: 4096)
                deaf.keepAlive()
                let prefixes = (256..<4096).map {
                    Prefix(bits: UInt128(0x0af4_0000 + $0 * 16) << 96, length: 28, family: .ipv4)
                }
                // Long paths, one prefix each, again and again: far more than what the kernel takes for the deaf one.
                for round in UInt32(0)..<3 {
                    for (index, prefix) in prefixes.enumerated() {
                        let path = [Rack.torASN(1)] + (0..<200).map { 100_000 + round + UInt32(index + $0) }
                        let bytes = RawSpeaker.announcement([prefix], path: path, nextHop: scene.local(1))
                        try #require(scene.witness.send(bytes))
                    }
                }
                try eventually("all is learned", within: 60) { try scene.accepted(1) == prefixes.count }
                let waiting = try scene.usage()
                try eventually("the deaf one is let go", within: 60, last: { scene.node.logTail }) {
                    scene.logLines("took nothing") > 0
                }
                deaf.end()
                return "\(3 * prefixes.count) long paths for it; while they waited: \(waiting)"
            }
        }

        @Test func `octets that trickle in one at a time make messages`() throws {
            try Scene.run("one octet at a time") { scene in
                let slow = try scene.connect(0)
                let prefixes = (16..<240).compactMap { Prefix("10.244.\($0).0/24") }
                let octets = RawSpeaker.greeting(asn: Rack.torASN(0), holdTime: 9) + scene.announcement(prefixes)
                #expect(slow.send(octets, piece: 1))
                try scene.space.waitPrefixes(
                    Set(Rack.podCIDRs(0) + prefixes.map(\.description)), protocolID: 179)
                slow.listen()
                #expect(try scene.isEstablished(0))
                slow.end()
                return "\(octets.count) octets"
            }
        }

        @Test func `a million prefixes from a peer limited to 10,000 shut its session and nothing else`() throws {
            try Scene.run("a million prefixes for a limit of 10,000", limit: 10_000) { scene in
                let rogue = try scene.rogue()
                rogue.listen()
                var sent = 0
                for start in stride(from: 0, to: 1_000_000, by: 1000) {
                    let prefixes = (start..<(start + 1000)).map {
                        Prefix(bits: UInt128(0x1000_0000 + $0 * 16) << 96, length: 28, family: .ipv4)
                    }
                    guard rogue.send(scene.announcement(prefixes)) else { break }
                    sent += 1000
                }
                try eventually("the Cease is here", last: { scene.node.logTail }) { rogue.record.end != nil }
                let reason = rogue.record.notification
                #expect(reason.map { ($0.hardResetReason ?? $0).code } == 6 || reason == nil)
                try eventually("its paths are gone") {
                    try scene.node.accepted(from: scene.local(0).description).isEmpty
                }
                #expect(scene.logLines("more prefixes than its limit") == 1)
                // Not more than what one read of 16 KiB gives is held beyond the limit.
                let held = scene.number("held", in: "more prefixes than its limit") ?? 0
                #expect(held > 10_000 && held <= 10_000 + 16_384 / 5)
                let error = try scene.node.session(scene.local(0).description)["lastError"]
                #expect(error["code"] == 6 && error["subcode"] == 1)
                rogue.end()
                return "\(sent) of 1000000 were sent before the session was shut, with \(held) held"
            }
        }
    }
}
