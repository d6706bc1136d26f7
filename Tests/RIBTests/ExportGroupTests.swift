import BGPWire
import NetTypes
import Testing

@testable import RIB

/// A reflector with clients that are told the same, and a source beside them.
private struct Reflector: ~Copyable {
    var rib: RIBTables
    let source = PeerID(rawValue: 1)
    let clients: [PeerID]
    private(set) var export: ExportPolicy

    init(clients count: Int, mostChunks: Int = 256) {
        rib = RIBTables(policy: .node, seed: 3)
        rib.mostChunks = mostChunks
        rib.setPeer(source, .external(65001, mode: .all))
        clients = (2..<count + 2).map { PeerID(rawValue: UInt16($0)) }
        export = ExportPolicy(
            mode: .all, localAS: asn(64601), isExternal: false, families: .all, clusterID: RouterID(rawValue: 7),
            isClient: true)
        export.ipv4NextHop = ip("192.0.2.10")
        export.ipv6NextHop = ip("2001:db8::10")
        for id in clients {
            rib.setPeer(id, .internal_("192.0.2.\(id.rawValue)", id: UInt32(id.rawValue), isClient: true))
            rib.startExport(to: id, export)
        }
    }

    static func prefixes(_ range: Range<Int>) -> [Prefix] {
        range.map { Prefix(bits: UInt128(0x0b00_0000 + $0 * 256) << 96, length: 24, family: .ipv4) }
    }

    mutating func announce(_ range: Range<Int>, from id: PeerID, path: [UInt32] = [65001]) {
        rib.apply(.announce(Self.prefixes(range), .path(path), via: ip("192.0.2.1")), from: id, at: 0)
        while rib.hasChanges { _ = rib.takeChanges(limit: 1000, describing: false) }
    }

    mutating func take(_ id: PeerID, limit: Int = 1000) -> [UInt8] {
        rib.takeMessages(.ipv4, for: id, limit: limit)
    }

    /// What a client holds after it has taken all, and how many octets that were.
    mutating func drain(_ id: PeerID, limit: Int = 1000, into held: inout Set<Prefix>) throws {
        while rib.hasMessages(.ipv4, for: id) {
            for update in try decode(take(id, limit: limit), isExternal: false) {
                held.subtract(update.withdrawn)
                held.formUnion(update.announced.flatMap(\.prefixes))
            }
        }
    }
}

@Suite struct `Peers that are told the same` {
    @Test func `share one table and take the same octets`() throws {
        var reflector = Reflector(clients: 100)
        reflector.announce(0..<3000, from: reflector.source)
        #expect(reflector.rib.groupCount == 1)
        let first = reflector.clients[0]
        while reflector.rib.hasMessages(.ipv4, for: first) {
            let bytes = reflector.take(first)
            let address = bytes.withUnsafeBufferPointer { $0.baseAddress }
            for client in reflector.clients.dropFirst() {
                let other = reflector.take(client)
                let isShared = other.withUnsafeBufferPointer { $0.baseAddress } == address
                #expect(isShared, "packed once, and not copied either")
                try #require(other == bytes)
            }
        }
        for client in reflector.clients {
            let (told, waits) = (
                reflector.rib.advertisedCount(client, .ipv4), reflector.rib.hasMessages(.ipv4, for: client)
            )
            #expect(told == 3000 && !waits)
        }
    }

    @Test func `are not told what they announced themselves, also when another becomes the source`() throws {
        var reflector = Reflector(clients: 3)
        let (a, b, c) = (reflector.clients[0], reflector.clients[1], reflector.clients[2])
        var held: [PeerID: Set<Prefix>] = [:]
        func check(_ reflector: inout Reflector, _ counts: [Int]) throws {
            for (client, count) in zip(reflector.clients, counts) {
                try reflector.drain(client, into: &held[client, default: []])
                let told = reflector.rib.advertisedCount(client, .ipv4)
                #expect(held[client]?.count == count && told == count, "client \(client)")
            }
        }
        reflector.announce(0..<10, from: a, path: [])
        reflector.announce(5..<10, from: reflector.source)
        try check(&reflector, [0, 10, 10])
        // Shorter than the source's path, equal to the first client's: nobody hears a thing.
        reflector.announce(0..<10, from: b, path: [])
        try check(&reflector, [0, 10, 10])
        reflector.rib.apply(Update(withdrawn: Reflector.prefixes(0..<10)), from: a, at: 0)
        _ = reflector.rib.takeChanges(limit: 100, describing: false)
        try check(&reflector, [10, 0, 10])
        reflector.rib.removePaths(of: b)
        _ = reflector.rib.takeChanges(limit: 100, describing: false)
        try check(&reflector, [5, 5, 5])
        _ = c
    }

