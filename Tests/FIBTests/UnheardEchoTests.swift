import NetTypes
import Testing

@testable import FIB

/// Our own changes are not told to us, and others change routes between two of them.
@Suite struct UnheardEchoTests {
    private let prefixes = (0..<12).map { Prefix(bits: UInt128(10 << 24 | $0 << 8) << 96, length: 24, family: .ipv4) }

    @Test(arguments: 1...120 as ClosedRange<UInt64>)
    func `the ledger believes what the kernel has, whatever others do between our changes`(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        var rig = Rig(try Sample.topology(), style: GroupStyle.allCases[Int(seed % 3)])
        if seed.isMultiple(of: 2) { _ = rig.ledger.converge() }
        rig.dropEchoes()
        let gateways = ["192.0.2.1", "192.0.2.2", "198.51.100.1"]
        for step in 0..<150 {
            for _ in 0..<Int.random(in: 1...6, using: &dice) {
                let prefix = try #require(prefixes.randomElement(using: &dice))
                let hops = try gateways.filter { _ in Bool.random(using: &dice) }.map {
                    DesiredNextHop(gateway: try Sample.address($0))
                }
                let route = hops.isEmpty ? nil : DesiredRoute(prefix: prefix, nextHops: hops)
                rig.ledger.set(FIBChange(prefix: prefix, route: route))
            }
            let victims = prefixes.map { _ in prefixes.randomElement(using: &dice) }
            let deeds = prefixes.map { _ in Int.random(in: 0..<12, using: &dice) }
            var turn = 0
            rig.interfere = { kernel in
                guard turn < deeds.count, let victim = victims[turn] else { return }
                Self.disturb(&kernel, victim, deeds[turn])
                turn += 1
            }
            rig.run(at: Sample.instant(Int64(step) * 40))
            let believed = rig.ledger.snapshot().rows.compactMap(\.installed)
            let real = rig.kernel.routes.filter { $0.protocolID == 179 }
            #expect(
                believed.map { [$0.prefix.description, "\($0.nextHopID)"] }
                    == real.sorted { $0.prefix < $1.prefix }.map { [$0.prefix.description, "\($0.nextHopID)"] },
                "seed \(seed) step \(step)")
        }
    }

    private static func disturb(_ kernel: inout FakeKernel, _ prefix: Prefix, _ deed: Int) {
        let key = Sample.settings.key(prefix)
        let foreign = KernelRoute(key: key, kind: .unicast, protocolID: 3, nextHops: [])
        let ours = KernelRoute(key: key, kind: .unreachable, protocolID: 179, nextHops: [])
        switch deed {
        case 0: _ = kernel.apply(.add(foreign), cause: .others)
        case 1: _ = kernel.apply(.replace(foreign), cause: .others)
        case 2, 3: _ = kernel.apply(.delete(foreign), cause: .others)
        case 4, 5: _ = kernel.apply(.delete(ours), cause: .others)
        case 6: _ = kernel.apply(.replace(ours), cause: .others)
        default: break
        }
    }

    @Test func `a change that may be older than ours makes everything be read again`() throws {
        var rig = Rig(try Sample.topology())
        rig.dropEchoes()
        rig.ledger.set(try Sample.change("10.1.0.0/24", "192.0.2.1"))
        rig.run()
        let route = try #require(rig.kernel.routes.first)
        let answer1 = rig.ledger.observe(.absent(route), cause: .others, at: Sample.instant(0))
        #expect(!answer1, "ours was told long ago")
        rig.ledger.hearsEchoes = false
        for operation in rig.ledger.nextOperations(limit: 10, at: Sample.instant(0)) {
            _ = rig.ledger.finish(operation, problem: nil, at: Sample.instant(0))
        }
        let answer2 = rig.ledger.observe(.absent(route), cause: .others, at: Sample.instant(0))
        #expect(answer2)
        let answer3 = rig.ledger.observe(.absent(route), cause: .ourselves, at: Sample.instant(0))
        #expect(!answer3)
        rig.ledger.drained()
        let answer4 = rig.ledger.observe(.present(route, isReplacing: false), cause: .others, at: Sample.instant(0))
        #expect(!answer4)
    }
}
