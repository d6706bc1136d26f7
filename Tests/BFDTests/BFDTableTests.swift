import NetTypes
import Testing

@testable import BFD

@Suite struct BFDTableTests {
    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    private func arrival(
        _ source: String, to destination: String = "192.0.2.10", interface: UInt32 = 2, isMultihop: Bool = false
    ) throws -> BFDArrival {
        BFDArrival(
            source: try address(source), destination: try address(destination), interface: interface, hopLimit: 255,
            isMultihop: isMultihop)
    }

    private func hello(to discriminator: UInt32 = 0, _ state: BFDState = .down) -> [UInt8] {
        let packet = ControlPacket(
            state: state, multiplier: 3, discriminator: 77, peerDiscriminator: discriminator, desiredMinTx: 1_000_000,
            requiredMinRx: 50_000)
        var writer = ByteWriter()
        packet.encode(into: &writer)
        return writer.bytes
    }

    @Test func `a first packet finds its session by address, interface and kind`() throws {
        var table = BFDTable(seed: 1)
        let now = Instant(nanoseconds: 0)
        let near = table.add(BFDTarget(address: try address("192.0.2.1")), settings(50), key: nil, at: now)
        let far = table.add(
            BFDTarget(address: try address("192.0.2.1"), isMultihop: true), settings(50), key: nil, at: now)
        let left = table.add(BFDTarget(address: try address("fe80::1"), interface: 2), settings(50), key: nil, at: now)
        let right = table.add(BFDTarget(address: try address("fe80::1"), interface: 3), settings(50), key: nil, at: now)
        #expect(Set([near, far, left, right]).count == 4)
        let hello = hello()
        func found(_ arrival: BFDArrival) -> UInt32? {
            table.receive(hello.span.bytes, arrival, at: now)?.discriminator
        }
        #expect(found(try arrival("192.0.2.1")) == near)
        #expect(found(try arrival("192.0.2.1", isMultihop: true)) == far)
        #expect(found(try arrival("fe80::1", interface: 3)) == right)
        #expect(found(try arrival("fe80::1", interface: 2)) == left)
        #expect(found(try arrival("fe80::1", interface: 4)) == nil)
        #expect(found(try arrival("192.0.2.2")) == nil)
        #expect(table.strangers == 2)
    }

    @Test func `a discriminator counts only from where its session is`() throws {
        var table = BFDTable(seed: 1)
        let now = Instant(nanoseconds: 0)
        let own = table.add(BFDTarget(address: try address("192.0.2.1")), settings(50), key: nil, at: now)
        let packet = hello(to: own, .initial)
        #expect(table.receive(packet.span.bytes, try arrival("192.0.2.9"), at: now) == nil)
        #expect(table.receive(packet.span.bytes, try arrival("192.0.2.1", isMultihop: true), at: now) == nil)
        #expect(table.session(own)?.state == .down)
        #expect(table.receive(packet.span.bytes, try arrival("192.0.2.1"), at: now)?.change?.to == .up)
        #expect(table.receive(hello(to: own &+ 1, .up).span.bytes, try arrival("192.0.2.1"), at: now) == nil)
        #expect(table.receive([1, 2, 3].span.bytes, try arrival("192.0.2.1"), at: now) == nil)
        #expect(table.strangers == 3 && table.malformed == 1)
    }

    @Test func `hundreds of sessions are due each in its turn, and those that are gone never`() throws {
        var table = BFDTable(seed: 1)
        var now = Instant(nanoseconds: 0)
        var names: [UInt32] = []
        for number in 1...300 {
            let target = BFDTarget(address: .v4(IPv4Address(rawValue: 0xc000_0200 + UInt32(number))))
            names.append(table.add(target, settings(50), key: nil, at: now))
        }
        for name in names.prefix(100) { table.remove(name) }
        #expect(table.count == 200)
        var sent: [UInt32: Int] = [:]
        while let due = table.nextDeadline, due < Instant(nanoseconds: 10_000_000_000) {
            now = max(now, due)
            while let step = table.tick(at: now) {
                #expect(step.packet?.count == 24)
                sent[step.discriminator, default: 0] += 1
            }
        }
        #expect(Set(sent.keys) == Set(names.dropFirst(100)))
        #expect(sent.values.allSatisfy { (10...14).contains($0) })
    }

    @Test func `a place that was used before belongs to the new session alone`() throws {
        var table = BFDTable(seed: 1)
        let now = Instant(nanoseconds: 0)
        let target = BFDTarget(address: try address("192.0.2.1"))
        let old = table.add(target, settings(50), key: nil, at: now)
        table.remove(old)
        let new = table.add(target, settings(50), key: nil, at: now)
        #expect(old != new && table.session(old) == nil)
        #expect(table.receive(hello(to: old, .up).span.bytes, try arrival("192.0.2.1"), at: now) == nil)
        #expect(table.receive(hello().span.bytes, try arrival("192.0.2.1"), at: now)?.discriminator == new)
    }
}
