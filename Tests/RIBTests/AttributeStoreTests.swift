import BGPWire
import NetTypes
import Testing

@testable import RIB

@Suite struct `Attribute store` {
    private func attributes(_ number: UInt32) -> PathAttributes {
        PathAttributes(
            .path([number % 7 + 1, number]), nextHop: ip(number.isMultiple(of: 2) ? "192.0.2.1" : "2001:db8::1"))
    }

    /// As a value, or where it came from the wire: a set is the same either way.
    private func intern(_ number: UInt32, fromBatch: Bool, _ store: inout AttributeStore) -> UInt32 {
        guard fromBatch else { return store.intern(attributes(number)) }
        let batch: UpdateBatch = [
            .announce([cidr("10.1.0.0/24")], .path([65000]), via: ip("192.0.2.9")),
            Update(announced: [Announcement(attributes: attributes(number), prefixes: [cidr("10.2.0.0/24")])]),
        ]
        return store.intern(batch, batch.entries[1])
    }

    @Test(arguments: 1...20) func `counts users as a dictionary does and forgets what nobody uses`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var store = AttributeStore(seed: seed)
        var users: [UInt32: Int] = [:]
        var handles: [UInt32: UInt32] = [:]
        for step in 0..<2000 {
            let number = UInt32.random(in: 0..<120, using: &random)
            if let handle = handles[number], users[number, default: 0] > 0, Bool.random(using: &random) {
                if UInt8.random(in: 0..<4, using: &random) == 0 {
                    store.retain(handle)
                    users[number, default: 0] += 1
                } else {
                    store.release(handle)
                    users[number, default: 0] -= 1
                    if users[number] == 0 { handles[number] = nil }
                }
            } else {
                let handle = intern(number, fromBatch: Bool.random(using: &random), &store)
                if let known = handles[number] { #expect(known == handle, "seed \(seed) step \(step)") }
                handles[number] = handle
                users[number, default: 0] += 1
            }
            #expect(store.count == handles.count, "seed \(seed) step \(step)")
        }
        for (number, handle) in handles { #expect(store[handle: handle] == attributes(number), "seed \(seed)") }
        for (number, handle) in handles { for _ in 0..<users[number, default: 0] { store.release(handle) } }
        #expect(store.count == 0)
    }

    @Test func `sets that differ only in the link-local next hop are two`() {
        var store = AttributeStore(seed: 3)
        func set(_ text: String?) -> PathAttributes {
            let plain = PathAttributes(.path([1]), nextHop: ip("2001:db8::1"))
            return PathAttributes(
                bytes: plain.bytes, nextHop: plain.nextHop, linkLocalNextHop: text.flatMap { IPv6Address($0) },
                summary: plain.summary)
        }
        let handles = [store.intern(set(nil)), store.intern(set("fe80::1")), store.intern(set("fe80::2"))]
        #expect(Set(handles).count == 3)
        let again = store.intern(set("fe80::1"))
        #expect(again == handles[1])
    }

    @Test func `twenty thousand sets that differ only in the link-local next hop are told apart quickly`() {
        var store = AttributeStore(seed: 4)
        let plain = PathAttributes(.path([1]), nextHop: ip("2001:db8::1"))
        let clock = ContinuousClock()
        let time = clock.measure {
            for index in 0..<20_000 {
                let own = IPv6Address(rawValue: 0xfe80 << 112 | UInt128(index))
                _ = store.intern(
                    PathAttributes(
                        bytes: plain.bytes, nextHop: plain.nextHop, linkLocalNextHop: own, summary: plain.summary))
            }
        }
        #expect(store.count == 20_000)
        #expect(time < .seconds(10), "one chain of equal hashes takes minutes")
    }
}
