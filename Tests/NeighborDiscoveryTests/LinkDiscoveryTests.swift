import NeighborDiscovery
import NetTypes
import Testing

private func address(_ number: UInt128) -> IPv6Address { IPv6Address(rawValue: 0xfe80 << 112 | number) }

extension Instant {
    fileprivate static func seconds(_ count: Double) -> Self { Self(nanoseconds: Int64(count * 1e9)) }
}

extension RouterMessage {
    fileprivate static func from(_ mac: UInt64?) -> Self {
        .advertisement(RouterAdvertisement(lifetime: 30, linkAddress: mac.map { MACAddress(rawValue: $0) }))
    }
}

/// A link under test, by reference: its events stand inside expectations.
private final class Link {
    private var discovery = LinkDiscovery(seed: 1)

    var neighbor: IPv6Address? { discovery.neighbor }
    var nextDeadline: Instant? { discovery.nextDeadline }

    func up(_ mac: MACAddress?, at second: Double) -> [LinkDiscovery.Action] { discovery.up(mac, at: .seconds(second)) }
    func down() -> [LinkDiscovery.Action] { discovery.down() }
    func tick(at now: Instant) -> [LinkDiscovery.Action] { discovery.tick(at: now) }

    func received(_ message: RouterMessage, from source: IPv6Address, at second: Double) -> [LinkDiscovery.Action] {
        discovery.received(message, from: source, at: .seconds(second))
    }

    func learned(_ address: IPv6Address, at second: Double) -> [LinkDiscovery.Action] {
        discovery.learned(address, at: .seconds(second))
    }
}

@Suite struct LinkDiscoveryTests {
    private static let own = MACAddress(rawValue: 9)
    private static let advertisement = LinkDiscovery.Action.send(
        .advertisement(RouterAdvertisement(lifetime: 0, linkAddress: own)), to: RouterMessage.allNodes)
    private static let solicitation = LinkDiscovery.Action.send(.solicitation(own), to: RouterMessage.allRouters)

    private func upLink() -> Link {
        let link = Link()
        #expect(link.up(Self.own, at: 0) == [Self.solicitation, Self.advertisement])
        return link
    }

    /// Everything that the timers make it do until `end`, with the second at which it does.
    private func run(_ link: Link, until end: Double) -> [(at: Double, action: LinkDiscovery.Action)] {
        var done: [(Double, LinkDiscovery.Action)] = []
        while let next = link.nextDeadline, next <= .seconds(end) {
            for action in link.tick(at: next) { done.append((Double(next.nanoseconds) / 1e9, action)) }
        }
        return done
    }

    @Test func `a link that comes up is solicited three times and advertised on for ever`() {
        let link = upLink()
        let done = run(link, until: 100)
        let solicited = done.filter { $0.action == Self.solicitation }.map(\.at)
        #expect(solicited == [4, 8])
        let advertised = [0] + done.filter { $0.action == Self.advertisement }.map(\.at)
        #expect(advertised.count >= 10)
        for (before, after) in zip(advertised, advertised.dropFirst()) { #expect((7.5...10).contains(after - before)) }
    }

    @Test func `the first router heard is the neighbour, and is told of us at once`() {
        let link = upLink()
        #expect(link.received(.from(1), from: address(1), at: 2) == [.found(address(1)), Self.advertisement])
        #expect(link.neighbor == address(1))
        #expect(link.received(.from(1), from: address(1), at: 3).isEmpty)
        #expect(!run(link, until: 60).contains { $0.action == Self.solicitation }, "who is found is not looked for")
    }

    @Test func `a second router does not take its place while the first one speaks`() {
        let link = upLink()
        _ = link.received(.from(1), from: address(1), at: 2)
        #expect(link.received(.from(2), from: address(2), at: 20).isEmpty)
        _ = link.received(.from(1), from: address(1), at: 22)
        #expect(link.received(.from(2), from: address(2), at: 46).isEmpty)
        #expect(link.received(.from(2), from: address(2), at: 47).first == .found(address(2)))
    }

    @Test func `the same router with a new address is followed at once`() {
        let link = upLink()
        _ = link.received(.from(1), from: address(1), at: 2)
        #expect(link.received(.from(1), from: address(7), at: 4).first == .found(address(7)))
        #expect(link.neighbor == address(7))
    }

    @Test func `routers that do not tell their link-layer address are not the same`() {
        let link = upLink()
        _ = link.received(.from(nil), from: address(1), at: 2)
        #expect(link.received(.from(nil), from: address(2), at: 4).isEmpty)
    }

    @Test func `a link that goes down has no neighbour, and hears of none`() {
        let link = upLink()
        _ = link.received(.from(1), from: address(1), at: 2)
        #expect(link.down() == [.lost])
        #expect(link.down().isEmpty)
        #expect(link.nextDeadline == nil)
        #expect(link.received(.from(1), from: address(1), at: 3).isEmpty)
        #expect(link.up(Self.own, at: 5) == [Self.solicitation, Self.advertisement])
        #expect(link.received(.from(1), from: address(1), at: 6).first == .found(address(1)))
    }

    @Test func `solicitations are answered at once, but a flood of them only each second`() {
        let link = upLink()
        #expect(link.received(.solicitation(nil), from: address(3), at: 5) == [Self.advertisement])
        for tenth in 1..<1000 {
            #expect(link.received(.solicitation(nil), from: address(3), at: 5 + Double(tenth) / 1001).isEmpty)
        }
        let later = run(link, until: 6.5).map(\.action).filter { $0 != Self.solicitation }
        #expect(later == [Self.advertisement])
        #expect(link.neighbor == nil, "who asks is not a router for that")
    }

    @Test func `a neighbour that calls before it was heard of is known`() {
        let link = upLink()
        #expect(link.learned(address(4), at: 3) == [.found(address(4)), Self.advertisement])
        #expect(link.learned(address(4), at: 3).isEmpty)
        #expect(link.received(.from(1), from: address(4), at: 4).isEmpty)
    }
}
