import Foundation
import Lab
import NetTypes
import TestKit

/// Nodes with pods under an FRR and a BIRD. One thread breaks one thing after the other, as a seed says, and lets it
/// heal; another one looks each second at what must hold all the time.
final class LongDrill: @unchecked Sendable {
    /// What one second's look may find, and for how long before it is a violation.
    private static let longestStep = 20.0
    /// Error lines that a fault explains: what the log says then is what an operator must know.
    private static let explained = [
        "kernel refused routes",  // a link went away between the decision and the request
        "cannot read from the kernel",
    ]

    let rack: Rack
    let routers: [any Router]
    let nodes: [MartletNode]
    let seconds: Double
    private let lock = NSLock()
    private var pods: [(pod: Pod, node: Int)] = []
    private var names = 0
    /// When somebody last took routes away, by node.
    private var losses: [Int: [Date]] = [:]
    /// Nodes whose agent does not run now, or was just started: its kernel is looked at when that is over.
    private var excused: Set<Int> = []
    private var faults: [String] = []
    private var isOver = false
    private var random: SeededGenerator

    static func run(seed: UInt64, seconds: Double) throws {
        try Rack.use(tors: 2, nodes: Drill.isLong ? 3 : 2) { rack in
            let drill = try LongDrill(rack, seed: seed, seconds: seconds)
            do {
                try concurrently([{ try drill.watch() }, { try drill.breakThings() }])
            } catch {
                let done = drill.record
                throw LabError(
                    "seed \(seed) (MARTLET_SEED=\(seed) runs it again), after \(done.count) faults, the last "
                        + "\(done.suffix(6)): \(error)")
            }
            let kinds = Dictionary(drill.record.map { ($0.split(separator: " ")[0], 1) }, uniquingKeysWith: +)
            let list = kinds.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
            Drill.tell("long", "seed \(seed): \(drill.record.count) faults, 0 violations: \(list)")
        }
    }

    private init(_ rack: Rack, seed: UInt64, seconds: Double) throws {
        (self.rack, self.seconds) = (rack, seconds)
        random = SeededGenerator(seed: seed)
        routers = try [RouterKind.frr, .bird].enumerated().map { number, kind in
            var configuration = rack.routerConfiguration(tor: number)
            configuration.keepsForwarding = true
            return try rack.startRouter(kind, tor: number, configuration)
        }
        // When zebra of FRR 8.4 hears a new bgpd, it takes its own routes out for some 40 ms.
        try rack.addStaticRoutes()
        nodes = try rack.nodes.indices.map { try rack.startMartlet($0) { $0.deferralTime = 5 } }
        for node in rack.nodes.indices { try waitSettled(node) }
        for node in rack.nodes.indices {
            try addPod(node)
            try addPod(node)
        }
    }

    // MARK: what both threads know

    private func note(_ fault: String) { lock.withLock { faults.append(fault) } }
    private var record: [String] { lock.withLock { faults } }
    private var livePods: [(pod: Pod, node: Int)] { lock.withLock { pods } }
    private func excuse(_ node: Int, _ value: Bool) {
        lock.withLock { _ = value ? excused.insert(node).inserted : excused.remove(node) != nil }
    }
    private var over: Bool { lock.withLock { isOver } }

    func addPod(_ node: Int) throws {
        let name = lock.withLock {
            names += 1
            return "pod-\(names)"
        }
        let pod = try Pod(name, in: rack.name, on: try nodes[node].podNetwork())
        // A new pod is one that others reach only when its ADD is over.
        lock.withLock { pods.append((pod, node)) }
    }

    func removePod(_ index: Int) throws {
        let entry = lock.withLock { pods.remove(at: index) }
        try entry.pod.delete()
    }

    /// Places in the list of pods of a node.
    func podIndices(_ node: Int) -> [Int] { lock.withLock { pods.indices.filter { pods[$0].node == node } } }

    /// Whether routes may be taken from a node: more than five times in a minute are a fight, which the agent leaves.
    func mayLose(_ node: Int) -> Bool {
        lock.withLock {
            let recent = (losses[node] ?? []).filter { Date().timeIntervalSince($0) < 61 }
            guard recent.count < 4 else { return false }
            losses[node] = recent + [Date()]
            return true
        }
    }

    // MARK: faults

    func pick(_ count: Int) -> Int { lock.withLock { Int(random.next() % UInt64(max(1, count))) } }

    /// A time up to `seconds`.
    func pause(_ seconds: Double) { _ = poll(nil, 0, Int32(Double(pick(1000)) * seconds)) }

    /// Runs `body` with the agent of a node away or just back.
    func excusing(_ node: Int, _ body: () throws -> Void) rethrows {
        excuse(node, true)
        try body()
    }

    private func breakThings() throws {
        defer { lock.withLock { isOver = true } }
        let end = Date(timeIntervalSinceNow: seconds)
        while Date() < end, !over {
            let fault = Fault.allCases[pick(Fault.allCases.count)]
            note("\(fault)")
            try cause(fault)
            // One fault at a time: that nothing is lost is promised for one that comes after the last one has healed.
            for node in nodes.indices {
                try waitSettled(node)
                excuse(node, false)
            }
        }
    }

