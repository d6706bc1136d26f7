import Foundation
import Lab

/// What became of a cell.
enum Outcome: Sendable {
    case passed
    case failed(String)
}

/// A condition of a cell does not hold.
func check(_ condition: Bool, _ what: @autoclosure () -> String) throws {
    guard condition else { throw LabError(what()) }
}

/// Runs the racks of a router when the first of its cells is asked for: a few at a time, each on a thread of its own,
/// so that no test waits on a thread that others need. Each rack serves several cells.
final class MatrixRun: Sendable {
    static let shared = MatrixRun()

    /// One rack: the cells that it serves, and the work, which reports each of them.
    struct Group: Sendable {
        let features: [Feature]
        let run: @Sendable (RouterKind, Reporter) throws -> Void
    }

    /// Takes what the cells of one rack come to.
    struct Reporter: Sendable {
        fileprivate let cells: [Feature: Pending]
        fileprivate let router: RouterKind

        /// Runs a cell, unless there is none because the router lacks the feature.
        func cell(_ feature: Feature, _ body: () throws -> Void) {
            guard let pending = cells[feature] else { return }
            guard case .test = Matrix.content(Cell(router: router, feature: feature)) else { return }
            do {
                try body()
                pending.settle(.passed)
            } catch { pending.settle(.failed("\(error)")) }
        }

        /// Checks what the router is said to lack against the capabilities of its OPEN.
        func lacking(_ offered: () throws -> [String]) {
            for (feature, pending) in cells {
                guard
                    case .lacks(let reason, let name?) = Matrix.content(Cell(router: router, feature: feature))
                else { continue }
                do {
                    let found = try offered().filter { $0.contains(name) }
                    try check(found.isEmpty, "not so any more: \(reason): it offers \(found)")
                    pending.settle(.passed)
                } catch { pending.settle(.failed("\(error)")) }
            }
        }
    }

    private static let groups = [
        Group(features: SessionBench.features) { try SessionBench.run($0, $1) },
        Group(features: TransitBench.features) { try TransitBench.run($0, $1) },
        Group(features: [.unnumbered]) { try UnnumberedBench.run($0, $1) },
        Group(features: RestartBench.features) { try RestartBench.run($0, $1) },
    ]

    private let lock = NSLock()
    nonisolated(unsafe) private var started: [RouterKind: [Feature: Pending]] = [:]

    /// Waits for a cell.
    func outcome(of cell: Cell) async -> Outcome {
        guard let pending = cells(of: cell.router)[cell.feature] else { return .failed("no rack serves this cell") }
        return await pending.outcome()
    }

    private func cells(of router: RouterKind) -> [Feature: Pending] {
        lock.withLock {
            if let known = started[router] { return known }
            var all: [Feature: Pending] = [:]
            let wanted = Set(Matrix.cells(of: router).map(\.feature))
            for group in Self.groups where !wanted.isDisjoint(with: group.features) {
                let cells = Dictionary(uniqueKeysWithValues: group.features.map { ($0, Pending()) })
                all.merge(cells) { _, new in new }
                Thread.detachNewThread { Self.run(group, router, cells) }
            }
            started[router] = all
            return all
        }
    }

    private static func run(_ group: Group, _ router: RouterKind, _ cells: [Feature: Pending]) {
        var reason = "its rack has no test for it"
        do { try group.run(router, Reporter(cells: cells, router: router)) } catch {
            reason = "its rack could not be built: \(error)"
        }
        for pending in cells.values { pending.settle(.failed(reason)) }
    }
}

/// An outcome that is still to come. The first one counts.
final class Pending: @unchecked Sendable {
    private let lock = NSLock()
    private var settled: Outcome?
    private var waiting: [CheckedContinuation<Outcome, Never>] = []

    func settle(_ outcome: Outcome) {
        let ready = lock.withLock { () -> [CheckedContinuation<Outcome, Never>] in
            guard settled == nil else { return [] }
            settled = outcome
            defer { waiting = [] }
            return waiting
        }
        for continuation in ready { continuation.resume(returning: outcome) }
    }

    func outcome() async -> Outcome {
        await withCheckedContinuation { continuation in
            let known = lock.withLock { () -> Outcome? in
                if settled == nil { waiting.append(continuation) }
                return settled
            }
            if let known { continuation.resume(returning: known) }
        }
    }
}
