import IPAM
import NetTypes

/// A store's directory in memory, whose user can be killed at any step: hard links, times and all.
final class MemoryFiles: AddressFiles {
    struct Inode: Equatable {
        var text: String
    }

    struct Killed: Error {}

    private(set) var inodes: [Int: Inode] = [:]
    private(set) var directory: [String: Int] = [:]
    private(set) var boot = ""
    private(set) var released: [IPAddress: Instant] = [:]
    private var nextInode = 0
    /// Steps that are still done; nil: all. A killed process does nothing any more.
    var stepsLeft: Int?
    /// How much of the text of a write that is killed gets into its file, in quarters.
    var quarters = 2
    /// Steps done since `begin`.
    private(set) var steps = 0

    init() {}

    /// As another is.
    init(_ other: MemoryFiles) {
        (inodes, directory, boot, nextInode) = (other.inodes, other.directory, other.boot, other.nextInode)
        released = other.released
    }

    var isKilled: Bool { stepsLeft == 0 }

    /// A new process.
    func begin(steps: Int? = nil) { (stepsLeft, self.steps) = (steps, 0) }

    /// Counts a step that changes something; false when the process is dead.
    private func step(_ what: String) throws(StoreError) {
        if stepsLeft == 0 { throw StoreError(operation: what, code: -1, reason: "killed") }
        stepsLeft = stepsLeft.map { $0 - 1 }
        steps += 1
    }

    /// How often a file was asked for, and names were read.
    private(set) var questions = 0

    func exists(_ name: String) -> Bool {
        questions += 1
        return directory[name] != nil
    }

    func text(_ name: String) -> String? { directory[name].flatMap { inodes[$0]?.text } }

    func read(_ name: String) throws(StoreError) -> String? {
        questions += 1
        return text(name)
    }

    func write(_ name: String, _ text: String) throws(StoreError) {
        if directory[name] != nil { try remove(name) }
        try step("create")
        nextInode += 1
        directory[name] = nextInode
        inodes[nextInode] = Inode(text: "")
        do { try step("write") } catch {
            inodes[nextInode] = Inode(text: String(text.prefix(text.count * quarters / 4)))
            throw error
        }
        inodes[nextInode] = Inode(text: text)
    }

    func link(_ from: String, _ to: String) throws(StoreError) {
        try step("link")
        guard directory[to] == nil, let inode = directory[from] else {
            throw StoreError(operation: "link \(to)", code: 17, reason: "exists")
        }
        directory[to] = inode
    }

    func rename(_ from: String, _ to: String) throws(StoreError) {
        try step("rename")
        guard let inode = directory[from] else {
            throw StoreError(operation: "rename \(from)", code: 2, reason: "missing")
        }
        // rename(2) of two names of one file does nothing.
        guard directory[to] != inode else { return }
        unlink(to)
        directory[to] = inode
        directory[from] = nil
    }

    func remove(_ name: String) throws(StoreError) {
        try step("remove")
        unlink(name)
    }

    private func unlink(_ name: String) {
        guard let inode = directory.removeValue(forKey: name) else { return }
        if !directory.values.contains(inode) { inodes[inode] = nil }
    }

    func setRest(_ address: IPAddress, since: Instant) throws(StoreError) {
        try step("rest")
        released[address] = since
    }

    func restsSince(_ address: IPAddress) -> Instant? {
        questions += 1
        return released[address]
    }

    func rests() -> [(address: IPAddress, since: Instant)] { released.map { ($0.key, $0.value) } }

    func names() throws(StoreError) -> [String] {
        questions += directory.count
        return Array(directory.keys)
    }

    func setBoot(_ id: String) throws(StoreError) {
        try step("boot")
        (boot, released) = (id, [:])
    }

    /// Names that tell of an owner.
    var records: [String: String] {
        directory.keys.filter(StoreName.isRecord).reduce(into: [:]) { $0[$1] = text($1) }
    }
}
