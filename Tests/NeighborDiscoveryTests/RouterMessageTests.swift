import NeighborDiscovery
import NetTypes
import Testing

private let peer = IPv6Address("fe80::1") ?? .any
private let mac = MACAddress("02:00:00:00:00:01")

private func decode(
    _ bytes: [UInt8], from source: IPv6Address = peer, hopLimit: Int = 255
) throws(RouterMessage.Flaw) -> RouterMessage {
    try RouterMessage.decode(bytes.span.bytes, from: source, hopLimit: hopLimit)
}

@Suite struct RouterMessageTests {
    static let messages: [RouterMessage] = [
        .solicitation(nil), .solicitation(mac), .advertisement(RouterAdvertisement()),
        .advertisement(RouterAdvertisement(lifetime: 1800, linkAddress: mac)),
    ]

    @Test(arguments: messages)
    func `what is written is read`(message: RouterMessage) throws {
        #expect(try decode(message.encoded) == message)
    }

    @Test func `nobody takes us for a default gateway, and hosts are told nothing else`() {
        let octets = RouterMessage.advertisement(RouterAdvertisement(lifetime: 0, linkAddress: mac)).encoded
        #expect(octets == [134] + Array(repeating: 0, count: 15) + [1, 1, 2, 0, 0, 0, 0, 1])
    }

    @Test(arguments: messages)
    func `what has passed a router is not believed`(message: RouterMessage) {
        for hopLimit in [-1, 0, 64, 254] {
            #expect(throws: RouterMessage.Flaw.hopLimit(hopLimit)) {
                try decode(message.encoded, hopLimit: hopLimit)
            }
        }
    }

    @Test func `only link-local routers advertise, and only they or nobody solicit`() throws {
        let global = try #require(IPv6Address("2001:db8::1"))
        for message in Self.messages {
            #expect(throws: RouterMessage.Flaw.source(global)) { try decode(message.encoded, from: global) }
        }
        #expect(throws: RouterMessage.Flaw.source(.any)) { try decode(Self.messages[2].encoded, from: .any) }
        #expect(try decode(Self.messages[0].encoded, from: .any) == .solicitation(nil))
    }

    @Test(arguments: messages)
    func `every shorter form is an error, and none traps`(message: RouterMessage) {
        let octets = message.encoded
        for count in 0..<octets.count {
            let isWhole = count == 8 && octets[0] == 133 || count == 16 && octets[0] == 134
            #expect(((try? decode(Array(octets.prefix(count)))) != nil) == isWhole, "\(count) octets")
        }
    }

    @Test func `an option without a length, or one that runs past the end, makes the message void`() {
        let head = RouterMessage.advertisement(RouterAdvertisement()).encoded
        for option: [UInt8] in [[1, 0, 0, 0, 0, 0, 0, 0], [1, 2, 0, 0, 0, 0, 0, 0], [3], [200, 255]] {
            #expect(throws: RouterMessage.Flaw.length) { try decode(head + option) }
        }
        // FRR and radvd send these too: prefix information, MTU, and a link-layer address of another length.
        let others: [UInt8] = [3, 4] + Array(repeating: 0, count: 30) + [5, 1, 0, 0, 0, 0, 5, 0xdc]
        let long: [UInt8] = [1, 2] + Array(repeating: 7, count: 14)
        #expect(throws: Never.self) { try decode(head + others + long) }
    }

    @Test func `other types and codes are not ours`() {
        for (type, code): (UInt8, UInt8) in [(135, 0), (0, 0), (255, 0), (134, 1), (133, 9)] {
            #expect(throws: RouterMessage.Flaw.kind(type: type, code: code)) {
                try decode([type, code] + Array(repeating: 0, count: 14))
            }
        }
    }

    @Test func `no input traps`() {
        var state: UInt64 = 42
        func next() -> UInt8 {
            state = state &* 6_364_136_223_846_793_005 &+ 1
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        for _ in 0..<20_000 {
            var octets = (0..<Int(next() % 48)).map { _ in next() }
            if octets.count > 1 { (octets[0], octets[1]) = (133 + next() % 2, 0) }
            _ = try? decode(octets)
        }
    }
}
