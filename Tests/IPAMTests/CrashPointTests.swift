import IPAM
import NetTypes
import Testing

/// A process is killed after every step that it makes: what the next one finds is good, and it finishes the work.
struct CrashPointTests {
    static let allocator = try? Allocator([
        RangeSet([AddressRange(subnet: Prefix("10.0.0.0/29") ?? Prefix(bits: 0, length: 0, family: .ipv4))]),
        RangeSet([AddressRange(subnet: Prefix("fd00::/64") ?? Prefix(bits: 0, length: 0, family: .ipv6))]),
    ])

    /// What the killed process was doing.
    enum Work: CaseIterable {
        case allocate, allocateAgain, release, collect, adopt, boot
    }

    static let now = Instant(nanoseconds: 1_000_000_000_000)

    func owner(_ id: String) -> AddressRecord { AddressRecord(containerID: id, ifname: "eth0") }

    /// `c1` has addresses, `old` had some until a moment ago; `c2` has some where the work is to take them back.
    func start(_ work: Work) throws -> MemoryFiles {
        let files = MemoryFiles()
        let book = AddressBook(files)
        let allocator = try #require(Self.allocator)
        try book.begin(boot: "first")
        for id in ["c1", "old"] {
            _ = try book.allocate(
                for: owner(id), wished: [], from: allocator, cooldown: Cooldown(), now: Self.now)
        }
        try book.release(containerID: "old", ifname: "eth0", now: Self.now)
        if [.release, .collect].contains(work) {
            _ = try book.allocate(
                for: owner("c2"), wished: [], from: allocator, cooldown: Cooldown(), now: Self.now)
        }
        return files
    }

    func perform(_ work: Work, _ files: MemoryFiles) throws {
        let book = AddressBook(files)
        let allocator = try #require(Self.allocator)
        switch work {
        case .allocate:
            _ = try book.allocate(
                for: owner("c2"), wished: [], from: allocator, cooldown: Cooldown(), now: Self.now)
        case .allocateAgain:
            // The one that rests.
            let wish = try #require(IPAddress("10.0.0.3"))
            _ = try book.allocate(
                for: owner("c2"), wished: [wish], from: allocator, cooldown: Cooldown(), now: Self.now)
        case .release: try book.release(containerID: "c2", ifname: "eth0", now: Self.now)
        case .collect:
            let text = try #require(files.text("c2@eth0"))
            try book.release("c2@eth0", text: text, since: Self.now)
        case .adopt:
            var records = [owner("c2"), owner("c3")]
            records[0].addresses = [try #require(IPAddress("10.0.0.5")), try #require(IPAddress("fd00::5"))]
            records[1].addresses = [try #require(IPAddress("10.0.0.6"))]
            _ = try book.adopt(records)
        case .boot: try book.begin(boot: "second")
        }
    }

    @Test(arguments: Work.allCases, [0, 2, 4])
    func `after every prefix of a call's steps the next call repairs the store`(work: Work, quarters: Int) throws {
        let whole = try start(work)
        whole.begin()
        try perform(work, whole)
        #expect(whole.steps > 1)
        for count in 0..<whole.steps {
            let files = try start(work)
            let before = files.records["c1@eth0"]
            files.quarters = quarters
            files.begin(steps: count)
            // What only helps the next allocation may fail without a word.
            do { try perform(work, files) } catch is StoreError {}
            #expect(files.isKilled)
            expectSound(files, "killed in \(work) after \(count) steps")
            try repair(work, files)
            expectSound(files, "repaired after \(count) steps of \(work)")
            if work != .boot { #expect(files.records["c1@eth0"] == before) }
        }
    }

    /// Every address tells the same as its attachment, or the attachment is gone; nothing is half there.
    func expectSound(_ files: MemoryFiles, _ comment: Comment) {
        for (name, text) in files.records {
            guard let record = AddressRecord(text: text) else {
                Issue.record("\(name) is no record", sourceLocation: #_sourceLocation)
                continue
            }
            guard IPAddress(name) != nil else {
                #expect(record.name == name, comment)
                continue
            }
            #expect(record.addresses.map(\.description).contains(name), comment)
            // A reboot throws away in any order.
            if files.boot == "first", files.records[record.name] != text, !files.isKilled {
                Issue.record("\(name) has no attachment", sourceLocation: #_sourceLocation)
            }
        }
    }

    /// What comes next: the DEL, the same once more, or the next boot's first call.
    func repair(_ work: Work, _ files: MemoryFiles) throws {
        files.begin()
        let book = AddressBook(files)
        let allocator = try #require(Self.allocator)
        switch work {
        case .adopt, .boot: try perform(work, files)
        case .allocate, .allocateAgain, .release, .collect: break
        }
        if work == .adopt {
            #expect(Set(files.records.keys).isSuperset(of: ["c2@eth0", "c3@eth0", "10.0.0.6", "fd00::5"]))
        }
        for id in ["c2", "c3"] { try book.release(containerID: id, ifname: "eth0", now: Self.now) }
        let rest: Set = work == .boot ? [] : ["c1@eth0", "10.0.0.2", "fd00::2"]
        #expect(Set(files.records.keys) == rest)
        #expect(!files.exists(".new") && !files.exists(".last"))
        // Nothing was lost: the pool can be filled, each address once.
        var given: Set<IPAddress> = work == .boot ? [] : [try #require(IPAddress("10.0.0.2"))]
        for number in given.count..<5 {
            let got = try book.allocate(
                for: owner("fill\(number)"), wished: [], from: allocator, cooldown: Cooldown(), now: Self.now)
            #expect(given.insert(try #require(got.first).address).inserted)
        }
        #expect(throws: AllocationProblem.self) {
            try book.allocate(
                for: owner("more"), wished: [], from: allocator, cooldown: Cooldown(), now: Self.now)
        }
    }
}

struct StoreCostTests {
    /// Questions and changes of one allocation and its release, on a node with so many pods.
    func cost(pods: Int) throws -> (questions: Int, steps: Int) {
        let files = MemoryFiles()
        let book = AddressBook(files)
        let range = try AddressRange(subnet: #require(Prefix("10.0.0.0/20")))
        let allocator = try Allocator([RangeSet([range])])
        let now = Instant(nanoseconds: 1_000_000_000_000)
        for number in 0..<pods {
            let owner = AddressRecord(containerID: "c\(number)", ifname: "eth0")
            _ = try book.allocate(for: owner, wished: [], from: allocator, cooldown: Cooldown(), now: now)
        }
        files.begin()
        let before = files.questions
        let owner = AddressRecord(containerID: "new", ifname: "eth0")
        _ = try book.allocate(for: owner, wished: [], from: allocator, cooldown: Cooldown(), now: now)
        try book.release(containerID: "new", ifname: "eth0", now: now)
        return (files.questions - before, files.steps)
    }

    @Test func `a call costs the same with 950 pods as with none`() throws {
        let (alone, crowded) = (try cost(pods: 0), try cost(pods: 950))
        #expect(alone == crowded)
        #expect(crowded.questions < 10 && crowded.steps < 20)
    }
}
