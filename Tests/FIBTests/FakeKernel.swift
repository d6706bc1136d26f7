import NetTypes

@testable import FIB

/// Routes and nexthop objects as the kernel keeps them: a replacement takes the first route of a place whoever made it,
/// an object that goes takes its routes along, and a link that goes takes both without a word.
struct FakeKernel {
    enum Notice {
        case route(RouteObservation, RouteChangeCause)
        case nextHop(NextHopObservation, RouteChangeCause)
    }

    private(set) var routes: [KernelRoute] = []
    private(set) var objects: [UInt32: KernelNextHop] = [:]
    /// Notifications that nobody has read yet, in order.
    private var notices: [Notice] = []
    /// Our own changes of routes are not told to us.
    var dropsEchoes = false
    /// A test's own kernel faults.
    var refuse: (RouteOperation) -> RouteProblem? = { _ in nil }
    var refuseNextHop: (NextHopOperation) -> RouteProblem? = { _ in nil }

    mutating func apply(_ operation: RouteOperation, cause: RouteChangeCause = .ourselves) -> RouteProblem? {
        if cause == .ourselves, let problem = refuse(operation) { return problem }
        let first = routes.firstIndex { $0.key == operation.route.key }
        let id = operation.route.nextHopID
        if !operation.isDelete, id != 0, objects[id] == nil { return RouteProblem(text: "Nexthop id does not exist") }
        switch operation {
        case .add(let route):
            guard first == nil else { return RouteProblem(text: "File exists", isOccupied: true) }
            routes.append(bare(route))
            tell(.present(bare(route), isReplacing: false), cause)
        case .replace(let route):
            guard let first else { return RouteProblem(text: "No such file or directory", isMissing: true) }
            routes[first] = bare(route)
            tell(.present(bare(route), isReplacing: true), cause)
        case .delete(let route):
            let match = routes.firstIndex { $0.key == route.key && $0.protocolID == route.protocolID }
            guard let match else { return RouteProblem(text: "No such process", isMissing: true) }
            tell(.absent(routes.remove(at: match)), cause)
        }
        return nil
    }

    private mutating func tell(_ observation: RouteObservation, _ cause: RouteChangeCause) {
        if cause != .ourselves || !dropsEchoes { notices.append(.route(observation, cause)) }
    }

    /// A route with a nexthop object names only that, as with `nexthop_compat_mode` 0.
    private func bare(_ route: KernelRoute) -> KernelRoute {
        guard route.nextHopID != 0 else { return route }
        var bare = KernelRoute(key: route.key, kind: route.kind, protocolID: route.protocolID, nextHops: [])
        bare.nextHopID = route.nextHopID
        return bare
    }

    mutating func apply(_ operation: NextHopOperation, cause: RouteChangeCause = .ourselves) -> RouteProblem? {
        if cause == .ourselves, let problem = refuseNextHop(operation) { return problem }
        let object = operation.object
        switch operation {
        case .add:
            guard objects[object.id] == nil else { return RouteProblem(text: "File exists", isOccupied: true) }
            guard isValid(object) else { return RouteProblem(text: "Invalid nexthop id") }
        case .replace:
            guard let old = objects[object.id] else { return RouteProblem(text: "No such file", isMissing: true) }
            guard isValid(object), Self.kind(old) == Self.kind(object) else { return RouteProblem(text: "Invalid") }
        case .delete:
            guard objects[object.id] != nil else { return RouteProblem(text: "No such file", isMissing: true) }
            remove(object.id, cause: cause)
            return nil
        }
        objects[object.id] = object
        notices.append(.nextHop(.present(object), cause))
        return nil
    }

    private func isValid(_ object: KernelNextHop) -> Bool {
        guard case .group(let members, _) = object.body else { return true }
        return !members.isEmpty
            && members.allSatisfy { if case .single = objects[$0.id]?.body { true } else { false } }
    }

    private static func kind(_ object: KernelNextHop) -> Int {
        switch object.body {
        case .single, .other: 0
        case .group(_, let isResilient): isResilient ? 2 : 1
        }
    }

    /// `cause` nil: without a word.
    private mutating func remove(_ id: UInt32, cause: RouteChangeCause?) {
        objects[id] = nil
        if let cause { notices.append(.nextHop(.absent(id), cause)) }
        for (other, object) in objects {
            guard case .group(let members, let isResilient) = object.body else { continue }
            let left = members.filter { $0.id != id }
            if left.isEmpty {
                remove(other, cause: cause)
            } else if left.count < members.count {
                let group = KernelNextHop(
                    id: other, protocolID: object.protocolID, body: .group(left, isResilient: isResilient))
                objects[other] = group
                if let cause { notices.append(.nextHop(.present(group), cause)) }
            }
        }
        routes.removeAll { $0.nextHopID == id }
    }

