import CLinux
import Glibc
import IPAM
import NetTypes

/// The addresses of one network: an `AddressBook` in a directory. The lock is held for the few file operations of one
/// change and for nothing else; whoever only reads needs none.
package struct AddressStore: Sendable {
    package let directory: String
    /// Where the machine says which run of it this is.
    package var bootIDFile = "/proc/sys/kernel/random/boot_id"

    package init(directory: String) { self.directory = directory }

    /// Now, on the clock of the records: it starts with the machine and goes on while it sleeps.
    package static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// Gives an attachment one address of every range set; what `owner` says of the pod is kept with them.
    package func allocate(
        for owner: AddressRecord, wished: [IPAddress] = [], from allocator: Allocator, cooldown: Cooldown = Cooldown()
    ) throws -> [Allocation] {
        guard let book = try open(create: true) else { return [] }
        return try book.allocate(
            for: owner, wished: wished, from: allocator, cooldown: cooldown, now: Self.now)
    }

    /// What an attachment has; nil when it has nothing.
    package func record(containerID: String, ifname: String) throws -> AddressRecord? {
        try AddressBook(StoreDirectory(reading: directory)).record(containerID: containerID, ifname: ifname)
    }

    /// Whether an attachment has a record, whatever stands in it.
    package func hasRecord(containerID: String, ifname: String) -> Bool {
        StoreDirectory(reading: directory).exists(AddressRecord(containerID: containerID, ifname: ifname).name)
    }

    /// Takes an attachment's addresses back, any number of times.
    @discardableResult
    package func release(containerID: String, ifname: String) throws -> [IPAddress] {
        guard let book = try open(create: false) else { return [] }
        return try book.release(containerID: containerID, ifname: ifname, now: Self.now)
    }

    /// Takes back what a file tells of, if it still is as it was read; false when it is not.
    package func release(_ file: StoredRecord) throws -> Bool {
        guard let book = try open(create: false) else { return false }
        return try book.release(file.name, text: file.text, since: Self.now)
    }

    /// Releases what belongs to none of `valid`, goes on after a failure and throws the first one; returns what was
    /// released. Names of attachments and of addresses alike: a stray address file is found by its content.
    package func collect(isValid: (AddressRecord) -> Bool) throws -> [AddressRecord] {
        var released: [AddressRecord] = []
        var failure: (any Error)?
        for file in try files() {
            guard let record = file.record, !isValid(record) else { continue }
            do { if try release(file) { released.append(record) } } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
        return released
    }

    /// Every file of an attachment or an address, as it is.
    package func files() throws -> [StoredRecord] {
        let directory = StoreDirectory(reading: directory)
        return try directory.names().filter(StoreName.isRecord).compactMap { name in
            try directory.read(name).map { StoredRecord(name: name, text: $0) }
        }
    }

    /// Every attachment with its addresses.
    package func records() throws -> [AddressRecord] {
        try files().filter { $0.name.contains("@") }.compactMap(\.record)
    }

    /// Throws what an allocation would throw now, without allocating.
    package func probe(_ allocator: Allocator, cooldown: Cooldown = Cooldown()) throws {
        guard let book = try open(create: true) else { return }
        _ = try book.choose(wished: [], from: allocator, cooldown: cooldown, now: Self.now)
    }

    /// Addresses that are given out, and that rest.
    package func usage(_ cooldown: Cooldown = Cooldown()) throws -> (given: Int, resting: Int) {
        try AddressBook(StoreDirectory(reading: directory)).usage(cooldown, now: Self.now)
    }

    /// Takes over records of another store: all of them, or none; how many are new.
    package func adopt(_ records: [AddressRecord]) throws -> Int {
        guard let book = try open(create: true) else { return 0 }
        return try book.adopt(records)
    }

    /// The book under its lock, of this run of the machine; nil when there is none and none is to be made.
    private func open(create: Bool) throws(StoreError) -> AddressBook<StoreDirectory>? {
        guard let files = try StoreDirectory.open(directory, create: create) else { return nil }
        let book = AddressBook(files)
        let boot = StoreDirectory.firstLine(of: bootIDFile)
        // Who takes back must not fail for a device that is full or read-only.
        if create { try book.begin(boot: boot) } else if files.isWritable { try? book.begin(boot: boot) }
        return book
    }
}

/// A file of a store.
package struct StoredRecord: Hashable, Sendable {
    /// An attachment's name, or an address.
    package let name: String
    package let text: String

    package init(name: String, text: String) {
        self.name = name
        self.text = text
    }

    /// Nil when it is not a record.
    package var record: AddressRecord? { AddressRecord(text: text) }
}

/// The networks that a directory has stores of.
package enum AddressStores {
    /// Every network below `base`, by name: none when there is no such directory.
    package static func all(in base: String) -> [(network: String, store: AddressStore)] {
        let names = (try? StoreDirectory(reading: base).names()) ?? []
        return names.sorted().compactMap { name in
            var status = stat()
            let path = "\(base)/\(name)"
            guard !name.hasPrefix("."), stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
            return (name, AddressStore(directory: path))
        }
    }
}

/// Reads the directory of the CNI project's `host-local`.
package enum HostLocalDirectory {
    /// Its records, complete and checked, or everything that is wrong with them.
    package static func records(_ path: String) throws -> [AddressRecord] {
        let directory = StoreDirectory(reading: path)
        guard access(path, R_OK | X_OK) == 0 else {
            throw StoreError(operation: "open \(path)", code: errno, reason: String(cString: strerror(errno)))
        }
        let names = try directory.names().filter(HostLocalRecord.isRecord)
        return try HostLocalRecord.records(names.map { ($0, try directory.read($0) ?? "") })
    }
}
