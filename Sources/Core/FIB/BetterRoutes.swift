import NetTypes

/// Routes of others in our table that go before ours, because their metric is lower: nobody fights them, but who looks
/// at our route has to know that the kernel does not use it.
package struct BetterRoutes: Sendable {
    private let settings: RouteSettings
    /// With more than this, the table is another routing daemon's full one: the rest is not told of.
    private static let limit = 16_384
    /// A pod's own route is where the pod is, whatever a peer says.
    private static let podRoutes: UInt8 = 180

    private var reading = FullReading<[Prefix: [KernelRoute]]>([:])

    package init(_ settings: RouteSettings) { self.settings = settings }

    private func concerns(_ route: KernelRoute) -> Bool {
        let ours = settings.key(route.prefix)
        return route.key.metric < ours.metric && route.key.table == ours.table
            && route.protocolID != settings.owner && route.protocolID != Self.podRoutes
    }

    /// Takes over a notification; true: there is one now that was not there before.
    package mutating func observe(_ observation: RouteObservation) -> Bool {
        let route = observation.route
        guard concerns(route) else { return false }
        let place = reading.known[route.prefix] ?? []
        var others = place.filter { $0.key != route.key || $0.protocolID != route.protocolID }
        switch observation {
        case .present(_, let isReplacing):
            if isReplacing { others.removeAll { $0.key == route.key } }
            guard !place.isEmpty || reading.known.count < Self.limit else { return false }
            reading.known[route.prefix] = others + [route]
            return place.isEmpty
        case .absent:
            reading.known[route.prefix] = others.isEmpty ? nil : others
            return false
        }
    }

    /// Starts a full reading; `read` takes each route.
    package mutating func beginReading() { reading.begin() }

    package mutating func read(_ route: KernelRoute) {
        guard concerns(route) else { return }
        reading.read { routes in
            if routes.count < Self.limit { routes[route.prefix, default: []].append(route) }
        }
    }

    /// What was not read is not there.
    package mutating func endReading() { _ = reading.end() }

    /// A reading that broke off tells nothing.
    package mutating func abandonReading() { reading.abandon() }

    package var isEmpty: Bool { reading.known.isEmpty }

    /// The one that the kernel uses for a prefix.
    package subscript(prefix: Prefix) -> KernelRoute? {
        reading.known[prefix]?.min { $0.key.metric < $1.key.metric }
    }

    /// Prefixes that have one.
    package var prefixes: some Collection<Prefix> { reading.known.keys }
}

extension RouteLedger {
    /// Prefixes with a better route of somebody else's that we have a wish for: how many there are.
    package func outranked(by better: BetterRoutes) -> Int { better.prefixes.count { desired($0) != nil } }

    /// Whether any route is wanted for a prefix.
    package func isDesired(_ prefix: Prefix) -> Bool { desired(prefix) != nil }
}
