import IPAM
import NetTypes
import Testing

/// Random allocations, releases, kills and reboots, against a model that only knows sets.
struct StoreModelTests {
    struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }
    }

    /// Twenty seeds of 50,000 steps: a million.
    @Test(arguments: 0..<20)
    func `a million random steps agree with a simple model`(seed: UInt64) throws {
        var world = try World(seed: seed)
        for _ in 0..<50_000 {
            try world.step()
            guard world.problem == nil else { break }
        }
        #expect(world.problem == nil, "seed \(seed)")
        #expect(world.given > 5_000 && world.kills > 100 && world.refusals > 10 && world.boots > 2)
    }

    struct World {
        /// Five addresses in two ranges, one of them reserved.
        private let allocator: Allocator
        private let usable: Set<IPAddress>
        private let cooldown: Cooldown
        private let files = MemoryFiles()
        private var random: Random
        private var now = Instant(nanoseconds: 1_000_000_000_000)
        /// Who surely has what.
        private var holders: [String: IPAddress] = [:]
        /// Whose call was killed: it may have something until its DEL.
        private var unsure: Set<String> = []
        /// Since when an address rests, or a moment sooner: a release that was killed may have done it or not.
        private var released: [IPAddress: Instant] = [:]
        /// Addresses of killed calls: when they began to rest is not known.
        private var vague: Set<IPAddress> = []
        private var boot = 0
        private(set) var (given, kills, refusals, boots) = (0, 0, 0, 0)
        private(set) var problem: String?

        init(seed: UInt64) throws {
            random = Random(state: seed)
            let first = try AddressRange(subnet: #require(Prefix("10.0.0.0/30")))
            let second = try AddressRange(subnet: #require(Prefix("10.0.1.0/29")))
            let reserved = try #require(IPAddress("10.0.1.4"))
            var allocator = try Allocator([RangeSet([first, second])])
            allocator.reserved = [reserved...reserved]
            self.allocator = allocator
            usable = Set(
                ["10.0.0.2", "10.0.1.2", "10.0.1.3", "10.0.1.5", "10.0.1.6"].compactMap { IPAddress($0) })
            cooldown = Cooldown(time: .seconds(30), isRequired: seed % 2 == 1)
            try AddressBook(files).begin(boot: "0")
        }

        mutating func step() throws {
            now = now + .milliseconds(Int.random(in: 0...9_000, using: &random))
            // One call in eight is killed at one of its steps.
            let isKilled = Int.random(in: 0..<8, using: &random) == 0
            files.begin(steps: isKilled ? Int.random(in: 0..<9, using: &random) : nil)
            files.quarters = Int.random(in: 0...4, using: &random)
            let id = "c\(Int.random(in: 0..<8, using: &random))"
            switch Int.random(in: 0..<1_000, using: &random) {
            case 0: try reboot()
            case ..<500: allocate(id)
            default: release(id)
            }
            if files.isKilled { kills += 1 }
        }

        private mutating func reboot() throws {
            boot += 1
            boots += 1
            do { try AddressBook(files).begin(boot: "\(boot)") } catch {
                files.begin()
                try AddressBook(files).begin(boot: "\(boot)")
            }
            (holders, unsure, released, vague) = ([:], [], [:], [])
            if !files.records.isEmpty { fail("records survive a reboot") }
        }

        private mutating func allocate(_ id: String) {
            let wish: [IPAddress] =
                Int.random(in: 0..<10, using: &random) == 0
                ? [usable.sorted().randomElement(using: &random)].compactMap { $0 } : []
            do {
                let got = try AddressBook(files).allocate(
                    for: AddressRecord(containerID: id, ifname: "eth0"), wished: wish, from: allocator,
                    cooldown: cooldown, now: now)
                guard let address = got.first?.address, got.count == 1 else { return fail("\(got)") }
                given += 1
                judge(id, address, wish.first)
                holders[id] = address
            } catch is AlreadyAllocated {
                if holders[id] == nil, !unsure.contains(id) { fail("\(id) has nothing") }
            } catch let error as AllocationProblem {
                refusals += 1
                judge(error)
            } catch {
                unsure.insert(id)
            }
        }

        /// An address was given: nobody has it, and it has rested if that could be.
        private mutating func judge(_ id: String, _ address: IPAddress, _ wish: IPAddress?) {
            if holders[id] != nil { fail("\(id) has two") }
            if holders.values.contains(address) { fail("\(address) has two owners") }
            if !usable.contains(address) { fail("\(address) is not usable") }
            if let wish { return address == wish ? () : fail("asked for \(wish), got \(address)") }
            guard rests(address) else { return }
            if cooldown.isRequired { fail("\(address) comes back too early") }
            let better = free.subtracting(vague).filter {
                !rests($0) || (released[$0] ?? now) < (released[address] ?? now)
            }
            if !better.isEmpty, unsure.isEmpty { fail("\(address) rests, and \(better) were there") }
        }

        /// Nothing was given: nothing was there.
        private mutating func judge(_ refusal: AllocationProblem) {
            switch refusal {
            case .taken(let address):
                if !holders.values.contains(address), unsure.isEmpty { fail("\(address) is free") }
            case .exhausted: if !free.isEmpty, unsure.isEmpty { fail("\(free) are free") }
            case .resting:
                let rested = free.subtracting(vague).contains { !rests($0) }
                if !cooldown.isRequired || (rested && unsure.isEmpty) { fail("\(free) are free") }
            case .notOurs, .reserved: fail("\(refusal)")
            }
        }

        private mutating func release(_ id: String) {
            do {
                let addresses = try AddressBook(files).release(containerID: id, ifname: "eth0", now: now)
                let held = holders.removeValue(forKey: id)
                if let held, addresses != [held] {
                    fail("\(id) held \(held), gave back \(addresses)")
                }
                for address in addresses {
                    // Of a killed call: somebody else may have the address by now.
                    if unsure.contains(id) { vague.insert(address) } else { vague.remove(address) }
                    if !unsure.contains(id) { released[address] = now }
                }
                unsure.remove(id)
                if files.records.keys.contains(where: { $0.hasPrefix("\(id)@") }) { fail("\(id) is still there") }
            } catch {
                if let held = holders.removeValue(forKey: id) {
                    released[held] = now
                    vague.insert(held)
                }
                unsure.insert(id)
            }
        }

        private var free: Set<IPAddress> { usable.subtracting(holders.values) }

        private func rests(_ address: IPAddress) -> Bool {
            released[address].map { now < $0 + cooldown.time } ?? false
        }

        private mutating func fail(_ text: String) { problem = problem ?? text }
    }
}
