import NetTypes
import Testing

@testable import FIB

/// A random generator whose run can be repeated: xorshift64*.
struct Dice: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 2_685_821_657_736_338_717 | 1 }
    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 2_685_821_657_736_338_717
    }
}

/// Wishes, links, faults and another program's doings at random: in the end the kernel has what is desired, and nothing
/// of others was touched.
@Suite struct RouteLedgerSimulation {
    private let prefixes = (0..<12).map { Prefix(bits: UInt128(10 << 24 | $0 << 8) << 96, length: 24, family: .ipv4) }

    @Test(arguments: 1...120 as ClosedRange<UInt64>)
    func `the kernel ends as desired and foreign routes and nexthop objects stay`(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        let style = GroupStyle.allCases[Int(seed % 3)]
        var rig = Rig(try Sample.topology(), style: style)
        let foreignHop = RouteNextHop(gateway: try Sample.address("203.0.113.1"), interfaceIndex: 9)
        let foreignObject = KernelNextHop(id: 7, protocolID: 11, body: .single(foreignHop))
        _ = rig.kernel.apply(.add(foreignObject), cause: .others)
        var wishes: [Prefix: DesiredRoute] = [:]
        var others: Set<KernelRoute> = []
        for step in 0..<300 {
            let now = Sample.instant(Int64(step))
            let prefix = try #require(prefixes.randomElement(using: &dice))
            try disturb(&rig, prefix, &wishes, &others, &dice)
            try disturbNextHops(&rig, wishes, style, &dice)
            if Bool.random(using: &dice) { rig.run(at: now) }
            let foreign = Set(rig.kernel.routes.filter { $0.protocolID != 179 })
            #expect(foreign == others, "seed \(seed) step \(step)")
            #expect(rig.kernel.objects[7] == foreignObject, "seed \(seed) step \(step)")
        }
        rig.kernel.refuseNextHop = { _ in nil }
        rig.kernel.refuse = { _ in nil }
        rig.ledger.update(try Sample.topology())
        _ = rig.ledger.converge()
        for second in [400, 500, 600] as [Int64] {
            rig.read()
            rig.run(at: Sample.instant(second))
        }
        check(rig, wishes, others, seed)
        rig.ledger.withdrawAll()
        rig.run(at: Sample.instant(700))
        #expect(rig.kernel.objects.values.filter { $0.protocolID == 179 }.isEmpty, "seed \(seed)")
    }

    /// Links that take objects with them, other hands on ours, refusals, and an agent that is killed.
    private func disturbNextHops(
        _ rig: inout Rig, _ wishes: [Prefix: DesiredRoute], _ style: GroupStyle, _ dice: inout Dice
    ) throws {
        let ours = rig.kernel.objects.values.filter { $0.protocolID == 179 }.sorted { $0.id < $1.id }
        switch Int.random(in: 0..<12, using: &dice) {
        case 0: rig.lose(2, try Sample.topology(eth0: false))
        case 1: rig.lose(3, try Sample.topology(eth1: false))
        case 2:
            // Down and up again before anybody looked.
            rig.kernel.lose(2)
            rig.ledger.lost(2)
        case 3:
            if let victim = ours.randomElement(using: &dice) {
                _ = rig.kernel.apply(.delete(victim), cause: .others)
            }
        case 4:
            let isBad = Bool.random(using: &dice)
            rig.kernel.refuseNextHop = { _ in isBad ? RouteProblem(text: "refused") : nil }
        case 5:
            rig.restart(try Sample.topology(), style: style)
            for (prefix, route) in wishes { rig.ledger.set(FIBChange(prefix: prefix, route: route)) }
            if Bool.random(using: &dice) { _ = rig.ledger.converge() }
        default: break
        }
    }

    private func disturb(
        _ rig: inout Rig, _ prefix: Prefix, _ wishes: inout [Prefix: DesiredRoute], _ others: inout Set<KernelRoute>,
        _ dice: inout Dice
    ) throws {
        let key = Sample.settings.key(prefix)
        let foreign = KernelRoute(key: key, kind: .unicast, protocolID: 3, nextHops: [])
        switch Int.random(in: 0..<9, using: &dice) {
        case 0, 1, 2:
            let gateways = ["192.0.2.1", "192.0.2.2", "198.51.100.1"].filter { _ in Bool.random(using: &dice) }
            let hops = try gateways.map { DesiredNextHop(gateway: try Sample.address($0)) }
            wishes[prefix] = hops.isEmpty ? nil : DesiredRoute(prefix: prefix, nextHops: hops)
            rig.ledger.set(FIBChange(prefix: prefix, route: wishes[prefix]))
        case 3: if rig.kernel.apply(.add(foreign), cause: .others) == nil { others.insert(foreign) }
        case 4: if rig.kernel.apply(.replace(foreign), cause: .others) == nil { others.insert(foreign) }
        case 5: if rig.kernel.apply(.delete(foreign), cause: .others) == nil { others.remove(foreign) }
        case 6:
            let ours = KernelRoute(key: key, kind: .unicast, protocolID: 179, nextHops: [])
            _ = rig.kernel.apply(.delete(ours), cause: .others)
        case 7:
            let eth0 = Bool.random(using: &dice)
            let eth1 = Bool.random(using: &dice)
            rig.ledger.update(try Sample.topology(eth0: eth0, eth1: eth1))
        default:
            let victim = prefixes.randomElement(using: &dice)
            rig.kernel.refuse = { $0.prefix == victim ? RouteProblem(text: "refused") : nil }
        }
    }

    private func check(_ rig: Rig, _ wishes: [Prefix: DesiredRoute], _ others: Set<KernelRoute>, _ seed: UInt64) {
        for prefix in prefixes {
            let ours = rig.kernel.routes.filter { $0.prefix == prefix && $0.protocolID == 179 }
            if others.contains(where: { $0.prefix == prefix }) {
                #expect(ours.isEmpty, "seed \(seed)")
            } else {
                let gateways = ours.first.map { rig.kernel.hops($0) }?.compactMap(\.gateway) ?? []
                #expect(gateways == wishes[prefix]?.nextHops.map(\.gateway) ?? [], "seed \(seed) \(prefix)")
            }
        }
    }
}