    /// Where packets of a route go.
    func hops(_ route: KernelRoute) -> [RouteNextHop] {
        guard route.nextHopID != 0 else { return route.nextHops }
        guard case .group(let members, _)? = objects[route.nextHopID]?.body else { return [] }
        return members.compactMap { member in
            guard case .single(let hop)? = objects[member.id]?.body else { return nil }
            return RouteNextHop(gateway: hop.gateway, interfaceIndex: hop.interfaceIndex, weight: member.weight)
        }.sorted()
    }

    /// A link goes down or loses its carrier.
    mutating func lose(_ interfaceIndex: UInt32) {
        for object in objects.values {
            if case .single(let hop) = object.body, hop.interfaceIndex == interfaceIndex {
                remove(object.id, cause: nil)
            }
        }
        routes.removeAll { route in
            route.nextHops.contains { $0.interfaceIndex == interfaceIndex }
                && route.nextHops.allSatisfy { $0.interfaceIndex == interfaceIndex }
        }
    }

    /// Removes without a word, as the kernel does with IPv4 when a link goes down.
    mutating func flush(where matches: (KernelRoute) -> Bool) { routes.removeAll(where: matches) }

    mutating func takeNotices() -> [Notice] {
        defer { notices = [] }
        return notices
    }
}

/// A ledger and its kernel, run as the loop runs them.
struct Rig {
    var ledger: RouteLedger
    var kernel = FakeKernel()
    private(set) var notes: [RouteLedger.Note] = []
    private(set) var operations: [RouteOperation] = []
    private(set) var nextHopOperations: [NextHopOperation] = []
    /// Our own changes go unheard, until others change something: then all is heard for so many deliveries.
    private var hearing: Int?
    private var isDoubtful = false
    /// What others do between two operations of ours.
    var interfere: (inout FakeKernel) -> Void = { _ in }

    init(_ topology: Topology, style: GroupStyle = .inline) {
        ledger = RouteLedger(Sample.settings, topology: topology)
        ledger.setStyle(style)
    }

    /// Kills the agent and starts a new one on what the kernel has.
    mutating func restart(_ topology: Topology, style: GroupStyle) {
        ledger = RouteLedger(Sample.settings, topology: topology)
        ledger.setStyle(style)
        read()
    }

    mutating func read() {
        _ = kernel.takeNotices()
        ledger.beginReading()
        ledger.readNextHops(Array(kernel.objects.values))
        for route in kernel.routes { ledger.read(route) }
        ledger.endReading()
    }

    mutating func deliver(at now: Instant = Sample.instant(0)) {
        for notice in kernel.takeNotices() {
            switch notice {
            case .route(let observation, let cause):
                if cause == .others, hearing != nil { setHearing(3) }
                if ledger.observe(observation, cause: cause, at: now) { isDoubtful = true }
            case .nextHop(let observation, let cause): ledger.observe(observation, cause: cause)
            }
        }
        ledger.drained()
        if let hearing, hearing > 0 { setHearing(hearing - 1) }
    }

    /// Keeps back what the kernel tells of our own changes, as the loop does unless others change routes too.
    mutating func dropEchoes() { setHearing(0) }

    private mutating func setHearing(_ deliveries: Int) {
        hearing = deliveries
        ledger.hearsEchoes = deliveries > 0
        kernel.dropsEchoes = deliveries == 0
    }

    /// A link of ours fails: the kernel says so, and nothing of what it took along.
    mutating func lose(_ interfaceIndex: UInt32, _ topology: Topology) {
        kernel.lose(interfaceIndex)
        ledger.lost(interfaceIndex)
        ledger.update(topology)
    }

    /// Delivers and works until nothing is left.
    mutating func run(at now: Instant = Sample.instant(0)) {
        (operations, nextHopOperations) = ([], [])
        var needsReading = false
        for _ in 0..<1000 {
            deliver(at: now)
            let changes = ledger.nextHopOperations(at: now)
            for change in changes {
                nextHopOperations.append(change)
                if ledger.finish(change, problem: kernel.apply(change), at: now) { needsReading = true }
            }
            let due = changes.isEmpty ? ledger.nextOperations(limit: 7, at: now) : []
            notes += ledger.takeNotes()
            if due.isEmpty, changes.isEmpty, ledger.isIdle {
                guard needsReading || isDoubtful else { return }
                (needsReading, isDoubtful) = (false, false)
                read()
                continue
            }
            for operation in due {
                operations.append(operation)
                if ledger.finish(operation, problem: kernel.apply(operation), at: now) { needsReading = true }
                interfere(&kernel)
            }
            notes += ledger.takeNotes()
        }
    }

    mutating func takeNotes() -> [RouteLedger.Note] {
        defer { notes = [] }
        return notes
    }

    func status(_ prefix: Prefix) -> FIBStatus? { ledger.snapshot().rows.first { $0.prefix == prefix }?.status }
}
