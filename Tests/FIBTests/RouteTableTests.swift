import NetTypes
import Testing

@testable import FIB

@Suite struct `Route table` {
    private static func prefix(_ index: Int) -> Prefix {
        index.isMultiple(of: 3)
            ? Prefix(bits: 0xfd00 << 112 | UInt128(index) << 64, length: 64, family: .ipv6)
            : Prefix(bits: UInt128(10 << 24 | index << 6) << 96, length: 26, family: .ipv4)
    }

    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func `agrees with a dictionary in waves of coming and going, compacted at random`(seed: UInt64) {
        var dice = Dice(seed: seed)
        var table = RouteTable(seed: seed)
        var model: [Prefix: UInt32] = [:]
        for wave in 0..<6 {
            let isFlood = wave.isMultiple(of: 2)
            for step in 0..<15_000 {
                let prefix = Self.prefix(Int.random(in: 0..<12_000, using: &dice))
                if isFlood || step.isMultiple(of: 50) {
                    table[table.insert(prefix)].seen = UInt32(step)
                    model[prefix] = UInt32(step)
                } else if model.removeValue(forKey: prefix) != nil, let id = table.find(prefix) {
                    table.remove(id)
                }
                if step.isMultiple(of: 4999) { table.compact() }
            }
            #expect(table.count == model.count)
            #expect(model.allSatisfy { prefix, seen in table.find(prefix).map { table[$0].seen } == seen })
            let listed = table.ids.filter { table[$0].isKnown }.map { table.prefix($0) }
            #expect(Set(listed) == Set(model.keys) && listed.count == model.count)
        }
    }

    @Test func `entries that come and go while the table is gone through are no trouble`() {
        var table = RouteTable(seed: 1)
        for index in 0..<100 { _ = table.insert(Self.prefix(index)) }
        var seen: Set<Prefix> = []
        for id in table.ids where table[id].isKnown {
            seen.insert(table.prefix(id))
            if seen.count.isMultiple(of: 2) { table.remove(id) }
            for index in 0..<7 { _ = table.insert(Self.prefix(1000 + seen.count * 7 + index)) }
        }
        #expect((0..<100).allSatisfy { seen.contains(Self.prefix($0)) })
        #expect(table.count == table.ids.filter { table[$0].isKnown }.count)
    }

    @Test func `room is let go when most routes are gone, and the others stay as they are`() throws {
        var rig = Rig(try Sample.topology(), style: .hash)
        let hops = [DesiredNextHop(gateway: try Sample.address("192.0.2.1"))]
        let prefixes = (0..<20_000).map { Prefix(bits: UInt128(10 << 24 | $0 << 6) << 96, length: 26, family: .ipv4) }
        var kernel: Set<Prefix> = []
        func work() {
            while true {
                let changes = rig.ledger.nextHopOperations(at: Sample.instant(0))
                for change in changes { _ = rig.ledger.finish(change, problem: nil, at: Sample.instant(0)) }
                let due = rig.ledger.nextOperations(limit: 200, at: Sample.instant(0))
                for operation in due {
                    if operation.isDelete { kernel.remove(operation.prefix) } else { kernel.insert(operation.prefix) }
                    _ = rig.ledger.finish(operation, problem: nil, at: Sample.instant(0))
                }
                if due.isEmpty, changes.isEmpty, rig.ledger.isIdle { return }
            }
        }
        for prefix in prefixes {
            rig.ledger.set(FIBChange(prefix: prefix, route: DesiredRoute(prefix: prefix, nextHops: hops)))
        }
        work()
        #expect(kernel.count == 20_000 && rig.ledger.table.capacity == 20_000)
        for prefix in prefixes.dropFirst(500) { rig.ledger.set(FIBChange(prefix: prefix, route: nil)) }
        // Some are wanted again before the kernel has heard that they are not.
        for prefix in prefixes.suffix(500) {
            rig.ledger.set(FIBChange(prefix: prefix, route: DesiredRoute(prefix: prefix, nextHops: hops)))
        }
        work()
        let left = Set(prefixes.prefix(500) + prefixes.suffix(500))
        #expect(kernel == left && rig.ledger.table.capacity == 1000)
        let rows = rig.ledger.snapshot().rows
        #expect(Set(rows.map(\.prefix)) == left && rows.allSatisfy { $0.status == .installed })
        #expect(rig.ledger.snapshot().groups.map(\.routes) == [1000])
    }

    @Test func `lists of next hops are kept once and go with their last route`() throws {
        var lists = NextHopLists()
        let one = [RouteNextHop(gateway: try Sample.address("192.0.2.1"), interfaceIndex: 2)]
        let two = one + [RouteNextHop(gateway: try Sample.address("192.0.2.2"), interfaceIndex: 2)]
        let (a, b) = (lists.retain(one), lists.retain(two))
        let again = lists.retain(one)
        #expect(a == again && a != b && lists[a] == one && lists[b] == two && lists[0].isEmpty)
        lists.release(a)
        #expect(lists[a] == one && lists.count == 2)
        lists.release(a)
        #expect(lists.count == 1)
        let fresh = lists.retain(two + one)
        #expect(fresh == a && lists[b] == two)
    }
}
