import Glibc
import IPAM
import NetTypes

/// Which attachment owns which address, in files of one directory per network:
///
///     lock            flock of whoever writes
///     last.N          what range set N gave out last
///     ID@IFNAME       the record of an attachment
///     10.244.1.7      the same file under the name of each of its addresses
///     .new            a record that is being made
///
/// A record is complete (written, synced) before it gets its names by link(2), the attachment's name first and the
/// addresses' after it; a release goes the other way. So whenever we are killed, no file is empty, every address has
/// an attachment under which DEL finds it without searching, and the work of the killed call is finished by the next
/// DEL.
package struct AddressStore: Sendable {
    package let directory: String

    package init(directory: String) { self.directory = directory }

    /// Gives an attachment one address of every range set.
    package func allocate(
        containerID: String, ifname: String, wished: [IPAddress], from allocator: Allocator
    ) throws -> [Allocation] {
        guard let files = try StoreDirectory.open(directory, create: true) else { return [] }
        let name = Self.name(containerID, ifname)
        guard !files.exists(name) else { throw AlreadyAllocated(containerID: containerID, ifname: ifname) }
        let allocations = try allocator.allocate(
            wished: wished, last: { index in (try? files.read("last.\(index)")).flatMap { IPAddress($0) } },
            isTaken: { files.exists($0.description) })
        let record = AddressRecord(containerID: containerID, ifname: ifname, addresses: allocations.map(\.address))
        do {
            try files.writeTemporary(".new", record.text)
            try files.link(".new", name)
            for allocation in allocations { try files.link(".new", allocation.address.description) }
            try files.remove(".new")
        } catch {
            try? Self.release(record, in: files)
            try? files.remove(".new")
            throw error
        }
        for allocation in allocations where !allocation.isWished {
            // Losing this only shortens the rest of a released address.
            try? files.writeTemporary(".last", allocation.address.description, isDurable: false)
            try? files.rename(".last", "last.\(allocation.set)")
        }
        return allocations
    }

    /// What an attachment has; nil when it has nothing.
    package func record(containerID: String, ifname: String) throws -> AddressRecord? {
        guard let files = try StoreDirectory.open(directory, create: false) else { return nil }
        return try files.read(Self.name(containerID, ifname)).flatMap { AddressRecord(text: $0) }
    }

    /// Takes an attachment's addresses back, any number of times.
    @discardableResult
    package func release(containerID: String, ifname: String) throws -> [IPAddress] {
        guard let files = try StoreDirectory.open(directory, create: false) else { return [] }
        // What a killed call was writing; we have the lock.
        for name in [".new", ".last"] { try? files.remove(name) }
        guard let text = try files.read(Self.name(containerID, ifname)) else { return [] }
        // A record that cannot be read (written by something else) still gives its own name back.
        let record =
            AddressRecord(text: text) ?? AddressRecord(containerID: containerID, ifname: ifname, addresses: [])
        try Self.release(record, in: files)
        return record.addresses
    }

    /// Releases what belongs to none of `valid`, goes on after a failure and throws the first one; returns what was
    /// released.
    package func collect(isValid: (AddressRecord) -> Bool) throws -> [AddressRecord] {
        guard let files = try StoreDirectory.open(directory, create: false) else { return [] }
        var released: [AddressRecord] = []
        var failure: (any Error)?
        for name in try files.names() {
            do {
                // Names of attachments and of addresses alike: a stray address file is found by its content.
                guard name != "lock", !name.hasPrefix("last."), !name.hasPrefix("."),
                    let record = try files.read(name).flatMap({ AddressRecord(text: $0) }), !isValid(record)
                else { continue }
                try Self.release(record, in: files)
                released.append(record)
                if !record.addresses.isEmpty, files.exists(name) { try files.remove(name) }
            } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
        return released
    }

    /// Every attachment with its addresses.
    package func records() throws -> [AddressRecord] {
        guard let files = try StoreDirectory.open(directory, create: false) else { return [] }
        var result: [AddressRecord] = []
        for name in try files.names() where name.contains("@") {
            if let record = try files.read(name).flatMap({ AddressRecord(text: $0) }) { result.append(record) }
        }
        return result
    }

    /// Throws what an allocation would throw now, without allocating.
    package func probe(_ allocator: Allocator) throws {
        guard let files = try StoreDirectory.open(directory, create: true) else { return }
        _ = try allocator.allocate(
            wished: [], last: { index in (try? files.read("last.\(index)")).flatMap { IPAddress($0) } },
            isTaken: { files.exists($0.description) })
    }

    /// Container ids have no `@`, so the first one splits the name.
    private static func name(_ containerID: String, _ ifname: String) -> String { "\(containerID)@\(ifname)" }

    /// Addresses first, the attachment's own name last: if we are killed in between, the next release finishes the
    /// work.
    private static func release(_ record: AddressRecord, in files: borrowing StoreDirectory) throws(StoreError) {
        let text = record.text
        for address in record.addresses where try files.read(address.description) == text {
            try files.remove(address.description)
        }
        try files.remove(name(record.containerID, record.ifname))
    }
}

/// The attachment already has addresses: a second ADD must not get others.
package struct AlreadyAllocated: Error, Hashable, Sendable {
    package let containerID: String
    package let ifname: String
}
