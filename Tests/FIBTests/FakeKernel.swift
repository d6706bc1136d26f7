import NetTypes

@testable import FIB

/// Routes as the kernel keeps them: a replacement takes the first route of a place whoever made it.
struct FakeKernel {
    private(set) var routes: [KernelRoute] = []
    /// Notifications that nobody has read yet, in order.
    private var notices: [(RouteObservation, RouteChangeCause)] = []
    /// A test's own kernel fault.
    var refuse: (RouteOperation) -> RouteProblem? = { _ in nil }

    mutating func apply(_ operation: RouteOperation, cause: RouteChangeCause = .ourselves) -> RouteProblem? {
        if cause == .ourselves, let problem = refuse(operation) { return problem }
        let first = routes.firstIndex { $0.key == operation.route.key }
        switch operation {
        case .add(let route):
            guard first == nil else { return RouteProblem(text: "File exists", isOccupied: true) }
            routes.append(route)
            notices.append((.present(route, isReplacing: false), cause))
        case .replace(let route):
            guard let first else { return RouteProblem(text: "No such file or directory", isMissing: true) }
            routes[first] = route
            notices.append((.present(route, isReplacing: true), cause))
        case .delete(let route):
            let match = routes.firstIndex { $0.key == route.key && $0.protocolID == route.protocolID }
            guard let match else { return RouteProblem(text: "No such process", isMissing: true) }
            notices.append((.absent(routes.remove(at: match)), cause))
        }
        return nil
    }

    /// Removes without a word, as the kernel does with IPv4 when a link goes down.
    mutating func flush(where matches: (KernelRoute) -> Bool) { routes.removeAll(where: matches) }

    mutating func takeNotices() -> [(RouteObservation, RouteChangeCause)] {
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

    init(_ topology: Topology) { ledger = RouteLedger(Sample.settings, topology: topology) }

    mutating func read() {
        _ = kernel.takeNotices()
        ledger.beginReading()
        for route in kernel.routes { ledger.read(route) }
        ledger.endReading()
    }

    mutating func deliver(at now: Instant = Sample.instant(0)) {
        for (observation, cause) in kernel.takeNotices() { ledger.observe(observation, cause: cause, at: now) }
    }

    /// Delivers and works until nothing is left.
    mutating func run(at now: Instant = Sample.instant(0)) {
        operations = []
        var needsReading = false
        for _ in 0..<1000 {
            deliver(at: now)
            let due = ledger.nextOperations(limit: 7, at: now)
            notes += ledger.takeNotes()
            if due.isEmpty {
                guard needsReading else { return }
                needsReading = false
                read()
                continue
            }
            for operation in due {
                operations.append(operation)
                if ledger.finish(operation, problem: kernel.apply(operation), at: now) { needsReading = true }
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
