import NetTypes
import TestKit
import Testing

@Suite struct `Prefix table` {
    /// Random insertions, look-ups and removals, checked against a dictionary after each.
    private func run<Key: PrefixKey>(_ type: Key.Type, seed: UInt64, prefixes: [Prefix], steps: Int) {
        var random = SeededGenerator(seed: seed)
        var table = PrefixTable<Key>(seed: seed)
        var model: [Prefix: UInt32] = [:]
        var most = 0
        // Waves of growing and shrinking, so that runs of full slots form and are broken up.
        for step in 0..<steps {
            guard let prefix = prefixes.randomElement(using: &random) else { return }
            let grows = (step / 500).isMultiple(of: 2)
            if UInt8.random(in: 0..<10, using: &random) < (grows ? 7 : 2) {
                let (id, isNew) = table.insert(Key(prefix))
                #expect(isNew == (model[prefix] == nil), "seed \(seed) step \(step)")
                if let known = model[prefix] { #expect(id == known) } else { #expect(!model.values.contains(id)) }
                model[prefix] = id
            } else if let id = model.removeValue(forKey: prefix) {
                table.remove(id)
            }
            most = max(most, model.count)
            let found = table.find(Key(prefix))
            #expect(found == model[prefix], "seed \(seed) step \(step)")
        }
        for prefix in prefixes {
            let found = table.find(Key(prefix))
            #expect(found == model[prefix], "seed \(seed)")
            if let found { #expect(table.keys[Int(found)].prefix == prefix) }
        }
        #expect(table.count == model.count)
        #expect(table.capacity == most, "identifiers are given out again before new ones are made")
    }

    @Test(arguments: 1...20) func `agrees with a dictionary for IPv4`(seed: UInt64) {
        let prefixes = (0..<400).map { index in
            Prefix(
                bits: UInt128(0x0af4_0000 + index / 2 * 256) << 96, length: index.isMultiple(of: 2) ? 24 : 23,
                family: .ipv4)
        }
        run(IPv4Key.self, seed: seed, prefixes: Array(Set(prefixes)), steps: 3000)
    }

    @Test(arguments: 1...20) func `agrees with a dictionary for IPv6`(seed: UInt64) {
        let prefixes = (0..<400).map { index in
            Prefix(
                bits: UInt128(0xfd00_0010_0244_0000 + UInt64(index / 2)) << 64,
                length: index.isMultiple(of: 2) ? 64 : 65,
                family: .ipv6)
        }
        run(IPv6Key.self, seed: seed, prefixes: prefixes, steps: 3000)
    }

    @Test func `keys keep every prefix of both families`() {
        for text in ["0.0.0.0/0", "255.255.255.255/32", "10.0.0.0/8", "128.0.0.0/1", "192.0.2.1/32"] {
            #expect(IPv4Key(cidr(text)).prefix == cidr(text))
        }
        for text in [
            "::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "8000::/1", "fd00:10:244:1::/64", "::1/128",
        ] {
            #expect(IPv6Key(cidr(text)).prefix == cidr(text))
        }
    }

    @Test func `a length is part of the key`() {
        var table = PrefixTable<IPv4Key>(seed: 1)
        let first = table.insert(IPv4Key(cidr("10.0.0.0/8")))
        let second = table.insert(IPv4Key(cidr("10.0.0.0/16")))
        #expect(first.id != second.id && second.isNew)
    }
}
