import NetTypes

/// How long a released address rests before somebody else gets it: connections and caches of its last owner run out.
package struct Cooldown: Hashable, Sendable {
    package var time: Duration
    /// With true an address never comes back sooner; otherwise the one that has rested longest does, when there is no
    /// other.
    package var isRequired: Bool

    package init(time: Duration = .seconds(30), isRequired: Bool = false) {
        self.time = time
        self.isRequired = isRequired
    }
}

/// The attachment already has addresses: a second ADD must not get others.
package struct AlreadyAllocated: Error, Hashable, Sendable {
    package let containerID: String
    package let ifname: String
}

/// Which attachment owns which address, in files:
///
///     lock            flock of whoever writes; in it the machine's boot id, and when addresses were released
///     last.N          what range set N gave out last
///     ID@IFNAME       the record of an attachment
///     10.244.1.7      the same file under the name of each of its addresses
///     .new            a record that is being made
///
/// A record is complete before it gets its names by link(2), the attachment's name first and the addresses' after it; a
/// release goes the other way. So whenever we are killed, no file is half a one, every address has an attachment under
/// which DEL finds it without searching, and the work of the killed call is finished by the next DEL. Nothing is
/// synced: after a power cut the machine has another boot id, and whatever is here is of dead pods.
///
/// An allocation looks at one or two files for each address that it tries, and what the last one gave out is a hint
/// where to try: what it costs does not grow with the pods.
///
/// Whoever writes must have the lock.
package struct AddressBook<Files: AddressFiles> {
    private let files: Files

    package init(_ files: Files) { self.files = files }

    /// Forgets what is of an earlier run of the machine, whose pods are gone.
    package func begin(boot: String) throws(StoreError) {
        let known = files.boot
        guard known != boot, !boot.isEmpty else { return }
        if !known.isEmpty {
            for name in try files.names() where name != StoreName.lock { try files.remove(name) }
        }
        try files.setBoot(boot)
    }

    // MARK: giving

    /// Gives an attachment one address of every range set; what the record says of its owner is kept.
    package func allocate(
        for owner: AddressRecord, wished: [IPAddress], from allocator: Allocator, cooldown: Cooldown, now: Instant
    ) throws -> [Allocation] {
        guard !files.exists(owner.name) else {
            throw AlreadyAllocated(containerID: owner.containerID, ifname: owner.ifname)
        }
        let allocations = try choose(wished: wished, from: allocator, cooldown: cooldown, now: now)
        var record = owner
        record.addresses = allocations.map(\.address)
        record.since = now
        try enter(record)
        for allocation in allocations where !allocation.isWished {
            // Losing this only shortens the rest of a released address.
            try? files.write(StoreName.newLast, allocation.address.description)
            try? files.rename(StoreName.newLast, StoreName.last(allocation.set))
        }
        return allocations
    }

    /// The addresses that an allocation would give now; throws what it would throw.
    package func choose(
        wished: [IPAddress], from allocator: Allocator, cooldown: Cooldown, now: Instant
    ) throws(AllocationProblem) -> [Allocation] {
        var view = StoreView(files)
        func rests(_ address: IPAddress) -> Bool {
            files.restsSince(address).map { Self.isResting($0, cooldown, now) } ?? false
        }
        do throws(AllocationProblem) {
            return try allocator.allocate(
                wished: wished,
                last: { index in
                    (try? files.read(StoreName.last(index))).flatMap { $0 }.flatMap { IPAddress($0) }
                },
                isTaken: { view.isTaken($0) }, isResting: rests,
                resting: { cooldown.isRequired ? [] : longestRested() })
        } catch {
            guard cooldown.isRequired, case .exhausted(let set) = error else { throw error }
            let isThere = files.rests().contains { address, since in
                Self.isResting(since, cooldown, now) && set.range(of: address) != nil
                    && !allocator.isReserved(address) && !files.exists(address.description)
            }
            throw isThere ? .resting(set) : error
        }
    }

    /// How much of a store is in use: addresses given out, and those that rest.
    package func usage(_ cooldown: Cooldown, now: Instant) throws(StoreError) -> (given: Int, resting: Int) {
        let names = Set(try files.names())
        let given = names.count { StoreName.isRecord($0) && IPAddress($0) != nil }
        let resting = files.rests().count { address, since in
            Self.isResting(since, cooldown, now) && !names.contains(address.description)
        }
        return (given, resting)
    }

    /// Addresses that rest or have rested, the one with the longest rest first.
    private func longestRested() -> [IPAddress] { files.rests().sorted { $0.since < $1.since }.map(\.address) }

    private static func isResting(_ since: Instant, _ cooldown: Cooldown, _ now: Instant) -> Bool {
        now < since + cooldown.time
    }

    /// Writes a record under all its names, or under none.
    func enter(_ record: AddressRecord) throws(StoreError) {
        do throws(StoreError) {
            try files.write(StoreName.new, record.text)
            try files.link(StoreName.new, record.name)
            for address in record.addresses { try files.link(StoreName.new, address.description) }
            try files.remove(StoreName.new)
        } catch {
            _ = try? release(record.name, text: record.text, since: nil)
            try? files.remove(StoreName.new)
            throw error
        }
    }

    // MARK: taking back

    /// What an attachment has; nil when it has nothing.
    package func record(containerID: String, ifname: String) throws(StoreError) -> AddressRecord? {
        try files.read(AddressRecord(containerID: containerID, ifname: ifname).name)
            .flatMap { AddressRecord(text: $0) }
    }

    func text(of name: String) throws(StoreError) -> String? { try files.read(name) }

    /// Gives an attachment's file the name of one of its addresses.
    func link(_ name: String, _ address: IPAddress) throws(StoreError) {
        try files.link(name, address.description)
    }

    /// Takes an attachment's addresses back, any number of times.
    @discardableResult
    package func release(containerID: String, ifname: String, now: Instant) throws(StoreError) -> [IPAddress] {
        // What a killed call was writing; we have the lock.
        for name in [StoreName.new, StoreName.newLast] { try? files.remove(name) }
        let owner = AddressRecord(containerID: containerID, ifname: ifname)
        guard let text = try files.read(owner.name) else { return [] }
        // A record that cannot be read (written by something else) still gives its own name back.
        let record = AddressRecord(text: text) ?? owner
        try withdraw(record, text: text, since: now)
        try files.remove(owner.name)
        return record.addresses
    }

    /// Takes back what a file tells of, if it still has this text: somebody judged it a moment ago without the lock.
    /// False when it has changed meanwhile. `since`: when the addresses begin to rest; nil: nobody has had them.
    @discardableResult
    package func release(_ name: String, text: String, since: Instant?) throws(StoreError) -> Bool {
        guard try files.read(name) == text, let record = AddressRecord(text: text) else { return false }
        try withdraw(record, text: text, since: since)
        for name in [name, record.name] where try files.read(name) == text { try files.remove(name) }
        return true
    }

    /// The addresses' part of a release. The attachment's own name goes after it: if we are killed in between, the next
    /// release finishes the work.
    private func withdraw(_ record: AddressRecord, text: String, since: Instant?) throws(StoreError) {
        for address in record.addresses where try files.read(address.description) == text {
            // On a device that is full or will not do it: without a rest.
            if let since { try? files.setRest(address, since: since) }
            try files.remove(address.description)
        }
    }
}

/// What allocations ask of the files. After many addresses in vain all names are read at once.
private struct StoreView<Files: AddressFiles> {
    private static var patience: Int { 32 }

    private let files: Files
    private var asked = 0
    private var names: Set<String>?

    init(_ files: Files) { self.files = files }

    mutating func isTaken(_ address: IPAddress) -> Bool {
        let name = address.description
        asked += 1
        if asked == Self.patience { names = (try? files.names()).map { Set($0) } }
        return names?.contains(name) ?? files.exists(name)
    }
}
