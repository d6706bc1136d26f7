import NetTypes

// All routes of a set of next hops may want another set at once, as when a router withdraws what it told. A new group
// would move every flow: the one that they stand on is changed in place.
extension RouteLedger {
    /// A route waits for a group for its set, and stands on one that nobody keeps up to date any more.
    mutating func offerSuccession(_ set: NextHopSets.Handle, _ entry: RouteEntry) {
        guard let group = entry.installed?.group, group != 0, objects.owners[group] == nil,
            objects.groups[group] != nil
        else { return }
        objects.orphans[set] = group
    }

    /// Gives such groups to the sets whose routes stand on them, if all of them do: a route of another set would for a
    /// moment go where it must not.
    mutating func succeedGroups() {
        guard !objects.orphans.isEmpty else { return }
        let orphans = objects.orphans
        objects.orphans = [:]
        for (set, group) in orphans.sorted(by: { $0.key < $1.key }) {
            guard objects.owners[group] == nil, objects.needed.contains(set), sets.hops(set) != nil,
                areAll(on: group, of: set), sets.add(group, to: set)
            else { continue }
            objects.own(group, by: set)
            objects.dirty.insert(group)
            objects.needed.remove(set)
        }
    }

    private func areAll(on group: UInt32, of set: NextHopSets.Handle) -> Bool {
        table.ids.allSatisfy { id in
            table[id].installed?.group != group || table[id].hops == set && !table[id].isAggregate
        }
    }
}
