import NetTypes

/// One change of the kernel's routes.
package enum RouteOperation: Hashable, Sendable {
    /// Installs where nothing is. The kernel refuses it when any route, whoever made it, holds the place.
    case add(KernelRoute)
    /// Exchanges ours in place, without a gap. The kernel refuses it when nothing is there.
    case replace(KernelRoute)
    /// Removes exactly ours: the kernel compares prefix, table, metric and protocol id.
    case delete(KernelRoute)

    package var route: KernelRoute {
        switch self {
        case .add(let route), .replace(let route), .delete(let route): route
        }
    }

    package var prefix: Prefix { route.prefix }
}

extension RouteOperation: CustomStringConvertible {
    package var description: String {
        switch self {
        case .add(let route): "install \(route.prefix)"
        case .replace(let route): "replace \(route.prefix)"
        case .delete(let route): "remove \(route.prefix)"
        }
    }
}

/// What must change, and where another program's route stands in the way.
package struct RoutePlan: Hashable, Sendable {
    package var operations: [RouteOperation] = []
    /// Foreign routes that hold a place we want; they stay.
    package var conflicts: [KernelRoute] = []

    package init() {}
}

/// What must change in the kernel so that it has `desired`. Routes of another protocol id than `owner` are never
/// touched:
/// `NLM_F_REPLACE` of IPv4 exchanges the first route of a place whoever made it, so it is used only where ours stands
/// alone.
///
/// `sweepStale`: whether routes of ours that nobody desires go; until the peers have converged they stay.
package func plan(
    desired: [KernelRoute], installed: [KernelRoute], owner: UInt8, sweepStale: Bool
) -> RoutePlan {
    let have = Dictionary(grouping: installed, by: \.prefix)
    let want = Dictionary(desired.map { ($0.prefix, $0) }) { $1 }
    var result = RoutePlan()
    for prefix in Set(have.keys).union(want.keys).sorted() {
        result.add(desired: want[prefix], installed: have[prefix] ?? [], owner: owner, sweepStale: sweepStale)
    }
    return result
}

extension RoutePlan {
    /// Plans one prefix; `installed` is everything the kernel has for it, of whatever owner.
    package mutating func add(desired: KernelRoute?, installed: [KernelRoute], owner: UInt8, sweepStale: Bool) {
        let ours = installed.filter { $0.protocolID == owner }
        if let desired { place(desired, ours: ours, installed: installed, owner: owner) }
        guard sweepStale else { return }
        operations += ours.filter { $0.key != desired?.key }.map(RouteOperation.delete)
    }

    /// Plans one prefix for which the kernel has nothing but perhaps `mine`, a route of ours in the desired place.
    mutating func exchange(_ mine: KernelRoute?, for desired: KernelRoute?, sweepStale: Bool) {
        switch (mine, desired) {
        case (nil, nil): break
        case (nil, let desired?): operations.append(.add(desired))
        case (let mine?, nil): if sweepStale { operations.append(.delete(mine)) }
        case (let mine?, let desired?): if mine != desired { operations.append(.replace(desired)) }
        }
    }

    private mutating func place(_ desired: KernelRoute, ours: [KernelRoute], installed: [KernelRoute], owner: UInt8) {
        let mine = ours.first { $0.key == desired.key }
        if let mine, mine == desired { return }
        if let foreign = installed.first(where: { $0.key == desired.key && $0.protocolID != owner }) {
            conflicts.append(foreign)
            return
        }
        operations.append(mine == nil ? .add(desired) : .replace(desired))
    }
}
