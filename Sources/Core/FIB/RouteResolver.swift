import NetTypes

/// What the topology makes of a set of next hops.
package enum Resolution: Hashable, Sendable {
    /// In canonical order, never empty.
    case resolved([RouteNextHop])
    /// None is needed: packets are dropped.
    case blackhole
    /// None can be reached; the text says why.
    case unresolved(String)
}

extension Topology {
    /// Finds the interface of each next hop for a prefix of `family`. Those that cannot be reached are left out.
    package func resolve(_ nextHops: [DesiredNextHop], family: AddressFamily) -> Resolution {
        var trail = ResolutionTrail()
        return resolve(nextHops, family: family, &trail)
    }

    /// The same for the next hops of a route that is stood on.
    func resolve(
        _ nextHops: [DesiredNextHop], family: AddressFamily, _ trail: inout ResolutionTrail
    ) -> Resolution {
        var found: [RouteNextHop] = []
        var reason = "no next hop"
        for hop in nextHops {
            switch interface(for: hop, family: family) {
            case .success(let interface) where isDead(hop.gateway, through: interface.name):
                reason = "next hop \(hop.gateway): BFD is down"
            case .success(let interface):
                let near = RouteNextHop(gateway: hop.gateway, interfaceIndex: interface.index, weight: hop.weight)
                Self.add([near], to: &found)
            case .failure(let problem):
                reason = problem.text
                if problem.isBeyond, let near = resolveBeyond(hop, family: family, &trail) {
                    Self.add(near, to: &found)
                }
            }
        }
        if !leaving.isEmpty {
            // Alone it stays until the decision has spoken: there may be another path.
            let others = nextHops.filter { !leaving.contains($0.gateway) }
            if others.count < nextHops.count {
                var rest = self
                rest.leaving = []
                if case .resolved(let left) = rest.resolve(others, family: family, &trail) { return .resolved(left) }
            }
        }
        return found.isEmpty ? .unresolved(reason) : .resolved(Self.reduced(found).sorted())
    }

    /// Weights in lowest terms, and 255 at most, which is what every kernel's groups can hold: the loss of a next hop
    /// must not leave `weight 2` alone, which the kernel forgets.
    private static func reduced(_ hops: [RouteNextHop]) -> [RouteNextHop] {
        var divisor: UInt16 = 0
        for hop in hops {
            var (a, b) = (divisor, hop.weight)
            while b != 0 { (a, b) = (b, a % b) }
            divisor = a
        }
        guard divisor > 1 || hops.contains(where: { $0.weight > 255 }) else { return hops }
        return hops.map { hop in
            RouteNextHop(
                gateway: hop.gateway, interfaceIndex: hop.interfaceIndex,
                weight: min(max(hop.weight / max(divisor, 1), 1), 255))
        }
    }

    /// Whether our own link-local address is another's there: each link has its own.
    private func isElsewhere(_ gateway: IPAddress, _ hop: DesiredNextHop) -> Bool {
        guard gateway.family == .ipv6, gateway.isLinkLocal, let name = hop.interface else { return false }
        return interface(named: name).map { link in !link.addresses.contains { $0.address == gateway } } ?? true
    }

    private struct Problem: Error {
        let text: String
        /// On no link: another route may lead there.
        var isBeyond = false
    }

    /// The kernel refuses the same IPv6 next hop twice in one route.
    private static func add(_ hops: [RouteNextHop], to found: inout [RouteNextHop]) {
        for hop in hops {
            let isKnown = found.contains { $0.gateway == hop.gateway && $0.interfaceIndex == hop.interfaceIndex }
            if !isKnown { found.append(hop) }
        }
    }

    private func interface(for hop: DesiredNextHop, family: AddressFamily) -> Result<Interface, Problem> {
        let gateway = hop.gateway
        func fail(_ text: String) -> Result<Interface, Problem> {
            .failure(Problem(text: "next hop \(gateway) \(text)"))
        }
        if family == .ipv6, gateway.family == .ipv4 { return fail("is IPv4, which an IPv6 route cannot have") }
        if gateway.isUnspecified { return fail("is no address") }
        if interface(owning: gateway) != nil, !isElsewhere(gateway, hop) {
            return fail("is an address of this node")
        }
        if let name = hop.interface {
            guard let interface = interface(named: name) else { return fail("is on \(name), which does not exist") }
            guard interface.isUp else { return fail("is on \(name), which is down") }
            guard interface.isRunning else { return fail("is on \(name), which has no carrier") }
            return .success(interface)
        }
        if case .v6(let address) = gateway, address.isLinkLocal { return fail("is link-local and names no interface") }
        if let interface = interface(reaching: gateway) { return .success(interface) }
        let candidates = interfaces.filter { interface in
            !interface.isLoopback && interface.addresses.contains { $0.subnet.contains(gateway) }
        }
        guard let interface = candidates.first else {
            return .failure(Problem(text: "next hop \(gateway) is on no connected subnet", isBeyond: true))
        }
        return fail("is on \(interface.name), which \(interface.isUp ? "has no carrier" : "is down")")
    }
}

/// Where and as whom routes are installed.
package struct RouteSettings: Hashable, Sendable {
    package let table: UInt32
    package let metric: UInt32
    /// Our protocol id: the only routes that are ever changed or removed.
    package let owner: UInt8

    package init(table: UInt32, metric: UInt32, owner: UInt8 = 179) {
        self.table = table
        self.metric = metric
        self.owner = owner
    }

    /// Our place for a prefix. The kernel has no IPv6 metric 0: it means 1024 (`IP6_RT_PRIO_USER`).
    package func key(_ prefix: Prefix) -> RouteKey {
        RouteKey(prefix: prefix, table: table, metric: prefix.family == .ipv6 && metric == 0 ? 1024 : metric)
    }

    /// The kernel's form of a route with these next hops.
    package func route(_ prefix: Prefix, nextHops: [RouteNextHop]) -> KernelRoute {
        KernelRoute(key: key(prefix), kind: .unicast, protocolID: owner, nextHops: nextHops)
    }

    /// The route that drops what a peer asked to have dropped.
    package func blackhole(_ prefix: Prefix) -> KernelRoute {
        KernelRoute(key: key(prefix), kind: .blackhole, protocolID: owner, nextHops: [])
    }

    /// The route that answers for addresses of our own prefix that no pod has.
    package func unreachable(_ prefix: Prefix) -> KernelRoute {
        KernelRoute(key: key(prefix), kind: .unreachable, protocolID: owner, nextHops: [])
    }
}
