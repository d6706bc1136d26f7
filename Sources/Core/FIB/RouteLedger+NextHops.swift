import NetTypes

// Nexthop objects: sets of next hops own groups, routes stand on groups. A set that comes out differently is repaired
// by one change of its group, whatever the number of routes. A route may stand on any group whose content is what it
// wants.
extension RouteLedger {
    /// How routes shall carry their next hops; what the kernel has is told by `readNextHops`.
    package mutating func setStyle(_ style: GroupStyle) { objects.style = style }

    package var style: GroupStyle { objects.style }

    /// The next hops behind a nexthop object, whoever's it is.
    package func nextHops(of id: UInt32) -> [RouteNextHop]? { objects.content(id) }

    // MARK: Users

    /// Takes over what the kernel has in our place now; returns whether that is news.
    @discardableResult
    mutating func install(_ route: KernelRoute?, at id: RouteID) -> Bool {
        let before = table[id].installed
        let now = route.map { route in
            InstalledRoute(
                kind: route.kind, group: route.nextHopID,
                list: route.nextHopID == 0 ? lists.retain(route.nextHops) : 0)
        }
        lists.release(before?.list ?? 0)
        guard now != before else { return false }
        if now?.group != before?.group {
            objects.count(before?.group ?? 0, -1)
            objects.count(now?.group ?? 0, 1)
        }
        table[id].installed = now
        return true
    }

    mutating func release(_ hops: NextHopSets.Handle) {
        guard let groups = sets.release(hops) else { return }
        // The handle may be another set's tomorrow.
        objects.needed.remove(hops)
        objects.orphans[hops] = nil
        for group in groups { objects.disown(group) }
    }

    /// The group for a route with these next hops: its present one if that fits; 0: none, it carries them itself.
    func group(for set: NextHopSets.Handle, _ hops: [RouteNextHop], _ entry: RouteEntry) -> UInt32 {
        guard objects.style != .inline else { return 0 }
        if let present = entry.installed?.group, present != 0, objects.fits(present, hops) { return present }
        return sets.groups(set).first { objects.fits($0, hops) } ?? 0
    }

    /// A set without a group of its own takes over one that its routes stand on and that nobody else keeps up to date.
    mutating func adopt(_ group: UInt32, by set: NextHopSets.Handle) {
        guard objects.owners[group] == nil, sets.add(group, to: set) else { return }
        objects.own(group, by: set)
    }

    /// Whether a prefix cannot be worked on because its group is not made yet; then it will be. `group` is the one that
    /// it would use.
    mutating func waitsForGroup(_ entry: RouteEntry, _ group: UInt32) -> Bool {
        guard group == 0, objects.style != .inline, let set = entry.hops, !entry.isAggregate,
            sets.hops(set) != nil, !sets.isRefused(set)
        else { return false }
        objects.needed.insert(set)
        offerSuccession(set, entry)
        return true
    }

    /// Routes on groups that changed are looked at again unless the group did what their set wants.
    mutating func requeueEdited() {
        guard !objects.edited.isEmpty else { return }
        let edited = objects.edited
        objects.edited = []
        for id in table.ids {
            guard let group = table[id].installed?.group, edited.contains(group) else { continue }
            if table[id].hops == nil || objects.owners[group] != table[id].hops { enqueue(id) }
        }
    }

    private mutating func requeue(_ set: NextHopSets.Handle) {
        for id in table.ids where table[id].hops == set { enqueue(id) }
    }

    // MARK: Work

    /// Changes of nexthop objects that are due, in the kernel's order. They come before `nextOperations`, and each must
    /// be answered by `finish` before anything else is asked for.
    package mutating func nextHopOperations(at now: Instant) -> [NextHopOperation] {
        followOwnRoutes()
        guard objects.style != .inline || objects.mayHaveGarbage else { return [] }
        objects.planned = [:]
        var plan = NextHopPlan()
        for set in sets.popDue(at: now) {
            objects.needed.insert(set)
            objects.dirty.formUnion(sets.groups(set))
        }
        succeedGroups()
        planEdits(&plan)
        planGroups(&plan)
        if plan.operations.isEmpty, isConverged, objects.mayHaveGarbage, queue.isEmpty { planSweep(&plan) }
        return plan.operations
    }

    private struct NextHopPlan {
        var operations: [NextHopOperation] = []
        var hops: [RouteNextHop: UInt32] = [:]
    }

    private mutating func planEdits(_ plan: inout NextHopPlan) {
        guard objects.style != .inline else { return objects.dirty = [] }
        for id in objects.dirty.sorted() {
            guard let set = objects.owners[id], let group = objects.groups[id], !sets.isRefused(set),
                let hops = sets.hops(set), group.content != hops
            else { continue }
            guard let members = members(hops, &plan) else { continue }
            plan.operations.append(
                .replace(objects.object(id, .group(members, isResilient: group.isResilient))))
        }
        objects.dirty = []
    }

