import IPAM
import NetTypes

/// A store whose files hold anything: what is given out is free, what is released is gone, records read the same after
/// they were written. Each file of the input: an octet that chooses its name, one with the length of its text, the text.
func fuzzAddresses(_ bytes: [UInt8]) {
    var input = FuzzInput(bytes)
    let files = FuzzFiles()
    var texts: [(name: String, text: String)] = []
    while !input.isAtEnd {
        let name = input.choose(storeNames)
        let text = String(decoding: input.take(Int(input.byte())), as: UTF8.self)
        files.texts[name] = text
        texts.append((name, text))
        if let record = AddressRecord(text: text), let again = AddressRecord(text: record.text) {
            mustHold(AddressRecord(text: again.text) == again, "a record reads differently after it was written")
        }
    }
    _ = try? HostLocalRecord.records(texts)
    guard let subnet = Prefix("10.0.0.0/29"), let range = try? AddressRange(subnet: subnet),
        let set = try? RangeSet([range]), let allocator = try? Allocator([set])
    else { return mustHold(false, "the range is good") }
    use(AddressBook(files), files, allocator)
}

private func use(_ book: AddressBook<FuzzFiles>, _ files: FuzzFiles, _ allocator: Allocator) {
    let now = Instant(nanoseconds: 1_000_000_000_000)
    let owner = AddressRecord(containerID: "c9", ifname: "eth0")
    let taken = Set(files.texts.keys)
    if let got = try? book.allocate(for: owner, wished: [], from: allocator, cooldown: Cooldown(), now: now) {
        mustHold(got.allSatisfy { !taken.contains($0.address.description) }, "an address has two owners")
        mustHold(files.exists("c9@eth0"), "an allocation without a record")
    }
    for id in ["c1", "c2", "c9"] {
        _ = try? book.release(containerID: id, ifname: "eth0", now: now)
        mustHold(!files.exists("\(id)@eth0"), "a record survives its release")
    }
    for name in files.texts.keys.sorted() {
        if let text = files.texts[name] { _ = try? book.release(name, text: text, since: now) }
    }
    _ = try? book.begin(boot: "next")
    mustHold(Set(files.texts.keys).isSubset(of: ["lock"]), "files survive a reboot")
}

private let storeNames = [
    "c1@eth0", "c2@eth0", "c9@eth0", "10.0.0.2", "10.0.0.3", "10.0.0.6", "fd00::2", "last.0", ".rest-10.0.0.4",
    ".rest-10.0.0.5", ".rest-nonsense", ".new", ".last", "lock", "10.0.0.77@x", "nonsense",
]

/// Files in memory; a link is a copy, which no reader can tell from one.
private final class FuzzFiles: AddressFiles {
    var texts: [String: String] = [:]
    var boot: String { "first" }

    func exists(_ name: String) -> Bool { texts[name] != nil }
    func read(_ name: String) throws(StoreError) -> String? { texts[name] }
    func write(_ name: String, _ text: String) throws(StoreError) { texts[name] = text }
    func remove(_ name: String) throws(StoreError) { texts[name] = nil }
    func setRest(_ address: IPAddress, since: Instant) throws(StoreError) {}
    func restsSince(_ address: IPAddress) -> Instant? { texts[".rest-\(address)"].map(Self.time) }
    func rests() -> [(address: IPAddress, since: Instant)] {
        texts.compactMap { name, text in
            IPAddress(name.dropFirst(".rest-".count)).map { ($0, Self.time(text)) }
        }
    }
    private static func time(_ text: String) -> Instant { Instant(nanoseconds: Int64(text.utf8.count)) }
    func names() throws(StoreError) -> [String] { Array(texts.keys) }
    func setBoot(_ id: String) throws(StoreError) {}

    func link(_ from: String, _ to: String) throws(StoreError) {
        guard texts[to] == nil else { throw StoreError(operation: "link", code: 17, reason: "exists") }
        texts[to] = texts[from]
    }

    func rename(_ from: String, _ to: String) throws(StoreError) {
        texts[to] = texts[from]
        texts[from] = nil
    }
}
