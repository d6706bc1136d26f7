import BGPWire
import Foundation
import Lab
import NetTypes
import TestKit
import Testing

/// An agent between a rogue (tor-1) and a witness (tor-2), whose session nothing that the rogue does may touch.
final class Scene {
    private static let holdTime: UInt16 = 9

    let node: MartletNode
    let witness: RawSpeaker
    private let rack: Rack
    private let before: Usage
    private let linesBefore: Int
    private let began = Date()

    /// MiB that the agent may grow by, whatever is done to it (a debug build).
    private static let mostGrowth = 192.0
    /// Lines that the log may grow by, beside one a second.
    private static let mostLines = 40
    /// An address of the rogue's link that is no peer's.
    private static let unknown = "fd00:0:0:1::99"

    /// Runs an abuse, looks at the agent's health, and prints the figures; `body` says what was done.
    static func run(_ name: String, limit: Int? = nil, _ body: (Scene) throws -> String) throws {
        try Rack.use(tors: 2, nodes: 1) { rack in
            let scene = try Scene(rack, limit: limit)
            let done = try body(scene)
            try scene.checkHealth(name, done)
        }
    }

    private init(_ rack: Rack, limit: Int?) throws {
        self.rack = rack
        node = try rack.startMartlet(0) { configuration in
            configuration.holdTime = Int(Self.holdTime)
            for index in configuration.peers.indices {
                configuration.peers[index].passive = true
                configuration.peers[index].exports = "all"
            }
            // Still inside the section `bgp`.
            configuration.extra = "  sendHoldTime: 12s"
            if let limit {
                configuration.peers[0].options += ["maxPrefixes: {limit: \(limit), restartAfter: 3600s}"]
            }
        }
        witness = try Self.connect(rack, 1)
        try witness.establish(asn: Rack.torASN(1), holdTime: Self.holdTime)
        witness.listen()
        before = try Usage(node.pid ?? 0)
        linesBefore = try Self.lines(node).count
    }

    var space: Namespace { rack.nodes[0] }
    func tor(_ number: Int) -> Namespace { rack.tors[number] }
    var remote: Endpoint { Self.remote(rack, 0) }

    /// The address of a ToR, which is that of the agent's peer.
    func local(_ tor: Int) -> IPAddress { Self.local(rack, tor) }

    private static func local(_ rack: Rack, _ tor: Int) -> IPAddress {
        IPAddress(rack.link(tor: tor, node: 0).routerIPv4) ?? .v4(.any)
    }

    private static func remote(_ rack: Rack, _ tor: Int) -> Endpoint {
        Endpoint(IPAddress(rack.link(tor: tor, node: 0).nodeIPv4) ?? .v4(.any), 179)
    }

    private static func connect(_ rack: Rack, _ tor: Int, _ buffer: Int32? = nil) throws -> RawSpeaker {
        try RawSpeaker(
            in: rack.tors[tor], from: Endpoint(local(rack, tor), 0), to: remote(rack, tor), receiveBuffer: buffer)
    }

    func connect(_ tor: Int) throws -> RawSpeaker { try Self.connect(rack, tor) }

    /// The rogue with its session up.
    func rogue(receiveBuffer: Int32? = nil) throws -> RawSpeaker {
        let speaker = try Self.connect(rack, 0, receiveBuffer)
        try speaker.establish(asn: Rack.torASN(0), holdTime: Self.holdTime)
        return speaker
    }

    func announcement(_ prefixes: [Prefix]) -> [UInt8] {
        RawSpeaker.announcement(prefixes, path: [Rack.torASN(0)], nextHop: local(0))
    }

    func isEstablished(_ tor: Int) throws -> Bool { try node.session(local(tor).description)["state"] == "established" }

    func accepted(_ tor: Int) throws -> Int { try node.accepted(from: local(tor).description).count }

    // MARK: an unknown source

    func addUnknownSource() throws {
        let link = rack.link(node: 0)
        try rack.tors[0].require("ip", "address", "add", "\(Self.unknown)/64", "dev", link.routerInterface, "nodad")
    }

    /// Calls again and again; how many calls were closed without an octet.
    func callFromUnknownSource(_ count: Int) throws -> Int {
        let local = Endpoint(IPAddress(Self.unknown) ?? .v4(.any), 0)
        let remote = Endpoint(IPAddress(rack.link(node: 0).nodeIPv6) ?? .v4(.any), 179)
        return try rack.tors[0].inside {
            try (0..<count).count { _ in
                let descriptor = try RawSpeaker.connect(local, remote)
                defer { close(descriptor) }
                var octet: UInt8 = 0
                return read(descriptor, &octet, 1) <= 0
            }
        }
    }

    // MARK: health

    func usage() throws -> Usage { try Usage(node.pid ?? 0) }

    private static func lines(_ node: MartletNode) throws -> [Substring] {
        try String(contentsOfFile: node.log, encoding: .utf8).split(separator: "\n")
    }

    /// Lines of the agent's log that hold this text.
    func logLines(_ text: String) -> Int { ((try? Self.lines(node)) ?? []).count { $0.contains(text) } }

    /// The number that the first log line with this text gives for a key.
    func number(_ key: String, in text: String) -> Int? {
        let line = ((try? Self.lines(node)) ?? []).first { $0.contains(text) }
        return line?.split(separator: " ").first { $0.hasPrefix("\(key)=") }.flatMap {
            Int($0.dropFirst(key.count + 1))
        }
    }

    func waitForDescriptors(_ when: String) throws {
        try eventually(
            "the agent has closed what it does not need \(when)", last: { (try? usage())?.description ?? "" }
        ) {
            try usage().descriptors <= before.descriptors + 8
        }
    }

    private func checkHealth(_ name: String, _ done: String) throws {
        let record = witness.record
        let after = try usage()
        let seconds = Date().timeIntervalSince(began)
        let lines = try Self.lines(node).count - linesBefore
        print(
            String(
                format: "abuse: \(name): \(done); agent CPU %.2f s of %.1f s, RSS %.1f to %.1f MiB (peak %.1f), "
                    + "%d log lines; witness: %d KEEPALIVEs, longest gap %.1f s, %d UPDATEs",
                after.cpu - before.cpu, seconds, before.resident, after.resident, after.peak, lines,
                record.keepalives.count, record.longestGap, record.updates))
        #expect(record.end == nil && record.notification == nil, "the witness lost its session")
        #expect(try isEstablished(1))
        #expect(record.keepalives.count >= Int(seconds) / Int(Self.holdTime), "KEEPALIVEs are on time")
        #expect(record.longestGap < Double(Self.holdTime))
        #expect(after.peak - before.resident < Self.mostGrowth)
        #expect(lines <= Self.mostLines + Int(seconds))
        try waitForDescriptors("at the end")
        witness.end()
    }
}