    /// Waits until all sessions of a node are up, on both sides, and its kernel is as desired.
    private func waitSettled(_ node: Int) throws {
        for (tor, router) in routers.enumerated() {
            try router.waitEstablished(rack.link(tor: tor, node: node).nodeIPv4, within: 60)
            try nodes[node].waitEstablished(rack.link(tor: tor, node: node).routerIPv4, within: 60)
            try router.waitAccepted(
                Set(Rack.podCIDRs(node)), from: rack.link(tor: tor, node: node).nodeIPv4, within: 30)
        }
        try nodes[node].waitInStep(within: 60)
        var words = ""
        try eventually("martletctl fib verify finds nothing", last: { words }) {
            let finished = try nodes[node].ctl("fib", "verify")
            words = finished.output + finished.errors
            return finished.succeeded
        }
    }

    // MARK: what must hold

    private func watch() throws {
        defer { lock.withLock { isOver = true } }
        var lastInStep = nodes.map { _ in Date() }
        var bases: [pid_t: Base] = [:]
        while !over {
            let began = Date()
            try checkPairs()
            try checkAddresses()
            for node in nodes.indices {
                try checkKernel(node, &lastInStep[node])
                try checkUsage(node, &bases)
                try checkLog(node)
            }
            _ = poll(nil, 0, Int32(max(0, 1 - Date().timeIntervalSince(began)) * 1000))
        }
    }

    private func checkPairs() throws {
        let now = livePods
        for from in now {
            for to in now where to.pod !== from.pod {
                for family in AddressFamily.allCases {
                    let outcome = try? ask(from.pod, try to.pod.address(family))
                    guard outcome?.echo == nil else { continue }
                    // A pod that went meanwhile answers nobody.
                    let still = livePods
                    guard [from.pod, to.pod].allSatisfy({ pod in still.contains { $0.pod === pod } }) else { continue }
                    let words = outcome.map { "\($0)" } ?? "no socket"
                    throw LabError(
                        "\(from.pod.name) on node \(from.node) does not reach \(to.pod.name) on node \(to.node) by "
                            + "\(family): \(words)\n\(state(from.node))\n\(state(to.node))")
                }
            }
        }
    }

    /// Asks until there is an answer, for as long as a fabric may need to go round what broke.
    private func ask(_ pod: Pod, _ address: IPAddress) throws -> Probe.Outcome {
        let end = Date(timeIntervalSinceNow: 4)
        while true {
            let outcome = try Probe(from: pod.namespace).udp(address, attempts: 1)
            guard outcome.echo == nil, Date() < end else { return outcome }
            _ = poll(nil, 0, 50)
        }
    }

    private func state(_ node: Int) -> String {
        let routes = (try? rack.nodes[node].routes().map(\.description).joined(separator: "; ")) ?? ""
        let routers = rack.tors.map { "\($0.name): " + ((try? $0.run(["ip", "route"]))?.output ?? "") }
        return "node \(node): \(routes)\n\(routers.joined())\n\(nodes[node].logTail)"
    }

    private func checkAddresses() throws {
        let addresses = livePods.flatMap(\.pod.addresses)
        try check(Set(addresses).count == addresses.count, "an address is given twice: \(addresses)")
    }

    /// Out of step for a while is what faults are about, for long it is not.
    private func checkKernel(_ node: Int, _ last: inout Date) throws {
        let isExcused = lock.withLock { excused.contains(node) }
        if isExcused || (try? nodes[node].isInStep()) == true { last = Date() }
        try check(
            Date().timeIntervalSince(last) < Self.longestStep,
            "the kernel of node \(node) has not been as desired for \(Int(Self.longestStep)) s: "
                + "\((try? nodes[node].json("fib").text) ?? "")\n\(state(node))")
    }

    /// Each run of an agent is measured against itself when it was ten seconds old. What connections cost that a fault
    /// leaves half open is given back soon.
    private func checkUsage(_ node: Int, _ bases: inout [pid_t: Base]) throws {
        guard let pid = nodes[node].pid, nodes[node].isRunning, let now = try? Usage(pid) else { return }
        guard let base = bases[pid], Date().timeIntervalSince(base.since) > 10 else {
            bases[pid] = Base(usage: now, since: bases[pid]?.since ?? Date(), lastFlat: Date())
            return
        }
        let isFlat =
            now.descriptors <= base.usage.descriptors + 16 && now.threads <= base.usage.threads + 8
            && now.resident <= base.usage.resident * 1.25 + 8
        if isFlat { bases[pid]?.lastFlat = Date() }
        try check(
            Date().timeIntervalSince(bases[pid]?.lastFlat ?? Date()) < Self.longestStep,
            "node \(node) grows: \(now), was \(base.usage)")
    }

    /// What a run of an agent was.
    private struct Base {
        var usage: Usage
        var since: Date
        var lastFlat: Date
    }

    private func checkLog(_ node: Int) throws {
        let errors = nodes[node].lines.filter { line in
            line.contains("level=error") && !Self.explained.contains { line.contains($0) }
        }
        try check(errors.isEmpty, "node \(node) has errors that no fault explains: \(errors.prefix(5))")
    }
}
