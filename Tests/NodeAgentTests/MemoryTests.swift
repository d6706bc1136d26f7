import BGPWire
import NetTypes
import Testing

@testable import NodeAgent

struct MemoryTests {
    private func update(_ count: Int) -> Update {
        let prefixes = (0..<count).map { Prefix(bits: UInt128(0x0af4_0000 + $0 * 16) << 96, length: 28, family: .ipv4) }
        let attributes = PathAttributes(bytes: [], nextHop: .v4(.any), summary: .init())
        return Update(announced: [Announcement(attributes: attributes, prefixes: prefixes)])
    }

    @Test func `what is on its way to the speaker counts until it has arrived`() {
        var tally = PrefixTally()
        let first: UpdateBatch = [update(3), Update(withdrawn: [Prefix(host: .v4(.any))]), update(4)]
        tally.send(first.announcedCount)
        tally.send(5)
        #expect(first.announcedCount == 7 && tally.inFlight == 12 && tally.held == 0)
        tally.arrived(7, held: 7)
        #expect(tally.inFlight == 5 && tally.held == 7)
    }

    @Test func `what arrives of an earlier session makes no number negative`() {
        var tally = PrefixTally()
        tally.send(2)
        tally.arrived(5, held: 0)
        #expect(tally.inFlight == 0)
    }

    @Test func `unmapped code and constants come back when they are needed`() {
        let before = "\(update(1000).announced.first?.prefixes.last.map(\.description) ?? "none")"
        Process.forgetStart()
        #expect(update(1000).announced.first?.prefixes.last?.description == before)
        #expect(before == "10.244.62.112/28")
    }
}
