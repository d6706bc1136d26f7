import IPAM
import NetTypes
import Testing

struct AddressRangeTests {
    func prefix(_ text: String) throws -> Prefix { try #require(Prefix(text)) }

    @Test func `a subnet gives all but network, gateway and broadcast`() throws {
        let range = try AddressRange(subnet: prefix("10.244.1.0/24"))
        #expect(range.gateway?.description == "10.244.1.1")
        #expect(range.count == 253)
        for (text, expected) in [
            ("10.244.1.0", false), ("10.244.1.1", false), ("10.244.1.2", true), ("10.244.1.254", true),
            ("10.244.1.255", false), ("10.244.2.2", false), ("fd00::2", false),
        ] {
            #expect(range.contains(try #require(IPAddress(text))) == expected, "\(text)")
        }
    }

    @Test func `an IPv6 subnet has no broadcast address`() throws {
        let range = try AddressRange(subnet: prefix("fd00::/64"))
        #expect(range.gateway?.description == "fd00::1")
        #expect(range.last.description == "fd00::ffff:ffff:ffff:ffff")
        #expect(range.count == (UInt128(1) << 64) - 2)
    }

    @Test(arguments: [
        ("10.0.0.4/31", 2), ("10.0.0.4/32", 1), ("fd00::/127", 2), ("fd00::7/128", 1), ("10.0.0.0/30", 1),
    ])
    func `tiny subnets are used as far as they go`(text: String, count: Int) throws {
        #expect(try AddressRange(subnet: prefix(text)).count == UInt128(count))
    }

    @Test func `bounds and gateway must lie in the subnet and in order`() throws {
        let (low, high) = (IPAddress("10.0.0.10"), IPAddress("10.0.0.20"))
        let range = try AddressRange(subnet: prefix("10.0.0.0/24"), start: low, end: high, gateway: high)
        #expect(range.count == 10)
        #expect(throws: RangeProblem.self) {
            try AddressRange(subnet: prefix("10.0.0.0/24"), start: high, end: low)
        }
        #expect(throws: RangeProblem.self) {
            try AddressRange(subnet: prefix("10.0.1.0/24"), start: low)
        }
        #expect(throws: RangeProblem.self) {
            try AddressRange(subnet: prefix("10.0.0.0/24"), gateway: IPAddress("10.0.1.1"))
        }
    }

    @Test func `a set refuses overlaps and mixed families`() throws {
        let (a, b) = (
            try AddressRange(subnet: prefix("10.0.0.0/24")), try AddressRange(subnet: prefix("10.0.0.128/25"))
        )
        #expect(throws: RangeProblem.self) { try RangeSet([a, b]) }
        #expect(throws: RangeProblem.self) { try RangeSet([a, try AddressRange(subnet: prefix("fd00::/64"))]) }
        #expect(throws: RangeProblem.self) { try RangeSet([]) }
        #expect(throws: RangeProblem.self) { try Allocator([RangeSet([a]), RangeSet([b])]) }
    }
}

struct AllocatorTests {
    func allocator(_ sets: [String]...) throws -> Allocator {
        try Allocator(
            sets.map { try RangeSet($0.map { try AddressRange(subnet: try #require(Prefix($0))) }) })
    }

    @Test func `a pod gets one address of each set`() throws {
        let got = try allocator(["10.0.0.0/24"], ["fd00::/64"]).allocate(
            wished: [], last: { _ in nil }, isTaken: { _ in false })
        #expect(got.map(\.address.description) == ["10.0.0.2", "fd00::2"])
        #expect(got.map(\.set) == [0, 1])
    }

    @Test func `the search goes on after the last one, round the end, and over all ranges of a set`() throws {
        let allocator = try allocator(["10.0.0.0/29", "10.1.0.0/29"])
        var taken: Set<IPAddress> = []
        var last: IPAddress?
        var order: [String] = []
        for _ in 0..<10 {
            let got = try allocator.allocate(wished: [], last: { _ in last }, isTaken: { taken.contains($0) })
            last = try #require(got.first).address
            taken.insert(try #require(last))
            order.append(try #require(last).description)
        }
        #expect(
            order == [
                "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.1.0.2", "10.1.0.3", "10.1.0.4",
                "10.1.0.5",
                "10.1.0.6",
            ])
        #expect(throws: AllocationProblem.exhausted(allocator.sets[0])) {
            try allocator.allocate(wished: [], last: { _ in last }, isTaken: { taken.contains($0) })
        }
        taken.remove(try #require(IPAddress("10.0.0.4")))
        let again = try allocator.allocate(wished: [], last: { _ in last }, isTaken: { taken.contains($0) })
        #expect(again.map(\.address.description) == ["10.0.0.4"])
    }

    @Test func `a released address rests until all others were used`() throws {
        let allocator = try allocator(["10.0.0.0/29"])
        var last: IPAddress?
        var order: [String] = []
        for _ in 0..<6 {
            last = try allocator.allocate(wished: [], last: { _ in last }, isTaken: { _ in false }).first?.address
            order.append(try #require(last).description)
        }
        #expect(order == ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.2"])
    }

    @Test func `a last address outside of the ranges is no obstacle`() throws {
        let got = try allocator(["10.0.0.0/29"]).allocate(
            wished: [], last: { _ in IPAddress("192.0.2.1") }, isTaken: { _ in false })
        #expect(got.map(\.address.description) == ["10.0.0.2"])
    }

    @Test func `a huge range asks about few addresses`() throws {
        var asked = 0
        let got = try allocator(["fd00::/64"]).allocate(
            wished: [], last: { _ in IPAddress("fd00::ffff:ffff:ffff:ffff") },
            isTaken: { _ in
                asked += 1
                return asked < 5
            })
        #expect(got.first?.address.description == "fd00::6")
        #expect(asked == 5)
    }

    @Test func `wished addresses are given, or the reason is told`() throws {
        let allocator = try allocator(["10.0.0.0/24"], ["fd00::/64"])
        let wish = try #require(IPAddress("10.0.0.77"))
        let got = try allocator.allocate(wished: [wish], last: { _ in nil }, isTaken: { _ in false })
        #expect(got.map(\.address.description) == ["10.0.0.77", "fd00::2"])
        #expect(got.map(\.isWished) == [true, false])
        #expect(throws: AllocationProblem.taken(wish)) {
            try allocator.allocate(wished: [wish], last: { _ in nil }, isTaken: { $0 == wish })
        }
        for text in ["10.0.0.1", "10.9.0.1", "10.0.0.255"] {
            let outside = try #require(IPAddress(text))
            #expect(throws: AllocationProblem.notOurs(outside)) {
                try allocator.allocate(wished: [outside], last: { _ in nil }, isTaken: { _ in false })
            }
        }
        let second = try #require(IPAddress("10.0.0.78"))
        #expect(throws: AllocationProblem.notOurs(second)) {
            try allocator.allocate(wished: [wish, second], last: { _ in nil }, isTaken: { _ in false })
        }
    }
}
