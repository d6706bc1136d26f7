import NetTypes

/// Records of another store that ours cannot take over; all that was found, nothing was changed.
package struct ImportProblems: Error, Hashable, Sendable {
    package let reasons: [String]

    package init(_ reasons: [String]) { self.reasons = reasons }
}

extension AddressBook {
    /// Takes over records of another store: all of them, or none and the reasons. What is here already counts as taken
    /// over, so it can be done again, also after having been killed in it. Returns how many are new.
    package func adopt(_ records: [AddressRecord]) throws -> Int {
        var reasons: [String] = []
        var fresh: [AddressRecord] = []
        var unfinished: [(name: String, address: IPAddress)] = []
        for record in records {
            let own = try self.record(containerID: record.containerID, ifname: record.ifname)
            if let own, Set(own.addresses) != Set(record.addresses) {
                reasons.append("\(record.name) has other addresses here: \(own.addresses)")
                continue
            }
            if own == nil { fresh.append(record) }
            for address in record.addresses {
                let owner = try owner(of: address)
                // The call that took the record over was killed in it.
                if own != nil, owner == nil { unfinished.append((record.name, address)) }
                guard let owner, own == nil || owner != record.name else { continue }
                reasons.append("\(address) of \(record.name) is given to \(owner) here")
            }
        }
        guard reasons.isEmpty else { throw ImportProblems(reasons) }
        for (name, address) in unfinished { try link(name, address) }
        try enterAll(fresh)
        return fresh.count
    }

    /// Whose an address is, in words; nil when it is free.
    private func owner(of address: IPAddress) throws(StoreError) -> String? {
        try text(of: address.description).map { AddressRecord(text: $0)?.name ?? "somebody" }
    }

    private func enterAll(_ records: [AddressRecord]) throws(StoreError) {
        var done: [AddressRecord] = []
        do throws(StoreError) {
            for record in records {
                try enter(record)
                done.append(record)
            }
        } catch {
            for record in done { _ = try? release(record.name, text: record.text, since: nil) }
            throw error
        }
    }
}

/// A record of the CNI project's `host-local`, one file for each address: container id and interface.
package enum HostLocalRecord {
    /// Whether a name in host-local's directory is an address's.
    package static func isRecord(_ name: String) -> Bool { IPAddress(name) != nil }

    /// Reads files of host-local's directory, and merges those of one attachment into a record; throws all that is
    /// wrong with them. Old versions wrote no interface: then it is eth0, which is what runtimes call it.
    package static func records(_ files: [(name: String, text: String)]) throws(ImportProblems) -> [AddressRecord] {
        var records: [String: AddressRecord] = [:]
        var reasons: [String] = []
        for file in files.sorted(by: { $0.name < $1.name }) {
            guard let address = IPAddress(file.name) else { continue }
            let lines = file.text.split(whereSeparator: \.isNewline).map { $0.filter { $0 != " " } }
            guard let id = lines.first, lines.count <= 2, isIdentifier(id),
                isInterface(lines.dropFirst().first ?? "eth0")
            else {
                reasons.append("\(file.name) does not hold a container id and an interface")
                continue
            }
            let owner = AddressRecord(containerID: id, ifname: lines.dropFirst().first ?? "eth0")
            records[owner.name, default: owner].addresses.append(address)
        }
        guard reasons.isEmpty else { throw ImportProblems(reasons) }
        return records.values.sorted { $0.name < $1.name }
    }

    /// The specification's rule for container ids.
    private static func isIdentifier(_ text: String) -> Bool {
        text.utf8.first.map(isAlphanumeric) == true
            && text.utf8.allSatisfy { isAlphanumeric($0) || "_.-".utf8.contains($0) }
    }

    private static func isInterface(_ text: String) -> Bool {
        (1...15).contains(text.utf8.count) && text != "." && text != ".."
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
