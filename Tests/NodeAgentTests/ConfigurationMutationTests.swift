import NodeAgent
import Testing

/// Whatever an editor, a template or a broken disk makes of a file: an answer, never a trap.
struct ConfigurationMutationTests {
    /// splitmix64: the same sequence for a seed everywhere.
    struct SeededGenerator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }
    }

    private static let good = """
        node: {name: n, routerID: 192.0.2.10, podCIDRs: [10.1.2.0/24, "fd00:1::/64"], stateDir: /run/m}
        clusterCIDRs: [10.0.0.0/8, "fd00::/16"]
        bgp:
          asn: 64601
          holdTime: 1m
          gracefulRestart: {enabled: false, restartTime: 60s, deferralTime: 2m}
          peers:
            - {address: 192.0.2.1, asn: 65001}
            - name: two
              address: "2001:db8::2"
              asn: internal
              families: [ipv6-unicast]
              holdTime: 0
              routeReflectorClient: true
        import: {ipv4: {minLength: 20, maxLength: 32}, allowDefault: true}
        fib: {enabled: true, table: 100, metric: 7}
        log: {level: debug, format: json}
        """

    /// Pieces that mean something to YAML or to us.
    private static let pieces = [
        "{", "}", "[", "]", ":", ": ", "- ", "\n", "\n  ", "\t", "\"", "'", "&a ", "*a", "!!int ", "|\n", ">\n", "? ",
        "---\n", "...\n",
        "%YAML 1.2\n", "#", "~", "0", "-1", "99999999999999999999", "1e9", "0.0.0.0/0", "::/0", "128", "internal",
        "external",
        "é", "\u{0}", "\u{feff}", "\u{2028}", "🐦", "all", "ipv4-unicast", "4294967295s", "999999999h",
    ]

    static func mutate(_ text: String, _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = Array(text.utf8)
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let start = Int.random(in: 0...bytes.count, using: &generator)
            let end = min(bytes.count, start + Int.random(in: 0...8, using: &generator))
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: bytes.removeSubrange(start..<end)
            case 1:
                bytes.replaceSubrange(start..<end, with: Array((pieces.randomElement(using: &generator) ?? "").utf8))
            case 2: bytes.insert(contentsOf: bytes[start..<end], at: Int.random(in: 0...bytes.count, using: &generator))
            default: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: start)
            }
        }
        return bytes
    }

    @Test func `five thousand mutations of a good file give an answer`() {
        var generator = SeededGenerator(state: 2)
        var (usable, refused) = (0, 0)
        for _ in 0..<5000 {
            let text = String(decoding: Self.mutate(Self.good, &generator), as: UTF8.self)
            let (configuration, problems) = Configuration.load(text: text, file: "f", hostname: "h")
            if configuration == nil { refused += 1 } else { usable += 1 }
            #expect((configuration == nil) == problems.contains { $0.severity == .error }, "\(text)")
            let lines = text.utf8.count + 1
            #expect(problems.allSatisfy { (1...lines).contains($0.line) && (1...lines).contains($0.column) }, "\(text)")
        }
        #expect(usable > 50 && refused > 2500, "the mutations are neither all harmless nor all fatal")
    }
}
