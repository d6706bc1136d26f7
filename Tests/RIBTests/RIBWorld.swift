import BGPWire
import NetTypes
import Testing

@testable import RIB

/// The RIB and its model side by side, with a receiver behind each session that only knows the bytes it got.
struct RIBWorld: ~Copyable {
    var rib: RIBTables
    var model: RIBModel
    var random: SeededGenerator
    /// By prefix and path identifier.
    var receivers: [PeerID: [Prefix: [UInt32: PathAttributes]]] = [:]
    /// What `takeChanges` last told, or should have.
    private var known: [Prefix: RIBModel.Outcome] = [:]
    private let seed: UInt64
    private var exports: [PeerID: ExportPolicy]

    static let ipv4 = (0..<10).map { Prefix(bits: UInt128(0x0af4_0000 + $0 * 256) << 96, length: 24, family: .ipv4) }
    static let ipv6 = (0..<5).map {
        Prefix(bits: UInt128(0xfd00_0010_0244_0000 + UInt64($0)) << 64, length: 64, family: .ipv6)
    }
    static let prefixes = ipv4 + ipv6
    static let hops = ["192.0.2.1", "192.0.2.2", "192.0.2.10", "198.51.100.1", "2001:db8::1", "2001:db8::2", "fe80::5"]

    init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        rib = RIBTables(policy: .node, maximumPaths: 3, seed: seed)
        // In half of the worlds every member that is a little behind leaves the log.
        if seed.isMultiple(of: 2) { rib.mostChunks = 1 }
        model = RIBModel(policy: .node, maximumPaths: 3)
        var exports: [PeerID: ExportPolicy] = [:]
        for (index, peer) in Self.peers.enumerated() {
            let id = PeerID(rawValue: UInt16(index + 1))
            rib.setPeer(id, peer)
            model.peers[id] = peer
            var export = ExportPolicy(
                mode: [.all, .localOnly, .all, .all, .none, .all, .all, .all, .all, .all, .all, .all, .all, .all][
                    index], localAS: asn(64601),
                isExternal: peer.isExternal,
                families: index == 5 ? .ipv4 : .all, clusterID: RouterID(rawValue: 77), isClient: peer.isClient)
            export.ipv4NextHop = ip("192.0.2.10")
            export.ipv6NextHop = index == 0 ? nil : ip("2001:db8::10")
            exports[id] = export
        }
        self.exports = exports
    }

    private static let peers: [RIBPeer] = [
        .external(65001, "192.0.2.1", id: 11), .external(65002, "192.0.2.2", id: 12),
        .internal_("192.0.2.3", id: 13, isClient: true), .internal_("192.0.2.4", id: 14),
        .external(65001, "192.0.2.5", id: 11), .internal_("192.0.2.6", id: 16),
        // These two are told the same as the third, and these as nobody before: groups of three and of two.
        .internal_("192.0.2.7", id: 17, isClient: true), .internal_("192.0.2.8", id: 18, isClient: true),
        .external(65003, "192.0.2.20", id: 20), .external(65004, "192.0.2.21", id: 21),
        // With add-path.
        .internal_("192.0.2.22", id: 22, isClient: true), .internal_("192.0.2.23", id: 23, isClient: true),
        .external(65005, "192.0.2.24", id: 24), .external(65006, "192.0.2.25", id: 25),
    ]

    /// What peers with add-path are told.
    private static let selections: [PeerID: PathSelection] = [
        PeerID(rawValue: 11): .all, PeerID(rawValue: 12): .all, PeerID(rawValue: 13): .most(2),
        PeerID(rawValue: 14): .best,
    ]

    /// Of these peers several paths of a prefix may come.
    private static let writers: Set<PeerID> = [PeerID(rawValue: 3), PeerID(rawValue: 11), PeerID(rawValue: 13)]

    private var somePeer: PeerID { mutating get { PeerID(rawValue: UInt16.random(in: 1...14, using: &random)) } }

    private mutating func someSource(_ id: PeerID) -> RIBModel.Source {
        RIBModel.Source(peer: id, pathID: Self.writers.contains(id) ? UInt32.random(in: 1...3, using: &random) : 0)
    }

    private func encoding(_ id: PeerID) -> ExportEncoding {
        var encoding = ExportEncoding()
        encoding.ipv4Paths = Self.selections[id]
        encoding.ipv6Paths = Self.selections[id]
        return encoding
    }

    private mutating func pick<Element>(_ list: [Element], _ fallback: Element) -> Element {
        list.randomElement(using: &random) ?? fallback
    }

    private mutating func someFields(_ peer: RIBPeer?) -> AttributeFields {
        var path = (0..<UInt32.random(in: 0...2, using: &random)).map { _ in
            UInt32.random(in: 65001...65003, using: &random)
        }
        if peer?.isExternal == true, UInt8.random(in: 0..<8, using: &random) > 0 {
            path.insert(peer?.asNumber.rawValue ?? 0, at: 0)
        }
        if UInt8.random(in: 0..<15, using: &random) == 0 { path.append(64601) }
        var fields = AttributeFields.path(path)
        fields.origin = UInt8.random(in: 0...4, using: &random) == 0 ? 2 : 0
        if Bool.random(using: &random) { fields.med = UInt32.random(in: 0...2, using: &random) }
        if peer?.isExternal == false {
            if Bool.random(using: &random) { fields.localPref = UInt32.random(in: 99...101, using: &random) }
            if UInt8.random(in: 0..<5, using: &random) == 0 { fields.originatorID = RouterID(rawValue: 10) }
            if UInt8.random(in: 0..<5, using: &random) == 0 { fields.clusterList = [3, 4] }
        }
        switch UInt8.random(in: 0..<12, using: &random) {
        case 0: fields.communities = [Community.noExport.rawValue]
        case 1: fields.communities = [Community.noAdvertise.rawValue]
        case 2: fields.communities = [0x0001_0002]
        default: break
        }
        return fields
    }

    /// One random event; returns whether the changes it makes must be told exactly, not only enough of them.
    mutating func step() -> Bool {
        switch UInt8.random(in: 0..<24, using: &random) {
        case 0: policyChange()
        case 1: peerDown()
        case 2, 3: peerUp()
        case 4, 5: own()
        case 6, 7, 8, 9, 10: withdraw()
        case 11: refresh()
        case 12: moveGroup()
        default: announce()
        }
        return true
    }

    private mutating func announce() {
        let id = somePeer
        let family = UInt8.random(in: 0..<3, using: &random) == 0 ? Self.ipv6 : Self.ipv4
        let some = Set((0..<3).map { _ in pick(family, Self.prefixes[0]) }).sorted()
        let isV6 = family == Self.ipv6
        let hop = ip(pick(Self.hops.filter { $0.contains(":") == isV6 }, ""))
        let attributes = PathAttributes(someFields(model.peers[id]), nextHop: hop)
        var announcement = Announcement(attributes: attributes, prefixes: some)
        let sources = some.map { _ in someSource(id) }
        if Self.writers.contains(id) { announcement.pathIDs = sources.map(\.pathID) }
        rib.apply(Update(announced: [announcement]), from: id, at: 1)
        for (prefix, source) in zip(some, sources) { model.paths[prefix, default: [:]][source] = attributes }
    }

    private mutating func withdraw() {
        let (id, prefix) = (somePeer, pick(Self.prefixes, Self.prefixes[0]))
        let source = someSource(id)
        var update = Update(withdrawn: [prefix])
        if Self.writers.contains(id) { update.withdrawnIDs = [source.pathID] }
        rib.apply(update, from: id, at: 1)
        model.paths[prefix]?[source] = nil
    }

    private mutating func own() {
        let prefix = pick([Self.ipv4[1], Self.ipv4[2], Self.ipv6[1]], Self.ipv4[1])
        if Bool.random(using: &random) {
            let attributes = PathAttributes(
                AttributeFields(), nextHop: IPAddress(leftAligned: 0, family: prefix.family))
            rib.originate(prefix, attributes, at: 1)
            model.paths[prefix, default: [:]][.init(peer: .local)] = attributes
        } else {
            rib.withdrawOwn(prefix)
            model.paths[prefix]?[.init(peer: .local)] = nil
        }
    }

    private mutating func policyChange() {
        var policy = model.policy
        switch UInt8.random(in: 0..<4, using: &random) {
        case 0: policy.linkSubnets = policy.linkSubnets.isEmpty ? ImportPolicy.node.linkSubnets : []
        case 1: policy.clusterCIDRs = policy.clusterCIDRs.isEmpty ? ImportPolicy.node.clusterCIDRs : []
        case 2: policy.ownPodCIDRs = policy.ownPodCIDRs.isEmpty ? ImportPolicy.node.ownPodCIDRs : []
        default: policy.requiresConnectedNextHop.toggle()
        }
        rib.policy = policy
        model.policy = policy
    }

    private mutating func peerDown() { down(somePeer) }

    private mutating func down(_ id: PeerID) {
        rib.stopExport(to: id)
        rib.removePaths(of: id)
        receivers[id] = nil
        for prefix in Self.prefixes { model.paths[prefix] = model.paths[prefix]?.filter { $0.key.peer != id } }
    }

    private mutating func peerUp() {
        let id = somePeer
        guard receivers[id] == nil, let export = exports[id] else { return }
        receivers[id] = [:]
        rib.startExport(to: id, export, encoding(id))
    }

    /// A peer is to be told otherwise, as when an address of ours changes: it goes to another group, or back.
    private mutating func moveGroup() {
        let id = somePeer
        guard receivers[id] != nil, var export = exports[id] else { return }
        export.ipv4NextHop = export.ipv4NextHop == ip("192.0.2.10") ? ip("192.0.2.11") : ip("192.0.2.10")
        exports[id] = export
        rib.startExport(to: id, export, encoding(id))
    }

    private mutating func refresh() {
        let (id, family) = (somePeer, pick(AddressFamily.allCases, .ipv4))
        guard receivers[id] != nil, exports[id]?.families.contains(family) == true else { return }
        rib.resend(family, to: id)
        // The receiver may forget all of the family now: it is sent again.
        receivers[id] = receivers[id]?.filter { $0.key.family != family }
        refreshed.insert(id)
    }

    /// Peers that asked for a refresh may be told to withdraw what they have forgotten.
    private var refreshed: Set<PeerID> = []

    /// Takes every change and compares it with what the model says has changed.
    mutating func checkChanges() {
        let changes = rib.takeChanges(limit: 1000, describing: true)
        var expected: Set<Prefix> = []
        for prefix in Self.prefixes {
            let outcome = model.outcome(prefix)
            if outcome != known[prefix, default: .init()] { expected.insert(prefix) }
            known[prefix] = outcome
        }
        #expect(Set(changes.map(\.prefix)) == expected, "seed \(seed)")
        #expect(changes.count == expected.count, "seed \(seed): each once")
        for change in changes {
            let outcome = known[change.prefix, default: .init()]
            #expect(change.best?.peer == outcome.best?.peer, "seed \(seed) \(change)")
            // A link-local address is another neighbour on each peer's link.
            let hops = outcome.equal.filter { $0.peer != .local }.map { path in
                let hop = path.attributes.nextHop
                return "\(hop)" + (hop.isLinkLocal ? "%\(path.peer.rawValue)" : "")
            }
            let found = (change.best?.nextHops ?? []).map { hop in
                "\(hop.address)" + (hop.address.isLinkLocal ? "%\(hop.peer.rawValue)" : "")
            }
            #expect(found.count == Set(found).count && Set(found) == Set(hops), "seed \(seed) \(change)")
            let order = (change.best?.nextHops ?? []).map { ($0.address, $0.peer.rawValue) }
            #expect(zip(order, order.dropFirst()).allSatisfy { $0 < $1 }, "seed \(seed) \(change)")
        }
    }

    func checkCounts() {
        for id in model.peers.keys {
            for family in AddressFamily.allCases {
                let counts = rib.counts(id, family)
                #expect(counts == model.counts(id, family), "seed \(seed) peer \(id)")
            }
        }
    }

    /// Lets one session send a little, and its receiver apply it.
    mutating func flush(_ id: PeerID, limit: Int) throws {
        guard receivers[id] != nil, let export = exports[id] else { return }
        var bytes: [UInt8] = []
        for family in export.families.families { bytes += rib.takeMessages(family, for: id, limit: limit) }
        let hasPathIDs = Self.selections[id] != nil
        for update in try decode(bytes, isExternal: export.isExternal, pathIDs: hasPathIDs) {
            #expect(update.faults.isEmpty, "seed \(seed)")
            for (index, prefix) in update.withdrawn.enumerated() {
                let pathID = hasPathIDs ? update.withdrawnIDs[index] : 0
                let gone = receivers[id]?[prefix]?.removeValue(forKey: pathID)
                #expect(gone != nil || refreshed.contains(id), "seed \(seed): withdrawn and never announced: \(prefix)")
            }
            for announcement in update.announced {
                for (index, prefix) in announcement.prefixes.enumerated() {
                    let pathID = hasPathIDs ? announcement.pathIDs[index] : 0
                    #expect(pathID != 0 || !hasPathIDs)
                    receivers[id]?[prefix, default: [:]][pathID] = announcement.attributes
                }
            }
        }
    }

    mutating func flushSome() throws {
        try flush(somePeer, limit: Int.random(in: 1...4, using: &random))
    }

    /// Everything goes out; every receiver then holds exactly what the model would tell it.
    mutating func settle() throws {
        for (id, export) in exports where receivers[id] != nil {
            while export.families.families.contains(where: { rib.hasMessages($0, for: id) }) {
                try flush(id, limit: 3)
            }
            for family in AddressFamily.allCases {
                var count = 0
                for prefix in Self.prefixes where prefix.family == family {
                    let expected = model.told(prefix, to: id, export, Self.selections[id])
                    let held = receivers[id]?[prefix] ?? [:]
                    #expect(Self.tally(held.values) == Self.tally(expected), "seed \(seed) peer \(id) \(prefix)")
                    count += expected.count
                }
                let told = rib.advertisedCount(id, family)
                #expect(told == count, "seed \(seed) peer \(id)")
            }
        }
    }

    private static func tally(_ sets: some Sequence<PathAttributes>) -> [PathAttributes: Int] {
        sets.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }

    /// Takes everything back; nothing is left behind.
    mutating func clear() throws {
        for id in model.peers.keys { rib.removePaths(of: id) }
        for prefix in Self.prefixes { rib.withdrawOwn(prefix) }
        model.paths = [:]
        checkChanges()
        try settle()
        for (id, held) in receivers { #expect(!held.values.contains { !$0.isEmpty }, "seed \(seed) peer \(id)") }
        let sizes = rib.sizes
        #expect(sizes == (0, 0, 0), "seed \(seed): identifiers and attributes are freed")
    }
}
