import NetTypes

/// The mirror of the kernel's nexthop objects: ours, and others' as far as they are needed to understand routes.
struct NextHopObjects: Sendable {
    struct Group: Sendable {
        var members: [NextHopMember]
        var isResilient: Bool
        /// What the members are, in canonical order.
        var content: [RouteNextHop]
    }

    /// What a change did to groups.
    struct Effect {
        var changed: Set<UInt32> = []
        var gone: Set<UInt32> = []
    }

    /// Our protocol id.
    let owner: UInt8
    var style = GroupStyle.inline
    private(set) var groups: [UInt32: Group] = [:]
    private var singles: [UInt32: RouteNextHop] = [:]
    private var ids: [RouteNextHop: UInt32] = [:]
    private var others: [UInt32: KernelNextHop] = [:]
    /// Our routes that use a group.
    private var routes: [UInt32: Int] = [:]
    /// The set of next hops that a group follows.
    private(set) var owners: [UInt32: NextHopSets.Handle] = [:]
    /// Groups that may not be what their set wants.
    var dirty: Set<UInt32> = []
    /// Sets whose routes wait for a group.
    var needed: Set<NextHopSets.Handle> = []
    /// Groups that no set follows any more, by the set that the routes on them now want.
    var orphans: [NextHopSets.Handle: UInt32] = [:]
    /// Groups that changed: routes of other sets may stand on them.
    var edited: Set<UInt32> = []
    /// Groups that are being made, for which sets.
    var planned: [UInt32: NextHopSets.Handle] = [:]
    /// Something may be there that nobody uses any more.
    var mayHaveGarbage = false
    private var lastID = KernelNextHop.ownIDs.lowerBound

    init(owner: UInt8) { self.owner = owner }

    // MARK: Questions

    /// The next hops behind an id, whoever's it is; nil when it is not known.
    func content(_ id: UInt32) -> [RouteNextHop]? {
        if let group = groups[id] { return group.content }
        if let hop = singles[id] { return [hop] }
        guard let other = others[id] else { return nil }
        switch other.body {
        case .single(let hop): return [hop]
        case .group(let members, _): return content(members)
        case .other: return nil
        }
    }

    private func content(_ members: [NextHopMember]) -> [RouteNextHop] {
        members.compactMap { member in
            guard let hop = single(member.id) else { return nil }
            return RouteNextHop(
                gateway: hop.gateway, interfaceIndex: hop.interfaceIndex, weight: member.weight)
        }.sorted()
    }

    private func single(_ id: UInt32) -> RouteNextHop? {
        if let hop = singles[id] { return hop }
        guard case .single(let hop)? = others[id]?.body else { return nil }
        return hop
    }

    /// Whether a route that wants these next hops may use the group.
    func fits(_ id: UInt32, _ hops: [RouteNextHop]) -> Bool {
        guard let group = groups[id], group.isResilient == (style == .resilient) else { return false }
        return group.content == hops
    }

    /// Our object for one next hop, if there is one.
    func id(of hop: RouteNextHop) -> UInt32? { ids[Self.key(hop)] }

    private static func key(_ hop: RouteNextHop) -> RouteNextHop {
        RouteNextHop(gateway: hop.gateway, interfaceIndex: hop.interfaceIndex)
    }

    /// Whether any object leaves through the interface.
    func uses(_ interfaceIndex: UInt32) -> Bool { singles.values.contains { $0.interfaceIndex == interfaceIndex } }

    /// Our routes on a group.
    func routeCount(_ id: UInt32) -> Int { routes[id] ?? 0 }

    /// An id of our range that nobody has; nil when all are taken.
    mutating func freshID() -> UInt32? {
        for _ in 0..<100_000 {
            lastID = lastID == KernelNextHop.ownIDs.upperBound ? KernelNextHop.ownIDs.lowerBound : lastID + 1
            if groups[lastID] == nil, singles[lastID] == nil, others[lastID] == nil, planned[lastID] == nil {
                return lastID
            }
        }
        return nil
    }

    // MARK: Users

    mutating func own(_ id: UInt32, by handle: NextHopSets.Handle) { owners[id] = handle }

    mutating func disown(_ id: UInt32) {
        owners[id] = nil
        mayHaveGarbage = true
    }

    /// Counts a route on a group, or off it; 0 is no group.
    mutating func count(_ id: UInt32, _ difference: Int) {
        guard id != 0 else { return }
        let left = (routes[id] ?? 0) + difference
        routes[id] = left > 0 ? left : nil
        if left <= 0 { mayHaveGarbage = true }
    }

    // MARK: Changes