    private mutating func planGroups(_ plan: inout NextHopPlan) {
        for set in objects.needed.sorted() {
            guard let hops = sets.hops(set), !sets.groups(set).contains(where: { objects.fits($0, hops) }),
                let id = objects.freshID(), let members = members(hops, &plan)
            else { continue }
            objects.planned[id] = set
            plan.operations.append(.add(objects.object(id, .group(members, isResilient: objects.style == .resilient))))
        }
        objects.needed = []
    }

    /// The members of a group with these next hops; those that are not there yet are made before.
    private mutating func members(_ hops: [RouteNextHop], _ plan: inout NextHopPlan) -> [NextHopMember]? {
        var members: [NextHopMember] = []
        for hop in hops {
            let key = RouteNextHop(gateway: hop.gateway, interfaceIndex: hop.interfaceIndex)
            if let known = objects.id(of: key) ?? plan.hops[key] {
                members.append(NextHopMember(id: known, weight: hop.weight))
                continue
            }
            guard let id = objects.freshID() else { return nil }
            // Taken, though no set waits for it.
            objects.planned[id] = 0
            plan.hops[key] = id
            plan.operations.append(.add(objects.object(id, .single(key))))
            members.append(NextHopMember(id: id, weight: hop.weight))
        }
        return members
    }

    private mutating func planSweep(_ plan: inout NextHopPlan) {
        objects.mayHaveGarbage = false
        for group in sets.dropSpares({ objects.routeCount($0) > 0 }) { objects.disown(group) }
        objects.mayHaveGarbage = false
        let further = Set(misplaced.values.joined().map(\.nextHopID))
        plan.operations = objects.garbage { further.contains($0) }.map(NextHopOperation.delete)
    }

    /// Takes over how a change ended; returns whether everything should be read again.
    package mutating func finish(_ operation: NextHopOperation, problem: RouteProblem?, at now: Instant) -> Bool {
        let id = operation.object.id
        if case .delete = operation {
            guard problem == nil || problem?.isMissing == true else { return false }
            take(objects.remove(id), cause: .ourselves)
            return false
        }
        guard let problem else {
            succeed(operation)
            return false
        }
        count { $0.failed += 1 }
        guard case .group = operation.object.body else { return problem.isOccupied }
        let set = objects.planned.removeValue(forKey: id) ?? objects.owners[id]
        if let set {
            sets.refuse(set, at: now)
            requeue(set)
        }
        guard case .replace = operation, problem.isMissing else { return problem.isOccupied }
        take(objects.remove(id), cause: .others)
        return true
    }

    private mutating func succeed(_ operation: NextHopOperation) {
        let object = operation.object
        take(objects.put(object), cause: .ourselves)
        guard case .group = object.body else { return }
        let routes = objects.routeCount(object.id)
        if case .replace = operation, routes > 0 { note(.regrouped(groups: 1, routes: routes)) }
        guard let set = objects.planned.removeValue(forKey: object.id) ?? objects.owners[object.id] else { return }
        if objects.owners[object.id] == nil, sets.add(object.id, to: set) { objects.own(object.id, by: set) }
        if sets.accept(set) { requeue(set) }
    }

    // MARK: What the kernel has

    /// All nexthop objects, as the first part of a full reading of routes.
    package mutating func readNextHops(_ found: [KernelNextHop]) { take(objects.read(found), cause: .kernel) }

    /// Takes over a notification.
    package mutating func observe(_ observation: NextHopObservation, cause: RouteChangeCause) {
        switch observation {
        case .present(let object): take(objects.put(object), cause: cause)
        case .absent(let id): take(objects.remove(id), cause: cause)
        }
    }

    /// A link is not usable any more: the kernel has taken its nexthop objects away without a word, and routes that
    /// have none left.
    package mutating func lost(_ interfaceIndex: UInt32) { take(objects.lost(interfaceIndex), cause: .kernel) }

    private mutating func take(_ effect: NextHopObjects.Effect, cause: RouteChangeCause) {
        for id in effect.changed where objects.owners[id] != nil { objects.dirty.insert(id) }
        objects.edited.formUnion(effect.changed)
        guard !effect.gone.isEmpty else { return }
        objects.edited.subtract(effect.gone)
        for id in effect.gone {
            if let set = objects.owners[id] { sets.drop(id, of: set) }
            objects.disown(id)
        }
        for id in table.ids {
            guard let group = table[id].installed?.group, group != 0, effect.gone.contains(group) else { continue }
            install(nil, at: id)
            if cause == .others, table[id].hops != nil { table[id].isHealing = true }
            enqueue(id)
        }
    }
}