    @Test(arguments: [4, 256])
    func `a slow one holds up nobody, costs a bounded log, and is told everything in the end`(mostChunks: Int) throws {
        var reflector = Reflector(clients: 2, mostChunks: mostChunks)
        let (quick, slow) = (reflector.clients[0], reflector.clients[1])
        var held: [PeerID: Set<Prefix>] = [:]
        for round in 0..<400 {
            reflector.announce(round * 10..<round * 10 + 20, from: reflector.source, path: [65001, UInt32(round + 1)])
            reflector.rib.apply(
                Update(withdrawn: Reflector.prefixes(round * 10..<round * 10 + 5)), from: reflector.source, at: 0)
            _ = reflector.rib.takeChanges(limit: 100, describing: false)
            try reflector.drain(quick, into: &held[quick, default: []])
            let waiting = reflector.rib.memberships[slow]?.ipv4.log.chunks.count ?? 0
            #expect(waiting <= mostChunks)
        }
        let before = reflector.rib.pendingCount(.ipv4, for: slow)
        #expect(before > 0)
        try reflector.drain(slow, limit: 7, into: &held[slow, default: []])
        #expect(held[slow] == held[quick] && held[quick]?.count == 400 * 5 + 10)
        let (log, backlog) = (
            reflector.rib.memberships[slow]?.ipv4.log.chunks.count,
            reflector.rib.memberships[slow]?.ipv4.members[slow]?.backlog == nil
        )
        #expect(log == 0 && backlog, "with the others again")
        reflector.rib.removePaths(of: reflector.source)
        _ = reflector.rib.takeChanges(limit: 10000, describing: false)
        for client in reflector.clients { try reflector.drain(client, into: &held[client, default: []]) }
        #expect(held.values.allSatisfy { $0.isEmpty })
        let sizes = reflector.rib.sizes
        #expect(sizes == (0, 0, 0))
    }

    @Test func `one that comes later gets the whole table, and two that come at once the same octets`() throws {
        var reflector = Reflector(clients: 3)
        let late = [reflector.clients[1], reflector.clients[2]]
        for client in late { reflector.rib.stopExport(to: client) }
        reflector.announce(0..<2500, from: reflector.source)
        var held: Set<Prefix> = []
        try reflector.drain(reflector.clients[0], into: &held)
        for client in late { reflector.rib.startExport(to: client, reflector.export) }
        var told: [Set<Prefix>] = [[], []]
        while reflector.rib.hasMessages(.ipv4, for: late[0]) {
            let (one, other) = (reflector.take(late[0]), reflector.take(late[1]))
            #expect(one == other)
            told[0].formUnion(try decode(one, isExternal: false).flatMap(\.announced).flatMap(\.prefixes))
            told[1].formUnion(try decode(other, isExternal: false).flatMap(\.announced).flatMap(\.prefixes))
        }
        #expect(told == [held, held] && held.count == 2500)
        #expect(reflector.rib.groupCount == 1)
    }

    @Test func `tables of a group without members are given back in portions`() throws {
        var reflector = Reflector(clients: 1)
        reflector.announce(0..<40000, from: reflector.source)
        var held: Set<Prefix> = []
        try reflector.drain(reflector.clients[0], into: &held)
        reflector.rib.stopExport(to: reflector.clients[0])
        #expect(reflector.rib.hasWork && reflector.rib.groupCount == 0)
        reflector.rib.removePaths(of: reflector.source)
        while reflector.rib.hasWork { reflector.rib.work(limit: 1000) }
        while reflector.rib.hasChanges { _ = reflector.rib.takeChanges(limit: 1000, describing: false) }
        let sizes = reflector.rib.sizes
        #expect(sizes == (0, 0, 0))
    }
}