    /// Takes an object over as it is now.
    mutating func put(_ object: KernelNextHop) -> Effect {
        var effect = Effect()
        guard object.protocolID == owner, object.body != .other else {
            if groups[object.id] != nil || singles[object.id] != nil { effect = remove(object.id) }
            others[object.id] = object
            refreshGroups(with: object.id, &effect)
            return effect
        }
        others[object.id] = nil
        switch object.body {
        case .single(let hop):
            let hop = Self.key(hop)
            let before = singles.updateValue(hop, forKey: object.id)
            guard before != hop else { break }
            if let before, ids[before] == object.id { ids[before] = nil }
            ids[hop] = object.id
            refreshGroups(with: object.id, &effect)
        case .group(let members, let isResilient):
            let group = Group(members: members, isResilient: isResilient, content: content(members))
            let before = groups.updateValue(group, forKey: object.id)
            if before?.content != group.content || before?.isResilient != isResilient {
                effect.changed.insert(object.id)
            }
            if before == nil { mayHaveGarbage = true }
        case .other: break
        }
        lastID = KernelNextHop.ownIDs.contains(object.id) ? max(lastID, object.id) : lastID
        return effect
    }

    private mutating func refreshGroups(with member: UInt32, _ effect: inout Effect) {
        for (id, group) in groups where group.members.contains(where: { $0.id == member }) {
            let content = content(group.members)
            guard content != group.content else { continue }
            groups[id]?.content = content
            effect.changed.insert(id)
        }
    }

    /// An object is not there any more: groups lose it as a member, and go with their last one.
    mutating func remove(_ id: UInt32) -> Effect {
        var effect = Effect()
        others[id] = nil
        if groups.removeValue(forKey: id) != nil { effect.gone.insert(id) }
        if let hop = singles.removeValue(forKey: id), ids[hop] == id { ids[hop] = nil }
        for (other, group) in groups where group.members.contains(where: { $0.id == id }) {
            let members = group.members.filter { $0.id != id }
            if members.isEmpty {
                groups[other] = nil
                effect.gone.insert(other)
            } else {
                groups[other] = Group(members: members, isResilient: group.isResilient, content: content(members))
                effect.changed.insert(other)
            }
        }
        for id in effect.gone { dirty.remove(id) }
        return effect
    }

    /// A link that lost its carrier, was switched off or went takes its objects with it, and the kernel says nothing.
    mutating func lost(_ interfaceIndex: UInt32) -> Effect {
        var effect = Effect()
        let foreign = others.values.filter {
            if case .single(let hop) = $0.body { hop.interfaceIndex == interfaceIndex } else { false }
        }
        for id in singles.filter({ $0.value.interfaceIndex == interfaceIndex }).map(\.key) + foreign.map(\.id) {
            let one = remove(id)
            effect.changed.formUnion(one.changed)
            effect.gone.formUnion(one.gone)
        }
        effect.changed.subtract(effect.gone)
        return effect
    }

    /// Replaces everything by what a full reading found.
    mutating func read(_ objects: [KernelNextHop]) -> Effect {
        let before = groups
        (groups, singles, ids, others) = ([:], [:], [:], [:])
        // Groups last: they are told by ascending id, members are not.
        for object in objects { if case .group = object.body { continue } else { _ = put(object) } }
        for object in objects { if case .group = object.body { _ = put(object) } }
        var effect = Effect()
        for (id, group) in before {
            guard let now = groups[id] else {
                effect.gone.insert(id)
                continue
            }
            if now.content != group.content || now.isResilient != group.isResilient { effect.changed.insert(id) }
        }
        for id in groups.keys where before[id] == nil && owners[id] != nil { effect.changed.insert(id) }
        mayHaveGarbage = true
        return effect
    }

    /// Groups without routes and sets, and next hops without groups; `isUsed` knows of further users.
    func garbage(_ isUsed: (UInt32) -> Bool) -> [KernelNextHop] {
        let idle = groups.filter { owners[$0.key] == nil && routes[$0.key] == nil && !isUsed($0.key) }
        let left = groups.filter { idle[$0.key] == nil }.values.flatMap(\.members)
        var used = Set(left.map(\.id))
        for other in others.values {
            if case .group(let members, _) = other.body { used.formUnion(members.map(\.id)) }
        }
        let groups = idle.sorted { $0.key < $1.key }.map { id, group in
            object(id, .group(group.members, isResilient: group.isResilient))
        }
        let hops = singles.filter { !used.contains($0.key) }.sorted { $0.key < $1.key }
        return groups + hops.map { id, hop in object(id, .single(hop)) }
    }

    /// One of ours.
    func object(_ id: UInt32, _ body: KernelNextHop.Body) -> KernelNextHop {
        KernelNextHop(id: id, protocolID: owner, body: body)
    }
}
