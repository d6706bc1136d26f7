import AddressStore
import Foundation
import IPAM
import NetTypes
import Testing

/// A store in a directory of its own that goes away with it.
final class TemporaryStore {
    let directory: String
    let store: AddressStore

    init() {
        directory = NSTemporaryDirectory() + "martlet-store-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
        store = AddressStore(directory: "\(directory)/deep/network")
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func allocate(_ id: String, wished: [IPAddress] = [], from subnets: [String] = ["10.0.0.0/29"]) throws -> [String] {
        let sets = try subnets.map { try RangeSet([AddressRange(subnet: try #require(Prefix($0)))]) }
        return try store.allocate(
            for: AddressRecord(containerID: id, ifname: "eth0"), wished: wished, from: Allocator(sets)
        )
        .map(\.address.description)
    }

    func write(_ name: String, _ text: String) throws {
        try text.write(toFile: "\(store.directory)/\(name)", atomically: false, encoding: .utf8)
    }

    var names: Set<String> {
        Set((try? FileManager.default.contentsOfDirectory(atPath: store.directory)) ?? [])
    }
}

struct AddressStoreTests {
    @Test func `what is allocated is remembered, and released once and again`() throws {
        let temporary = TemporaryStore()
        let subnets = ["10.0.0.0/29", "fd00::/64"]
        #expect(try temporary.allocate("c1", from: subnets) == ["10.0.0.2", "fd00::2"])
        let record = try temporary.store.record(containerID: "c1", ifname: "eth0")
        #expect(record?.addresses.map(\.description) == ["10.0.0.2", "fd00::2"])
        #expect(try temporary.store.release(containerID: "c1", ifname: "eth0").count == 2)
        #expect(try temporary.store.release(containerID: "c1", ifname: "eth0").isEmpty)
        #expect(try temporary.store.record(containerID: "c1", ifname: "eth0") == nil)
        #expect(temporary.names == ["lock", "last.0", "last.1"])
        #expect(try temporary.allocate("c2", from: subnets) == ["10.0.0.3", "fd00::3"])
    }

    @Test func `a release of what never was needs no directory`() throws {
        let temporary = TemporaryStore()
        #expect(try temporary.store.release(containerID: "c1", ifname: "eth0").isEmpty)
        #expect(!FileManager.default.fileExists(atPath: temporary.directory))
    }

    @Test func `a second allocation for the same attachment is refused and changes nothing`() throws {
        let temporary = TemporaryStore()
        _ = try temporary.allocate("c1")
        let before = temporary.names
        #expect(throws: AlreadyAllocated.self) { try temporary.allocate("c1") }
        #expect(temporary.names == before)
    }

    @Test func `a full pool gives nothing and leaves nothing, also in the other family`() throws {
        let temporary = TemporaryStore()
        let subnets = ["fd00::/64", "10.0.0.0/30"]
        #expect(try temporary.allocate("c1", from: subnets) == ["fd00::2", "10.0.0.2"])
        let before = temporary.names
        #expect(throws: AllocationProblem.self) { try temporary.allocate("c2", from: subnets) }
        #expect(temporary.names == before)
    }

    @Test func `temporary files of a killed process are no obstacle`() throws {
        let temporary = TemporaryStore()
        _ = try temporary.allocate("c1")
        for text in ["", "c9\n", "c9\neth0\n10.0.0.3\n"] {
            try temporary.write(".new", text)
            try temporary.write(".last", "")
            let id = "c\(text.utf8.count)x"
            #expect(try temporary.allocate(id).count == 1)
            try temporary.store.release(containerID: id, ifname: "eth0")
        }
        #expect(try temporary.store.records().map(\.containerID) == ["c1"])
    }

    @Test func `the record that a killed process had just finished is not overwritten by the next`() throws {
        let temporary = TemporaryStore()
        let first = try temporary.allocate("c1")
        // Killed before it removed the temporary name of what is a record by now.
        let directory = temporary.store.directory
        try FileManager.default.linkItem(atPath: "\(directory)/c1@eth0", toPath: "\(directory)/.new")
        let second = try temporary.allocate("c2")
        #expect(try temporary.store.release(containerID: "c1", ifname: "eth0").map(\.description) == first)
        #expect(try temporary.store.record(containerID: "c2", ifname: "eth0")?.addresses.map(\.description) == second)
        #expect(!temporary.names.contains(".new"))
    }

    @Test func `a process killed before its addresses had names is undone by DEL`() throws {
        let temporary = TemporaryStore()
        _ = try temporary.allocate("c1")
        // Killed between the attachment's name and the addresses' names: the record promises more than exists.
        try temporary.write("c2@eth0", "c2\neth0\n10.0.0.3\nfd00::3\n")
        #expect(try temporary.store.release(containerID: "c2", ifname: "eth0").count == 2)
        #expect(try temporary.store.records().map(\.containerID) == ["c1"])
    }

    @Test func `a release killed half-way is finished by the next and takes nobody else's address`() throws {
        let temporary = TemporaryStore()
        #expect(try temporary.allocate("c1", wished: [try #require(IPAddress("10.0.0.5"))]) == ["10.0.0.5"])
        // The release of c2 had removed its address file, which c1 got since; its own name was left.
        try temporary.write("c2@eth0", "c2\neth0\n10.0.0.5\n")
        try temporary.store.release(containerID: "c2", ifname: "eth0")
        #expect(temporary.names.contains("10.0.0.5"))
        #expect(throws: AllocationProblem.self) {
            try temporary.allocate("c3", wished: [try #require(IPAddress("10.0.0.5"))])
        }
    }

    @Test func `a damaged memory of the last address only shortens the rest`() throws {
        let temporary = TemporaryStore()
        _ = try temporary.allocate("c1")
        try temporary.write("last.0", "garbage")
        #expect(try temporary.allocate("c2") == ["10.0.0.3"])
    }

    @Test func `collection releases what is not valid and nothing else`() throws {
        let temporary = TemporaryStore()
        for id in ["c1", "c2", "c3"] { _ = try temporary.allocate(id) }
        try temporary.write("10.0.0.6", "c8\neth0\n10.0.0.6\n")
        let released = try temporary.store.collect { $0.containerID == "c2" }
        #expect(Set(released.map(\.containerID)) == ["c1", "c3", "c8"])
        #expect(temporary.names == ["lock", "last.0", "c2@eth0", "10.0.0.3"])
    }

    @Test func `a released address rests, and is the last choice until it has`() throws {
        let temporary = TemporaryStore()
        #expect(try temporary.allocate("c1", from: ["10.0.0.0/29"]) == ["10.0.0.2"])
        try temporary.store.release(containerID: "c1", ifname: "eth0")
        // All others come first, also when the search comes round to it.
        for expected in ["10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.2"] {
            #expect(try temporary.allocate("to\(expected)") == [expected])
        }
        try temporary.store.release(containerID: "to10.0.0.4", ifname: "eth0")
        let set = try RangeSet([AddressRange(subnet: try #require(Prefix("10.0.0.0/29")))])
        let owner = AddressRecord(containerID: "c9", ifname: "eth0")
        #expect(throws: AllocationProblem.resting(set)) {
            try temporary.store.allocate(
                for: owner, from: Allocator([set]), cooldown: Cooldown(isRequired: true))
        }
        #expect(try temporary.store.usage() == (4, 1))
        let again = try temporary.store.allocate(for: owner, from: Allocator([set]), cooldown: Cooldown(time: .zero))
        #expect(again.map(\.address.description) == ["10.0.0.4"])
    }

    @Test func `after a reboot everything is forgotten, and before it nothing`() throws {
        let temporary = TemporaryStore()
        let file = "\(temporary.directory)/boot_id"
        func store(boot: String) throws -> AddressStore {
            try "\(boot)\n".write(toFile: file, atomically: true, encoding: .utf8)
            var store = temporary.store
            store.bootIDFile = file
            return store
        }
        let allocator = try Allocator([RangeSet([AddressRange(subnet: try #require(Prefix("10.0.0.0/29")))])])
        try FileManager.default.createDirectory(atPath: temporary.directory, withIntermediateDirectories: true)
        for id in ["c1", "c2"] {
            _ = try store(boot: "one").allocate(for: AddressRecord(containerID: id, ifname: "eth0"), from: allocator)
        }
        #expect(temporary.names == ["lock", "last.0", "c1@eth0", "c2@eth0", "10.0.0.2", "10.0.0.3"])
        // The runtime's DELs of dead pods come first.
        #expect(try store(boot: "two").release(containerID: "c1", ifname: "eth0").isEmpty)
        #expect(temporary.names == ["lock"])
        let got = try store(boot: "two").allocate(
            for: AddressRecord(containerID: "c3", ifname: "eth0"), from: allocator)
        #expect(got.map(\.address.description) == ["10.0.0.2"])
        #expect(try store(boot: "two").records().map(\.containerID) == ["c3"])
    }

    @Test func `host-local's directory is taken over whole, again and again, or not at all`() throws {
        let temporary = TemporaryStore()
        let old = "\(temporary.directory)/host-local"
        try FileManager.default.createDirectory(atPath: old, withIntermediateDirectories: true)
        for (name, text) in [
            ("10.0.0.3", "a1\r\neth0"), ("fd00::3", "a1\r\neth0"), ("10.0.0.4", "b2"), ("lock", ""),
            ("last_reserved_ip.0", "10.0.0.4"),
        ] {
            try text.write(toFile: "\(old)/\(name)", atomically: false, encoding: .utf8)
        }
        #expect(try temporary.store.adopt(HostLocalDirectory.records(old)) == 2)
        #expect(try temporary.store.adopt(HostLocalDirectory.records(old)) == 0)
        #expect(temporary.names == ["lock", "a1@eth0", "b2@eth0", "10.0.0.3", "fd00::3", "10.0.0.4"])
        #expect(try temporary.allocate("c1") == ["10.0.0.2"])
        #expect(try temporary.allocate("c2") == ["10.0.0.5"])
        let before = temporary.names
        // One that is new, one that we have given to somebody else, one that holds nonsense.
        try "d4\neth0".write(toFile: "\(old)/10.0.0.6", atomically: false, encoding: .utf8)
        try "e5\neth0".write(toFile: "\(old)/10.0.0.5", atomically: false, encoding: .utf8)
        let problems = #expect(throws: ImportProblems.self) {
            try temporary.store.adopt(HostLocalDirectory.records(old))
        }
        #expect(problems?.reasons == ["10.0.0.5 of e5@eth0 is given to c2@eth0 here"])
        try "../x\neth0".write(toFile: "\(old)/10.0.0.5", atomically: false, encoding: .utf8)
        #expect(throws: ImportProblems.self) { try HostLocalDirectory.records(old) }
        #expect(temporary.names == before)
        #expect(throws: StoreError.self) { try HostLocalDirectory.records("\(old)/none") }
    }

    @Test func `a probe says what an allocation would say and allocates nothing`() throws {
        let temporary = TemporaryStore()
        let allocator = try Allocator([RangeSet([AddressRange(subnet: try #require(Prefix("10.0.0.0/30")))])])
        try temporary.store.probe(allocator)
        #expect(try temporary.allocate("c1", from: ["10.0.0.0/30"]) == ["10.0.0.2"])
        #expect(throws: AllocationProblem.self) { try temporary.store.probe(allocator) }
    }

    @Test func `many threads at once never get the same address`() async throws {
        let temporary = TemporaryStore()
        let store = temporary.store
        let allocator = try Allocator([RangeSet([AddressRange(subnet: try #require(Prefix("10.0.0.0/24")))])])
        let all = try await withThrowingTaskGroup(of: [Allocation].self) { group in
            for number in 0..<50 {
                group.addTask {
                    try store.allocate(for: AddressRecord(containerID: "c\(number)", ifname: "eth0"), from: allocator)
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(all.map(\.address)).count == 50)
    }
}

struct AddressRecordTests {
    @Test func `a record reads back as it was written`() throws {
        var record = AddressRecord(
            containerID: "c1", ifname: "eth0",
            addresses: [try #require(IPAddress("10.0.0.2")), try #require(IPAddress("fd00::2"))])
        #expect(AddressRecord(text: record.text) == record)
        (record.netns, record.pod, record.plugin) = ("/run/netns/cni-a=b", "default/web", "martlet")
        record.since = Instant(nanoseconds: 77)
        #expect(AddressRecord(text: record.text) == record)
        #expect(AddressRecord(text: record.text + "later=key\n") == record)
    }

    @Test func `what would break the lines of a record is left out of it`() throws {
        var record = AddressRecord(containerID: "c1", ifname: "eth0")
        record.netns = "/run/netns/a\n10.0.0.9"
        record.pod = String(repeating: "x", count: 2000)
        #expect(record.text == "c1\neth0\n")
    }

    @Test func `carriage returns belong to the end of a line, however many`() throws {
        let record = try #require(AddressRecord(text: "c1\r\neth0\r\r\r\n10.0.0.2\r\npod=a/b\r\r\n\r"))
        #expect(record.name == "c1@eth0" && record.pod == "a/b")
        #expect(AddressRecord(text: record.text) == record)
    }

    @Test(arguments: ["", "\n", "c1", "c1\n", "\neth0\n", "c1\neth0\nnonsense\n"])
    func `half a record is none`(text: String) { #expect(AddressRecord(text: text) == nil) }
}
