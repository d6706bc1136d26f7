import Foundation
import Lab
import NetTypes
import TestKit

/// A speaker on a router that announces and withdraws many routes of the cluster.
final class RouteFlood {
    private let speaker: RawSpeaker
    private let path: [UInt32]
    private let nextHop: IPAddress
    /// Prefixes announced or withdrawn so far.
    private(set) var changed = 0

    /// Where its prefixes are: the cluster's, beside those of the rack.
    static let cluster = "11.0.0.0/8"

    /// The first `count` of its prefixes.
    static func prefixes(_ count: Int) -> [Prefix] {
        (0..<count).map { Prefix(bits: UInt128(0x0b00_0000 + $0 * 16) << 96, length: 28, family: .ipv4) }
    }

    /// Connects to the agent, which is told to wait for it, and is up on return.
    init(_ rack: Rack, tor: Int, node: Int, holdTime: UInt16 = 9) throws {
        let link = rack.link(tor: tor, node: node)
        let local = IPAddress(link.routerIPv4) ?? .v4(.any)
        (path, nextHop) = ([Rack.torASN(tor)], local)
        speaker = try RawSpeaker(
            in: rack.tors[tor], from: Endpoint(local, 0), to: Endpoint(IPAddress(link.nodeIPv4) ?? .v4(.any), 179))
        try speaker.establish(asn: Rack.torASN(tor), holdTime: holdTime)
        speaker.listen()
    }

    deinit { speaker.end() }

    /// Whether the agent still talks to it.
    var isUp: Bool { speaker.record.end == nil }

    /// Sends all of it, a piece at a time; false when the connection is over.
    func change(announced: [Prefix], withdrawn: [Prefix], until end: Date) -> Bool {
        for start in stride(from: 0, to: announced.count, by: 500) where Date() < end {
            let part = Array(announced[start..<min(start + 500, announced.count)])
            guard speaker.send(RawSpeaker.announcement(part, path: path, nextHop: nextHop)) else { return false }
            changed += part.count
        }
        for start in stride(from: 0, to: withdrawn.count, by: 500) where Date() < end {
            let part = Array(withdrawn[start..<min(start + 500, withdrawn.count)])
            guard speaker.send(RawSpeaker.withdrawal(part)) else { return false }
            changed += part.count
        }
        return true
    }
}
